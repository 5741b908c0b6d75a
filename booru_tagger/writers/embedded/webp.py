"""WebP: chunks in a RIFF container. Metadata need the extended form, which says in VP8X what there is."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from booru_tagger.writers.embedded import exif
from booru_tagger.writers.embedded.blocks import Blocks, EmbedError

_SIMPLE = (b"VP8 ", b"VP8L")
_PICTURE = (*_SIMPLE, b"ALPH", b"ANMF")
_NEEDS_EXTENDED = (b"ICCP", b"ANIM", b"ALPH", b"ANMF", b"EXIF", b"XMP ")
_ALPHA_FLAG = 0x10
_FLAGS = {b"EXIF": 0x08, b"XMP ": 0x04}
_EXIF_START = b"Exif\0\0"
"""Should not be there in WebP, but some programs leave it."""


@dataclass(frozen=True, slots=True)
class _Chunk:
    """``padding`` is the byte behind a content of odd length; some programs leave it out at the end."""

    name: bytes
    content: bytes
    padding: bytes

    @property
    def raw(self) -> bytes:
        return self.name + struct.pack("<I", len(self.content)) + self.content + self.padding


def _made(name: bytes, content: bytes) -> _Chunk:
    return _Chunk(name, content, bytes(len(content) % 2))


class Webp:
    """A WebP file. Raises :class:`EmbedError` where its chunks do not follow one another."""

    def __init__(self, data: bytes) -> None:
        self.chunks, self.rest = _taken_apart(data)
        block = _first(self.chunks, b"EXIF")
        self.exif_start = _EXIF_START if block.startswith(_EXIF_START) else b""
        self.exif = block.removeprefix(self.exif_start)
        self.blocks = Blocks(
            xmp=_first(self.chunks, b"XMP "),
            iptc=None,
            windows=exif.read_windows(self.exif),
            extended=self.chunks[0].name == b"VP8X",
        )

    @property
    def further_packets(self) -> tuple[bytes, ...]:
        return tuple(chunk.content for chunk in self.chunks if chunk.name == b"XMP ")[1:]

    def replaced(self, new: Blocks) -> bytes:
        chunks = self.chunks
        if new.windows is not None and new.windows != self.blocks.windows:
            block = exif.with_windows(self.exif, new.windows)
            chunks = _exchanged(chunks, b"EXIF", self.exif_start + block if block else b"")
        if new.xmp != self.blocks.xmp:
            chunks = _exchanged(chunks, b"XMP ", new.xmp)
        if chunks[0].name == b"VP8X":
            chunks = [_flagged(chunks[0], chunks, self.chunks), *chunks[1:]]
        elif len(chunks) > len(self.chunks):
            chunks = [_flagged(_vp8x(chunks), chunks, ()), *chunks]
        if not new.extended and _is_needless(chunks):
            chunks = chunks[1:]
        return _put_together(chunks) + self.rest

    def foreign(self) -> list[tuple[str, bytes]]:
        chunks = _exchanged(self.chunks, b"XMP ", b"")
        block = self.exif_start + self.exif
        if self.blocks.windows is not None:
            base = exif.without_windows(self.exif)
            block = self.exif_start + base if base else b""
        chunks = _exchanged(chunks, b"EXIF", block)
        if chunks[0].name == b"VP8X":
            chunks[0] = _flagged(chunks[0], chunks, self.chunks)
        if _is_needless(chunks):
            chunks = chunks[1:]
        named = [(f"chunk {chunk.name.decode('latin-1').strip()}", chunk.content) for chunk in chunks]
        return [*named, ("what stands behind the picture", self.rest)]


def _taken_apart(data: bytes) -> tuple[list[_Chunk], bytes]:
    end = 8 + int.from_bytes(data[4:8], "little")
    if end > len(data):
        raise EmbedError("it is cut off: its size says that there should be more of it")
    chunks = []
    at = 12
    while at < end:
        start = at + 8
        length = int.from_bytes(data[at + 4 : start], "little")
        if start + length > end:
            raise EmbedError(f"the length of its chunk at byte {at} is wrong")
        behind = min(start + length + length % 2, end)
        if data[at : at + 4] == b"VP8X" and length < 10:
            raise EmbedError(f"its chunk at byte {at} is cut off")
        chunks.append(_Chunk(data[at : at + 4], data[start : start + length], data[start + length : behind]))
        at = behind
    _check_form([chunk.name for chunk in chunks])
    return chunks, data[end:]


def _check_form(names: Sequence[bytes]) -> None:
    if not any(name in _PICTURE for name in names):
        raise EmbedError("there is no picture in it")
    if b"VP8X" in names[1:] or (names[0] != b"VP8X" and any(name in _NEEDS_EXTENDED for name in names)):
        raise EmbedError("it has chunks that do not belong in its kind of file")


def _put_together(chunks: Sequence[_Chunk]) -> bytes:
    padded = [replace(chunk, padding=chunk.padding or bytes(len(chunk.content) % 2)) for chunk in chunks[:-1]]
    body = b"WEBP" + b"".join(chunk.raw for chunk in [*padded, *chunks[-1:]])
    try:
        return b"RIFF" + struct.pack("<I", len(body)) + body
    except struct.error:
        raise EmbedError("it would grow beyond the 4 GB that its format allows") from None


def _first(chunks: Iterable[_Chunk], name: bytes) -> bytes:
    return next((chunk.content for chunk in chunks if chunk.name == name), b"")


def _exchanged(chunks: Sequence[_Chunk], name: bytes, content: bytes) -> list[_Chunk]:
    """The chunks with another content in the first of this name; where there was none, it comes behind the
    picture, EXIF before XMP."""
    wanted = [_made(name, content)] if content else []
    for at, chunk in enumerate(chunks):
        if chunk.name == name:
            kept = [chunk] if chunk.content == content else wanted
            return [*chunks[:at], *kept, *chunks[at + 1 :]]
    before = (*_PICTURE, b"EXIF") if name == b"XMP " else _PICTURE
    place = max(at for at, chunk in enumerate(chunks) if chunk.name in before) + 1
    return [*chunks[:place], *wanted, *chunks[place:]]


def _flagged(vp8x: _Chunk, now: Iterable[_Chunk], before: Iterable[_Chunk]) -> _Chunk:
    """VP8X with the flags of metadata that came or went. One that stands for nothing could not come back."""
    flags = vp8x.content[0]
    for name, flag in _FLAGS.items():
        if _first(now, name):
            if flags & flag and not _first(before, name):
                raise EmbedError(f"it announces a chunk {name.decode().strip()} that is not there")
            flags |= flag
        elif _first(before, name):
            flags &= ~flag
    return _Chunk(vp8x.name, bytes((flags,)) + vp8x.content[1:], vp8x.padding)


def _vp8x(chunks: Iterable[_Chunk]) -> _Chunk:
    """VP8X for a picture in the simple form, which knows its size itself."""
    picture = next((chunk for chunk in chunks if chunk.name in _SIMPLE), None)
    if picture is None or len(picture.content) < (10 if picture.name == b"VP8 " else 5):
        raise EmbedError("there is no still picture in it")
    if picture.name == b"VP8 ":
        width, height = (number & 0x3FFF for number in struct.unpack_from("<HH", picture.content, 6))
        flags = 0
    else:
        bits = int.from_bytes(picture.content[1:5], "little")
        width, height = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        flags = _ALPHA_FLAG if bits >> 28 & 1 else 0
    if not (width and height):
        raise EmbedError("its picture has no size")
    size = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return _made(b"VP8X", bytes((flags, 0, 0, 0)) + size)


def _is_needless(chunks: Sequence[_Chunk]) -> bool:
    """Whether VP8X says nothing that the picture does not say itself."""
    if chunks[0].name != b"VP8X" or any(chunk.name in _NEEDS_EXTENDED for chunk in chunks):
        return False
    try:
        return chunks[0] == _vp8x(chunks)
    except EmbedError:
        return False
