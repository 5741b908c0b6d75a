"""Telling whether a file has changed: by its folder entry, which is cheap, or by its content."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path
from typing import NamedTuple


class Stamp(NamedTuple):
    """What a file's folder entry says: equal stamps mean that nobody has written to it."""

    size: int
    mtime_ns: int


class FileState(NamedTuple):
    """As a stamp, and more: whoever writes to a file, replaces it or opens it up to others changes this.

    It does not outlive a move to another disk, so it is compared, and never kept.
    """

    inode: int
    size: int
    mtime_ns: int
    ctime_ns: int

    @classmethod
    def of(cls, status: os.stat_result) -> FileState:
        return cls(status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


NO_STAMP = Stamp(-1, 0)
"""The stamp of no file."""


def stamp_of(path: Path) -> Stamp | None:
    """The stamp of the file that ``path`` leads to; ``None`` where there is none."""
    try:
        status = os.stat(path)  # noqa: PTH116 - asked for every picture, and twice as fast
    except (OSError, ValueError):
        return None
    return Stamp(status.st_size, status.st_mtime_ns)


def state_of(path: str) -> FileState | None:
    """The state of the regular file that ``path`` leads to; ``None`` where there is none."""
    try:
        status = os.stat(path)  # noqa: PTH116 - asked for every file of every poll
    except (OSError, ValueError):
        return None
    return FileState.of(status) if stat.S_ISREG(status.st_mode) else None


def sha256_of_file(path: Path) -> str:
    """Hash of a file's content in hexadecimal. Raises OSError."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def sha256_of(path: Path) -> str | None:
    """As :func:`sha256_of_file`; ``""`` where there is no file, ``None`` where it does not read."""
    try:
        return sha256_of_file(path)
    except FileNotFoundError:
        return ""
    except OSError:
        return None


def sha256_of_bytes(content: bytes | None) -> str:
    """Hash of a content at hand in hexadecimal; ``""`` where there is no file."""
    return "" if content is None else hashlib.sha256(content).hexdigest()
