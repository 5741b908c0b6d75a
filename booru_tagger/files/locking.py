"""Locks between processes and threads, gone by themselves when their holder dies."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from booru_tagger.errors import OutputError

if sys.platform == "win32":
    import msvcrt

    def lock_at_once(descriptor: int) -> bool:
        """Lock an open file if nobody else has; the lock ends when it is closed. Whether it worked."""
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except PermissionError:
            return False
        return True

else:
    import fcntl

    def lock_at_once(descriptor: int) -> bool:
        """Lock an open file if nobody else has; the lock ends when it is closed. Whether it worked.

        Raises OSError where the file system knows no locks.
        """
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


@contextlib.contextmanager
def locked(path: Path, timeout: float) -> Iterator[None]:
    """Hold the lock file ``path``, which is made for the purpose and removed afterwards.

    Waits ``timeout`` seconds at most, then raises :class:`OutputError`. Other OSErrors pass through.
    """
    deadline = time.monotonic() + timeout
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            # The holder before us may have removed the file that we have just opened: then we lock nothing.
            if lock_at_once(descriptor) and _is_at(descriptor, path):
                break
        except OSError:
            os.close(descriptor)
            raise
        os.close(descriptor)
        if time.monotonic() >= deadline:
            raise OutputError(
                f"{path}: another process has held this lock for {timeout:g} s; "
                "wait for it to end, or write with one process at a time"
            )
        time.sleep(0.005)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            path.unlink()
        os.close(descriptor)


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False
