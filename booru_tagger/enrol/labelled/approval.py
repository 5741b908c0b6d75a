"""What a person approved on the page about a library: a file that the page saves."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from booru_tagger.errors import DataError
from booru_tagger.files.text import read_text

KIND = "booru-tagger approval"

Names = frozenset[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Approval:
    """``characters`` are those to be learned (``None``: all); ``accepted`` pictures and doubtful names that
    are right, ``refused`` such that are wrong although nothing was doubtful."""

    characters: frozenset[str] | None = None
    accepted: Names = frozenset()
    refused: Names = frozenset()


def read_approval(path: Path) -> Approval:
    """Raises :class:`DataError` for a file that the page did not save."""
    try:
        values = json.loads(read_text(path))
        if values["kind"] != KIND:
            raise ValueError("it is of another kind")
        characters = frozenset(str(tag) for tag in values["characters"])
        return Approval(characters, _pairs(values["accepted"]), _pairs(values["refused"]))
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{path}: is not what the page of `booru-tagger characters learn --page` saves ({error})"
        ) from error


def _pairs(values: Any) -> Names:
    return frozenset((str(picture), str(tag)) for picture, tag in values)
