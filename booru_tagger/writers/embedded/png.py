"""PNG: chunks up to IEND, and whatever stands behind it."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from booru_tagger.writers.embedded import exif, iptc
from booru_tagger.writers.embedded.blocks import Blocks, EmbedError

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_XMP = b"XML:com.adobe.xmp\0"
_RAW = b"Raw profile type "
"""ImageMagick's way of putting a block into a text chunk, from before PNG had places for them."""
_RAW_XMP, _RAW_IPTC = _RAW + b"xmp\0", _RAW + b"iptc\0"
_RAW_EXIF = (_RAW + b"exif\0", _RAW + b"APP1\0")
_LONGEST_TEXT = 1 << 26
_LONGEST_CHUNK = 2**31 - 1


@dataclass(frozen=True, slots=True)
class _Chunk:
    """``check`` is the checksum as it stands there, right or wrong."""

    kind: bytes
    content: bytes
    check: bytes

    @property
    def raw(self) -> bytes:
        return struct.pack(">I", len(self.content)) + self.kind + self.content + self.check

    def has_key(self, key: bytes) -> bool:
        return self.kind in (b"iTXt", b"zTXt", b"tEXt") and self.content.startswith(key)


def _made(kind: bytes, content: bytes) -> _Chunk:
    if len(content) > _LONGEST_CHUNK:
        raise EmbedError("a block would grow beyond the 2 GB that its format allows")
    return _Chunk(kind, content, struct.pack(">I", zlib.crc32(kind + content)))


_NEW_XMP = _made(b"iTXt", _XMP + bytes(4))
_NEW_IPTC = _made(b"zTXt", _RAW_IPTC + bytes(1) + zlib.compress(b"\niptc\n       1\n00\n"))
"""Without that zero at its end, exiv2 takes a block for cut off, and guesses at what is in it."""


class Png:
    """A PNG file. Raises :class:`EmbedError` where its chunks do not follow one another."""

    def __init__(self, data: bytes) -> None:
        self.chunks, self.rest = _taken_apart(data)
        self.xmp_at = self._find(_XMP, _RAW_XMP)
        self.iptc_at = self._find(_RAW_IPTC)
        self.exif_at = [at for at, chunk in enumerate(self.chunks) if chunk.kind == b"eXIf"]
        packets = tuple(_block(self.chunks[at]) for at in self.xmp_at)
        self.further_packets = packets[1:]
        self.blocks = Blocks(xmp=packets[0] if packets else b"", iptc=self._iptc(), windows=self._windows())

    def _find(self, *keys: bytes) -> list[int]:
        return [at for key in keys for at, chunk in enumerate(self.chunks) if chunk.has_key(key)]

    def _iptc(self) -> bytes | None:
        if not self.iptc_at:
            return b""
        try:
            block = _block(self.chunks[self.iptc_at[0]])
            streams = iptc.iptc_streams(block)
        except EmbedError:
            return None
        return b"".join(streams) if len(streams) < 2 and len(self.iptc_at) == 1 else None

    def _windows(self) -> bytes | None:
        if len(self.exif_at) > 1 or (not self.exif_at and self._find(*_RAW_EXIF)):
            return None  # a block of ours would hide the one that is there
        return exif.read_windows(self.chunks[self.exif_at[0]].content) if self.exif_at else b""

    def replaced(self, new: Blocks) -> bytes:
        changed: dict[int, _Chunk | None] = {}
        added: list[_Chunk] = []

        def put(places: Sequence[int], chunk: _Chunk | None) -> None:
            if places:
                changed[places[0]] = chunk
            elif chunk is not None:
                added.append(chunk)

        if new.windows is not None and new.windows != self.blocks.windows:
            old = self.chunks[self.exif_at[0]].content if self.exif_at else b""
            block = exif.with_windows(old, new.windows)
            put(self.exif_at, _made(b"eXIf", block) if block else None)
        if new.xmp != self.blocks.xmp:
            like = self.chunks[self.xmp_at[0]] if self.xmp_at else _NEW_XMP
            put(self.xmp_at, _with_block(like, new.xmp) if new.xmp else None)
        if new.iptc is not None and new.iptc != self.blocks.iptc:
            like = self.chunks[self.iptc_at[0]] if self.iptc_at else _NEW_IPTC
            block = iptc.with_stream(_block(like), new.iptc)
            put(self.iptc_at, _with_block(like, block) if block else None)
        kept = [changed.get(at, chunk) for at, chunk in enumerate(self.chunks)]
        first = next(at for at, chunk in enumerate(self.chunks) if chunk.kind == b"IHDR") + 1
        wanted = [*kept[:first], *added, *kept[first:]]
        return SIGNATURE + b"".join(chunk.raw for chunk in wanted if chunk is not None) + self.rest

    def foreign(self) -> list[tuple[str, bytes]]:
        found = []
        for at, chunk in enumerate(self.chunks):
            content = chunk.raw
            if at in self.xmp_at[:1]:
                content = b""
            elif at in self.iptc_at and self.blocks.iptc is not None:
                content = iptc.without_stream(_block(chunk))
            elif at in self.exif_at and self.blocks.windows is not None:
                content = exif.without_windows(chunk.content)
            if content:
                found.append((f"chunk {chunk.kind.decode('latin-1')}", content))
        return [*found, ("what stands behind the picture", self.rest)]


