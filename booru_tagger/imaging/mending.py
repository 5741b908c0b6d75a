"""Files that viewers show and Pillow refuses: a copy of each, with what its pixels need and no more."""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple

_PNG = b"\x89PNG\r\n\x1a\n"
_NEEDED = frozenset({b"IHDR", b"PLTE", b"IDAT", b"IEND"})
_TURNING = (b"XML:com.adobe.xmp\0", b"Raw profile type exif\0")
"""Keywords of the texts that can hold an orientation."""
_MAX_TEXT = 1 << 20
"""Bytes that Pillow inflates a text or a profile to, at most."""
_MAX_PROFILE = 16 << 20

_JPEG, _END = b"\xff\xd8", b"\xff\xd9"
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
"""What ends the entropy-coded data of a scan."""
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_SCAN, _END_MARKER = 0xDA, 0xD9
_NOISE = bytes(range(1, 251)) * 8


class BeyondMendingError(Exception):
    """Decoding cannot do without what is wrong with the file; says which part that is."""


class MendedFile(NamedTuple):
    """A file to decode in the place of another one. ``part`` names what of it may still be damaged.

    ``profile`` is an ICC profile that Pillow would not inflate. ``probe``, where the file ends early, is the
    same with noise behind its end: pixels that differ between the two are not in the file.
    """

    data: bytes
    part: str
    profile: bytes | None = None
    probe: bytes | None = None


def mended(data: bytes) -> MendedFile | None:
    """A copy of a PNG without what is wrong beside its pixels, or of a JPEG with the end that it lacks.

    ``None`` where there is nothing to mend. Raises :class:`BeyondMendingError`.
    """
    if data.startswith(_PNG):
        return _mended_png(data)
    if data.startswith(_JPEG):
        return _mended_jpeg(data)
    return None


class _Chunk(NamedTuple):
    kind: bytes
    body: bytes
    is_sound: bool
    """Whether all of it is there, and its checksum is right."""

    def encoded(self) -> bytes:
        head = self.kind + self.body
        return struct.pack(">I", len(self.body)) + head + struct.pack(">I", zlib.crc32(head))


def _mended_png(data: bytes) -> MendedFile:
    kept: list[bytes] = []
    seen: set[bytes] = set()
    profile: bytes | None = None
    for chunk in _chunks(data):
        label = next((text for text in _TURNING if chunk.body.startswith(text)), chunk.kind)
        is_first = label not in seen
        seen.add(label)
        if chunk.kind in (b"IHDR", b"PLTE") and not chunk.is_sound:
            raise BeyondMendingError(f"the chunk {chunk.kind.decode()} of the PNG has a wrong checksum")
        if chunk.kind == b"iCCP" and chunk.is_sound and is_first:
            profile = _inflated(chunk.body.partition(b"\0")[2][1:], _MAX_PROFILE)
        elif chunk.kind in _NEEDED or (is_first and _may_stay(chunk)):
            kept.append(chunk.encoded())
    for kind in (b"IHDR", b"IDAT"):
        if kind not in seen:
            raise BeyondMendingError(f"the PNG has no chunk {kind.decode()}")
    return MendedFile(_PNG + b"".join(kept), "the pixels (IDAT)", profile)


def _chunks(data: bytes) -> Iterator[_Chunk]:
    """The chunks up to the end of the picture or, in a damaged file, to where there is no other one."""
    place, kind = len(_PNG), b""
    while kind != b"IEND" and place + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, place)
        if not (kind.isalpha() and kind.isascii()):
            return
        end = place + 8 + length
        body = data[place + 8 : end]
        yield _Chunk(kind, body, data[end : end + 4] == struct.pack(">I", zlib.crc32(kind + body)))
        place = end + 4


def _may_stay(chunk: _Chunk) -> bool:
    """Whether an ancillary chunk says how the pixels are to be seen, and costs little."""
    if not chunk.is_sound:
        return False
    if chunk.kind in (b"tRNS", b"eXIf"):
        return True
    keyword, _, text = chunk.body.partition(b"\0")
    if keyword + b"\0" not in _TURNING:
        return False
    if chunk.kind == b"zTXt":
        return _inflated(text[1:], _MAX_TEXT) is not None
    if chunk.kind == b"iTXt" and text[:1] == b"\1":
        packed = text[2:].split(b"\0", 2)[-1]
        return _inflated(packed, _MAX_TEXT) is not None
    return len(chunk.body) <= _MAX_TEXT


def _inflated(packed: bytes, max_bytes: int) -> bytes | None:
    """``None`` where it is damaged, or has more than ``max_bytes`` bytes."""
    inflate = zlib.decompressobj()
    try:
        plain = inflate.decompress(packed, max_bytes)
    except zlib.error:
        return None
    return None if inflate.unconsumed_tail else plain


def _mended_jpeg(data: bytes) -> MendedFile | None:
    whole = data.rstrip(b"\0")  # what a download leaves where it breaks off
    segments = list(_segments(whole))
    if segments and segments[-1][0] == _END_MARKER:
        return None
    components = next((body[5] for marker, body in segments if marker in _FRAMES and len(body) > 5), 0)
    scans = [body for marker, body in segments if marker == _SCAN and body and len(body) == 4 + 2 * body[0]]
    if not components or len(_final_coefficients(scans)) < components * 64:
        raise BeyondMendingError("the file ends early, before all of the picture's detail")
    refines = scans[-1][-1] >> 4 > 0  # what this scan lacks is the last bit of some coefficients
    return MendedFile(whole + _END, "the pixels", probe=None if refines else whole + _NOISE + _END)


def _final_coefficients(scans: list[bytes]) -> set[tuple[int, int]]:
    """The coefficients, by component and place, whose last bits some scan brings."""
    found: set[tuple[int, int]] = set()
    for scan in scans:
        first, last, precision = scan[-3:]
        if precision & 0xF == 0:
            found |= {(one, place) for one in scan[1:-3:2] for place in range(first, min(last, 63) + 1)}
    return found


def _segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The markers of a JPEG and what belongs to each."""
    place = len(_JPEG)
    while (found := _MARKER.search(data, place)) is not None:
        marker, start = data[found.start() + 1], found.end()
        if marker == _END_MARKER or start + 2 > len(data):
            yield marker, b""
            return
        place = start + max(2, int.from_bytes(data[start : start + 2], "big"))
        yield marker, data[start + 2 : place]
