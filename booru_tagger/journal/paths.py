"""Where the journal lives, and how it names files."""

from __future__ import annotations

import os
import time
from pathlib import Path

from booru_tagger.files.user_folders import user_folder

_MANY = 65_536
SEPARATOR = os.sep.encode()


def default_path() -> Path:
    """The journal in the user's state folder."""
    return user_folder("state") / "journal.sqlite3"


def path_of(key: bytes) -> Path:
    return Path(os.fsdecode(key))


def prefix_of(folder: Path) -> bytes:
    """What the keys of all files below ``folder`` begin with."""
    return os.fsencode(os.path.realpath(folder)).rstrip(SEPARATOR) + SEPARATOR


def after(prefix: bytes) -> bytes:
    """The first key behind all that begin with ``prefix``."""
    return prefix[:-1] + bytes([prefix[-1] + 1])


def _split(path: Path) -> tuple[str, str]:
    """The folder, by its absolute path, and the file's name in it; links are not followed."""
    text = os.fspath(path)
    if os.sep == "/" and ".." not in text:
        # As good as normal already, and asked for every picture of a run: abspath takes as long as a query.
        folder, _, name = os.path.join(os.getcwd(), text).rpartition("/")  # noqa: PTH109, PTH118
        if folder and name not in ("", "."):
            return folder, name
    return os.path.split(os.path.abspath(path))  # noqa: PTH100


class PathKeys:
    """Turns paths into the names under which the journal knows files.

    A key is absolute, with the links in its folder resolved, so that a file has one key however it is
    reached; the file's own link is kept, for a sidecar stands beside the link. It is bytes, because a name on
    disk need not be valid UTF-8.
    """

    def __init__(self) -> None:
        self._folders: dict[str, tuple[int, int, str]] = {}
        self._last = ("", "", 0.0)

    def __call__(self, path: Path, patience: float = 0.0) -> bytes:
        """The key of a file. Of a row of files in one folder, it is looked after ``patience`` seconds again
        whether that folder still leads to the same place."""
        folder, name = _split(path)
        known, prefix, looked = self._last
        now = time.monotonic()
        if known != folder or now >= looked + patience:
            real = self._real(folder)
            prefix = real if real.endswith(os.sep) else real + os.sep
            self._last = (folder, prefix, now)
        return os.fsencode(prefix + name)

    def _real(self, folder: str) -> str:
        try:
            status = os.stat(folder)  # noqa: PTH116
        except OSError:
            return os.path.realpath(folder)
        known = self._folders.get(folder)
        # A link that was bent elsewhere leads to another inode.
        if known is None or known[:2] != (status.st_dev, status.st_ino):
            if len(self._folders) >= _MANY:
                self._folders.clear()
            known = (status.st_dev, status.st_ino, os.path.realpath(folder))
            self._folders[folder] = known
        return known[2]
