"""Standard error as lines of JSON, whoever writes to it: the program, its libraries, C code below them."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TextIO

STDERR = 2
_LAST_WORDS_SECONDS = 1.0
"""How long to wait at the end for what is still in the pipe; a child process may keep it open for ever."""


@contextmanager
def divert_stderr(tell: Callable[[str], None]) -> Iterator[TextIO]:
    """Have ``tell`` called with each line that anybody writes to standard error; yields the way past that.

    ``tell`` is called in a thread of its own. What was replaced as ``sys.stderr`` before stays as it is.
    """
    sys.stderr.flush()
    try:
        real = os.dup(STDERR)
    except OSError:  # standard error is closed
        yield sys.stderr
        return
    readable, writable = os.pipe()
    os.dup2(writable, STDERR)
    os.close(writable)
    reader = threading.Thread(target=_pass_on, args=(readable, tell), name="stderr", daemon=True)
    reader.start()
    stream = open(real, "w", encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
    try:
        yield stream if _is_real(sys.stderr) else sys.stderr
    finally:
        sys.stderr.flush()
        os.dup2(real, STDERR)  # which closes the pipe, and so ends the reader
        reader.join(_LAST_WORDS_SECONDS)
        stream.close()
        os.close(real)


def _is_real(stream: TextIO) -> bool:
    with suppress(OSError, ValueError):
        return stream.fileno() == STDERR
    return False


def _pass_on(readable: int, tell: Callable[[str], None]) -> None:
    with open(readable, encoding="utf-8", errors="backslashreplace") as lines:
        for line in lines:
            if text := line.strip():
                tell(text)
