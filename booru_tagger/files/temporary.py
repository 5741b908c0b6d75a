"""Files of ours beside a user's, which get their names once all of their content is there."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from booru_tagger.files.locking import lock_at_once

PREFIX = ".booru-tagger-"
"""Beginning of the names of all files that this tool makes for itself beside a user's."""
TEMPORARY = ".tmp"


class Temporary:
    """A temporary file in ``folder``, with the content that ``fill`` writes. Methods raise OSError.

    It is locked until it is discarded, which tells a sweeping process that we are alive. On Windows, where an
    open file cannot be renamed, it is neither locked nor open any more, and flushed already.
    """

    def __init__(self, folder: Path, fill: Callable[[BinaryIO], object]) -> None:
        self.is_named = False
        self.path = folder / f"{PREFIX}{os.urandom(8).hex()}{TEMPORARY}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        self._handle = os.fdopen(os.open(self.path, flags, 0o666), "wb")
        try:
            with contextlib.suppress(OSError):  # some network file systems have no locks; then nothing sweeps
                lock_at_once(self._handle.fileno())
            fill(self._handle)
            self._handle.flush()
            if sys.platform == "win32":
                self.flush()
                self._handle.close()
        except BaseException:
            self.discard()
            raise

    def flush(self) -> None:
        """Have the content on the disk. Right after that of many others this takes little time."""
        if not self._handle.closed:
            os.fsync(self._handle.fileno())

    def discard(self) -> None:
        """Let go of it, and remove it unless it ``is_named`` otherwise."""
        with contextlib.suppress(OSError):
            self._handle.close()
        if not self.is_named:
            with contextlib.suppress(OSError):
                self.path.unlink()


_swept: set[Path] = set()


def sweep_once(folder: Path) -> None:
    """Clear a folder of what killed runs left there, the first time this process writes into it."""
    if folder in _swept:
        return
    if len(_swept) > 10_000:
        _swept.clear()
    _swept.add(folder)
    sweep(folder)


def sweep(folder: Path) -> None:
    """Remove temporary files of runs that were killed; those of living ones are locked and stay."""
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(PREFIX) and entry.name.endswith(TEMPORARY):
                _remove_if_dead(Path(entry.path))


def _remove_if_dead(path: Path) -> None:
    with contextlib.suppress(OSError):
        descriptor = os.open(path, os.O_RDWR)
        try:
            dead = lock_at_once(descriptor)
        finally:
            os.close(descriptor)
        if dead:
            path.unlink()
