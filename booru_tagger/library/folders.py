"""From what is known of a picture to the folders that it is sorted into."""

from __future__ import annotations

import os
import re
import string
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from booru_tagger.errors import ConfigError, nearest
from booru_tagger.types import FaceResult, TagResult
from booru_tagger.vocab import CHARACTER, COPYRIGHT, RATING

Several = Literal["first", "each", "together", "apart", "skip"]
"""What becomes of a picture with several characters: the surest one counts, there is a place for each, their
names are joined, the folder is called ``several``, or it is left where it is."""

UNKNOWN = "unknown"
"""Stands for what is not known of a picture; ``no_head`` for the name in one without heads."""
NO_HEAD = "no_head"
SEVERAL = "several"
SKIP = "skip"
FIELDS = ("series", "character", "hair", "eyes", "heads", "rating", "folder", "year", "month")
_SERIES, _CHARACTER = "{series}", "{character}"
_JOINT = " + "
_FORBIDDEN = re.compile(r'[<>:"/\\|?*\x00-\x1f]')
_LOOSE_END = re.compile(r"[.\s]+\Z")
_DEVICES = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?")
_MOST_BYTES = 180
"""Of a folder's name: systems allow 255 bytes, and some need a few for themselves."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """A character in a picture, with the face that shows it, where one does."""

    name: str
    series: str
    face: FaceResult | None


class FolderTemplate:
    """A path such as ``{series}/{character}``, to be filled in for each picture.

    Raises :class:`ConfigError` for a field that does not exist, and for a path that would lead out of the
    tree.
    """

    def __init__(self, text: str) -> None:
        self._parts = [part for part in text.replace("\\", "/").split("/") if part not in ("", ".")]
        if not self._parts or ".." in self._parts or text.startswith("/"):
            raise ConfigError(f"template {text!r}: must be a path below the folder that is sorted into")
        for part in self._parts:
            self._check(text, part)

    def _check(self, text: str, part: str) -> None:
        try:
            pieces = list(string.Formatter().parse(part))
        except ValueError as error:
            raise ConfigError(f"template {text!r}: {error}") from error
        for _, name, form, conversion in pieces:
            if name is None:
                continue
            if name not in FIELDS or form or conversion:
                near = nearest(name, FIELDS)
                hint = f"; did you mean {{{near}}}?" if near else f"; there are {', '.join(FIELDS)}"
                raise ConfigError(f"template {text!r}: there is no {{{name}}}{hint}")

    @property
    def asks_for_series(self) -> bool:
        return any(_SERIES in part for part in self._parts)

    def filled(self, values: dict[str, str], *, short: bool = False) -> Path:
        """The folder below the tree. What no system takes in a name is replaced.

        ``short``: a folder of the series alone is left out, where another one is called after the character.
        """
        clean = {name: _FORBIDDEN.sub("_", value) for name, value in values.items()}
        parts = self._parts
        if short and any(_CHARACTER in part for part in parts):
            parts = [part for part in parts if part != _SERIES]
        return Path(*(folder_name(part.format(**clean)) for part in parts))


def folder_name(part: str) -> str:
    """``part`` as the name of a folder on every system."""
    name = _LOOSE_END.sub("", _FORBIDDEN.sub("_", part).strip())
    while len(os.fsencode(name)) > _MOST_BYTES:
        name = _LOOSE_END.sub("", name[:-1])
    return f"{name or '_'}_" if _DEVICES.fullmatch(name) or not name else name


@dataclass(frozen=True, slots=True)
class Sorting:
    """Into which folders pictures go.

    ``series_of`` knows the series of characters by their tags. Names below ``min_score`` count as unknown.
    ``unknown`` is the word for what is not known; under ``skip`` pictures of which neither a name nor a
    series is known are to stay. Otherwise their folder is not called after a series, but where the longer
    path ``is_there``: trees of before have such, and are not sorted anew.
    """

    template: FolderTemplate
    several: Several = "first"
    min_score: float = 0.0
    series_of: Callable[[str], str | None] = lambda name: None
    unknown: str = UNKNOWN
    is_there: Callable[[Path], bool] = lambda folder: False

    def folders(self, picture: Path, result: TagResult, modified: float) -> list[Path]:
        """Those of one picture, below the tree; none where it is to stay. ``modified``: see os.stat."""
        seen = self._characters(result)
        if self.unknown == SKIP and self._is_nobody(seen, result):
            return []
        if len(seen) <= 1:
            return [self._folder(picture, result, modified, seen)]
        match self.several:
            case "skip":
                return []
            case "each":
                found = [self._folder(picture, result, modified, [one]) for one in seen]
                return list(dict.fromkeys(found))
            case "first":
                return [self._folder(picture, result, modified, seen[:1])]
        return [self._folder(picture, result, modified, seen)]

    def _characters(self, result: TagResult) -> list[_Seen]:
        """The surest first: by the tags that were written, or where names are not written, by the faces."""
        named = {face.character.tag: face for face in reversed(result.faces) if face.character is not None}
        scores = {tag.tag: tag.score for tag in result.tags if tag.category == CHARACTER}
        scores = scores or {
            name: face.character.score for name, face in named.items() if face.character is not None
        }
        kept = sorted((-score, name) for name, score in scores.items() if score >= self.min_score)
        return [_Seen(name, self._series(name, result), named.get(name)) for _, name in kept]

    def _series(self, name: str, result: TagResult) -> str:
        known = self.series_of(name)
        written = [tag.tag for tag in result.tags if tag.category == COPYRIGHT]
        return known or (written[0] if len(written) == 1 else self._unknown)

    def _is_nobody(self, seen: list[_Seen], result: TagResult) -> bool:
        return not seen and self._series("", result) == self._unknown

    @property
    def _unknown(self) -> str:
        return UNKNOWN if self.unknown == SKIP else self.unknown

    def _folder(self, picture: Path, result: TagResult, modified: float, seen: list[_Seen]) -> Path:
        face = next((one.face for one in seen if one.face is not None), None)
        face = face or next(iter(result.faces), None)
        moment = datetime.fromtimestamp(modified)
        hair, eyes = (
            color.tag if color is not None else self._unknown
            for color in ((face.hair_color, face.eye_color) if face is not None else (None, None))
        )
        values = {
            "character": self._joined([one.name for one in seen], result),
            "series": self._joined_series(seen, result),
            "hair": hair,
            "eyes": eyes,
            "heads": str(len(result.faces)),
            "rating": next((tag.tag for tag in result.tags if tag.category == RATING), self._unknown),
            "folder": picture.parent.name,
            "year": f"{moment.year:04}",
            "month": f"{moment.month:02}",
        }
        whole = self.template.filled(values)
        if not self._is_nobody(seen, result) or self.is_there(whole):
            return whole
        return self.template.filled(values, short=True)

    def _joined(self, names: list[str], result: TagResult) -> str:
        if not names:
            return self._unknown if result.faces else NO_HEAD
        if len(names) > 1 and self.several == "apart":
            return SEVERAL
        return _JOINT.join(sorted(names))

    def _joined_series(self, seen: list[_Seen], result: TagResult) -> str:
        if not seen:
            return self._series("", result)
        names = sorted({one.series for one in seen})
        return SEVERAL if len(names) > 1 and self.several == "apart" else _JOINT.join(names)
