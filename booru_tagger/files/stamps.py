"""Telling whether a file has changed: by its folder entry, which is cheap, or by its content."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import NamedTuple


class Stamp(NamedTuple):
    """What a file's folder entry says: equal stamps mean that nobody has written to it."""

    size: int
    mtime_ns: int


NO_STAMP = Stamp(-1, 0)
"""The stamp of no file."""


def stamp_of(path: Path) -> Stamp | None:
    """The stamp of the file that ``path`` leads to; ``None`` where there is none."""
    try:
        status = os.stat(path)  # noqa: PTH116 - asked for every picture, and twice as fast
    except (OSError, ValueError):
        return None
    return Stamp(status.st_size, status.st_mtime_ns)


def sha256_of(path: Path) -> str | None:
    """Hash of the content in hexadecimal; ``""`` where there is no file, ``None`` where it does not read."""
    try:
        with path.open("rb") as handle:
            return hashlib.file_digest(handle, "sha256").hexdigest()
    except FileNotFoundError:
        return ""
    except OSError:
        return None


def sha256_of_bytes(content: bytes | None) -> str:
    """Hash of a content at hand in hexadecimal; ``""`` where there is no file."""
    return "" if content is None else hashlib.sha256(content).hexdigest()