def _taken_apart(data: bytes) -> tuple[list[_Chunk], bytes]:
    chunks: list[_Chunk] = []
    at = len(SIGNATURE)
    while not chunks or chunks[-1].kind != b"IEND":
        length = int.from_bytes(data[at : at + 4], "big")
        start = at + 8
        if start + length + 4 > len(data):
            raise EmbedError(f"it is cut off, or the length of its chunk at byte {at} is wrong")
        check = data[start + length : start + length + 4]
        chunks.append(_Chunk(data[at + 4 : start], data[start : start + length], check))
        at = start + length + 4
    if not any(chunk.kind == b"IHDR" for chunk in chunks):
        raise EmbedError("it has no header")
    return chunks, data[at:]


def _block(chunk: _Chunk) -> bytes:
    """The block in a text chunk. Raises :class:`EmbedError`."""
    start, packed = _text_start(chunk)
    text = _inflated(chunk.content[start:]) if packed else chunk.content[start:]
    return _from_hex(text) if chunk.content.startswith(_RAW) else text


def _text_start(chunk: _Chunk) -> tuple[int, bool]:
    """Where the text of a text chunk begins, and whether it is compressed."""
    start = chunk.content.index(b"\0") + 1
    if chunk.kind == b"tEXt":
        return start, False
    fields = chunk.content[start + 2 :].split(b"\0", 2)  # language, translated key, text
    if len(chunk.content) == start or (chunk.kind == b"iTXt" and len(fields) < 3):
        raise EmbedError("a text of it is cut off")
    if chunk.kind == b"zTXt":
        return start + 1, True
    return len(chunk.content) - len(fields[2]), chunk.content[start] == 1


def _with_block(like: _Chunk, block: bytes) -> _Chunk:
    """A chunk with another block, of the same kind as ``like``."""
    start, packed = _text_start(like)
    name = like.content[len(_RAW) : like.content.index(b"\0")]
    text = _as_hex(name, block) if like.content.startswith(_RAW) else block
    if packed:  # as well as before, as the head of packed data tells, so that a block comes back the same
        head = int.from_bytes(like.content[start + 1 : start + 2], "big")
        text = zlib.compress(text, (1, 5, 6, 9)[head >> 6])
    return _made(like.kind, like.content[:start] + text)


def _inflated(data: bytes) -> bytes:
    if not data:
        return b""
    try:
        text = zlib.decompressobj().decompress(data, _LONGEST_TEXT)
    except zlib.error as error:
        raise EmbedError(f"a text of it cannot be unpacked ({error})") from error
    if len(text) == _LONGEST_TEXT:
        raise EmbedError("a text of it is too long to be read")
    return text


def _from_hex(text: bytes) -> bytes:
    r"""What ImageMagick makes of a block: ``\nname\n   length\nhex digits in lines of 72``."""
    try:
        _, length, digits = text.removeprefix(b"\n").split(b"\n", 2) if text.strip() else (b"", b"0", b"")
        block = bytes.fromhex(digits.decode("ascii"))
        if len(block) != int(length):
            raise ValueError("its length is wrong")
    except ValueError as error:
        raise EmbedError(f"a raw profile of it cannot be read ({error})") from error
    return block


def _as_hex(name: bytes, block: bytes) -> bytes:
    digits = block.hex()
    lines = [digits[at : at + 72] for at in range(0, len(digits), 72)]
    return b"\n%s\n%8d\n%s\n" % (name, len(block), "\n".join(lines).encode())
