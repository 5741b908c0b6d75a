"""Reading a whole file safely, whatever stands at its path."""

from __future__ import annotations

import os
import stat
from pathlib import Path


class IrregularFileError(OSError):
    """There is a pipe, a device or the like, which may have no end."""


class OversizeFileError(OSError):
    """The file is larger than it may be; ``size`` is what it has in bytes."""

    def __init__(self, size: int) -> None:
        super().__init__(f"{size:,} bytes are more than it may have")
        self.size = size


def read_regular(path: Path, max_bytes: int | None = None) -> bytes:
    """The bytes of a regular file. Raises OSError: the two above and the system's own."""
    return read_with_status(path, max_bytes)[0]


def read_with_status(path: Path, max_bytes: int | None = None) -> tuple[bytes, os.stat_result]:
    """As :func:`read_regular`, with what the file was like when it was opened."""
    # O_NONBLOCK: opening a FIFO must not hang; what is not a regular file is refused just below.
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    with os.fdopen(descriptor, "rb") as handle:
        status = os.fstat(handle.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise IrregularFileError("not a regular file")
        if max_bytes is not None and status.st_size > max_bytes:
            raise OversizeFileError(status.st_size)
        return handle.read(), status
