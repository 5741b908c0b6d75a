"""Text that other programs wrote: UTF-8, or what Windows' editors and PowerShell make of it."""

from __future__ import annotations

import codecs
import io
from pathlib import Path
from typing import BinaryIO, TextIO

_UTF8_MARK = codecs.BOM_UTF8
_UTF16 = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
_CHUNK = 65_536


class Utf8Reader(io.RawIOBase):
    """The bytes of ``stream`` without a byte-order mark, and from UTF-16 turned into UTF-8.

    UTF-16 is known by its mark or by a null byte in its first letter; not by the latter where
    ``may_hold_nulls``. UTF-8 is passed on unchecked. ``errors`` is for UTF-16. The stream stays open.
    """

    def __init__(
        self, stream: BinaryIO | io.BytesIO, *, may_hold_nulls: bool = False, errors: str = "strict"
    ) -> None:
        self._stream = stream
        self._may_hold_nulls = may_hold_nulls
        self._errors = errors
        self._decoder: codecs.IncrementalDecoder | None = None
        self._is_over = False
        self._ready: bytes | None = None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """At most what one read of the stream gives. Raises UnicodeDecodeError."""
        while not self._ready and not self._is_over:
            self._ready = self._begin() if self._ready is None else self._recoded(self._read())
        ready = self._ready or b""
        part = ready[: len(buffer)]
        buffer[: len(part)] = part
        self._ready = ready[len(part) :]
        return len(part)

    def _begin(self) -> bytes:
        head = self._read()
        while not self._is_over and (len(head) < 2 or head == _UTF8_MARK[:2]):
            head += self._read()
        encoding, mark = encoding_of(head, may_hold_nulls=self._may_hold_nulls)
        if encoding != "utf-8":
            self._decoder = codecs.getincrementaldecoder(encoding)(self._errors)
        return self._recoded(head[mark:])

    def _read(self) -> bytes:
        read = getattr(self._stream, "read1", self._stream.read)
        chunk = bytes(read(_CHUNK))
        self._is_over = not chunk
        return chunk

    def _recoded(self, chunk: bytes) -> bytes:
        if self._decoder is None:
            return chunk
        return self._decoder.decode(chunk, self._is_over).encode("utf-8", self._errors)


def encoding_of(head: bytes, *, may_hold_nulls: bool = False) -> tuple[str, int]:
    """The encoding of a text that begins so, and the length of its byte-order mark."""
    if head.startswith(_UTF8_MARK):
        return "utf-8", len(_UTF8_MARK)
    for mark, encoding in _UTF16.items():
        if head.startswith(mark):
            return encoding, len(mark)
    if not may_hold_nulls and len(head) > 1 and 0 in head[:2]:
        return ("utf-16-le" if head[1] == 0 else "utf-16-be"), 0
    return "utf-8", 0


def utf8(stream: BinaryIO, *, may_hold_nulls: bool = False) -> io.BufferedReader:
    """Lines of such a stream; invalid letters of UTF-16 become U+FFFD."""
    return io.BufferedReader(Utf8Reader(stream, may_hold_nulls=may_hold_nulls, errors="replace"))


def open_text(path: Path, *, newline: str | None = None, errors: str = "strict") -> TextIO:
    """Open a text to be read, in UTF-8 or UTF-16, with or without a byte-order mark.

    Raises OSError; reading raises UnicodeDecodeError where ``errors`` does not forbid it.
    """
    return _Text(path.open("rb"), newline=newline, errors=errors)


def read_text(path: Path, errors: str = "strict") -> str:
    """All of such a text. Raises OSError and UnicodeDecodeError."""
    with open_text(path, errors=errors) as text:
        return text.read()


def decoded(data: bytes, newline: str | None = "") -> str:
    """Such a text from its bytes, newlines as they are unless told otherwise. Raises UnicodeDecodeError."""
    with _Text(io.BytesIO(data), newline=newline, errors="strict") as text:
        return text.read()


class _Text(io.TextIOWrapper):
    """Closes what it reads from."""

    def __init__(self, source: BinaryIO, *, newline: str | None, errors: str) -> None:
        self._source = source
        reader = io.BufferedReader(Utf8Reader(source, errors="strict" if errors == "strict" else "replace"))
        super().__init__(reader, "utf-8", errors, newline)

    def close(self) -> None:
        super().close()
        self._source.close()
