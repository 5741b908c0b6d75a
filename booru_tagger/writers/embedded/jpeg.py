"""JPEG: segments up to the picture data, and from there on bytes that nobody looks at."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from booru_tagger.writers.embedded import exif, iptc, mpf
from booru_tagger.writers.embedded.blocks import Blocks, EmbedError, NoRoomError

_APP0, _APP1, _APP2, _APP13 = 0xE0, 0xE1, 0xE2, 0xED
_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_MORE_XMP = b"http://ns.adobe.com/xmp/extension/\0"
_EXIF = b"Exif\0"
_PHOTOSHOP = b"Photoshop 3.0\0"
_OLD_PHOTOSHOP = b"Adobe_Photoshop2.5:"

_LONGEST = 0xFFFF - 2
_MARKER = re.compile(rb"\xff+([\x01-\xfe])")
"""The next marker: as in every decoder, what else stands before it is passed over."""
_WITHOUT_LENGTH = frozenset((0x01, *range(0xD0, 0xD8)))
_START_OF_DATA = frozenset((0xD9, 0xDA))


@dataclass(frozen=True, slots=True)
class _Segment:
    """``head`` holds marker and length, ``content`` what follows; ``kind`` is the marker's last byte."""

    kind: int
    head: bytes
    content: bytes

    def starts(self, kind: int, with_: bytes) -> bool:
        return self.kind == kind and self.content.startswith(with_)

    @property
    def raw(self) -> bytes:
        return self.head + self.content


def _made(kind: int, content: bytes) -> _Segment:
    return _Segment(kind, struct.pack(">BBH", 0xFF, kind, len(content) + 2), content)


class Jpeg:
    """A JPEG file. Raises :class:`EmbedError` where its segments do not follow one another."""

    def __init__(self, data: bytes) -> None:
        self.segments, self.rest = _taken_apart(data)
        self.blocks = Blocks(
            xmp=b"".join(self._contents(_APP1, _XMP)[:1]), iptc=self._iptc(), windows=self._windows()
        )

    def _contents(self, kind: int, start: bytes) -> list[bytes]:
        return [each.content[len(start) :] for each in self.segments if each.starts(kind, start)]

    def _windows(self) -> bytes | None:
        found = [each for each in self.segments if each.starts(_APP1, _EXIF)]
        if len(found) > 1:  # one block over several segments, or two of which nobody knows which counts
            return None
        return exif.read_windows(found[0].content[6:]) if found else b""

    def _iptc(self) -> bytes | None:
        if self._contents(_APP13, _OLD_PHOTOSHOP):
            return None
        try:
            streams = [s for block in self._contents(_APP13, _PHOTOSHOP) for s in iptc.iptc_streams(block)]
        except iptc.IptcError:  # one block over several segments, for instance
            return None
        return b"".join(streams) if len(streams) < 2 else None

    @property
    def further_packets(self) -> tuple[bytes, ...]:
        """More packets of XMP, and what Adobe's programs put into extensions where it is longer than a
        segment: parts with the place of each."""
        parts: dict[bytes, list[tuple[int, bytes]]] = {}
        for part in self._contents(_APP1, _MORE_XMP):
            parts.setdefault(part[:32], []).append((int.from_bytes(part[36:40], "big"), part[40:]))
        extensions = [b"".join(text for _, text in sorted(found)) for found in parts.values()]
        return (*self._contents(_APP1, _XMP)[1:], *extensions)

    def replaced(self, new: Blocks) -> bytes:
        segments: Sequence[_Segment] = self.segments
        if new.iptc is not None and new.iptc != self.blocks.iptc:
            segments = _with_iptc(segments, new.iptc)
        if new.xmp != self.blocks.xmp:
            content = _fitting("xmp", _XMP + new.xmp, "XMP") if new.xmp else b""
            segments = _exchanged(segments, _APP1, _XMP, content, _behind_exif(segments))
        if new.windows is not None and new.windows != self.blocks.windows:
            segments = _with_windows(segments, new.windows)
        moved = _length(segments) - _length(self.segments)
        segments = [
            _told_of_move(segment, moved, at, self._place_of(segment), segments)
            for at, segment in enumerate(segments)
        ]
        return b"".join((b"\xff\xd8", *(segment.raw for segment in segments), self.rest))

    def _place_of(self, segment: _Segment) -> int:
        """How many bytes stand before a segment of this file; 0 for a new one."""
        at = next((at for at, each in enumerate(self.segments) if each is segment), 0)
        return _length(self.segments[:at])

    def foreign(self) -> list[tuple[str, bytes]]:
        parts = [(segment.kind, self._foreign_part(at, segment)) for at, segment in enumerate(self.segments)]
        named = [(f"segment FF{kind:02X}", part) for kind, part in parts if part is not None]
        return [*named, ("picture data", self.rest)]

    def _foreign_part(self, at: int, segment: _Segment) -> bytes | None:
        """What of a segment is not ours; ``None`` where that is nothing."""
        if segment.starts(_APP1, _XMP) and not any(each.starts(_APP1, _XMP) for each in self.segments[:at]):
            return None
        if segment.starts(_APP1, _EXIF) and self.blocks.windows is not None:
            return exif.without_windows(segment.content[6:]) or None
        if segment.starts(_APP13, _PHOTOSHOP) and self.blocks.iptc is not None:
            return iptc.without_stream(segment.content[len(_PHOTOSHOP) :]) or None
        if segment.starts(_APP2, mpf.START):
            behind = _length(self.segments[at:]) - len(segment.head) - len(mpf.START)
            return mpf.moved(segment.content, -_length(self.segments), -behind)
        return segment.raw


def _taken_apart(data: bytes) -> tuple[list[_Segment], bytes]:
    segments: list[_Segment] = []
    at = 2
    while True:
        found = _MARKER.search(data, at)
        if found is None:
            raise EmbedError("it ends before its picture data")
        kind, start = found[1][0], found.end()
        if kind in _START_OF_DATA:
            return segments, data[at:]
        if kind not in _WITHOUT_LENGTH:
            length = int.from_bytes(data[start : start + 2], "big")
            if length < 2 or start + length > len(data):
                raise EmbedError(f"the length of its segment FF{kind:02X} at byte {found.start()} is wrong")
            segments.append(_Segment(kind, data[at : start + 2], data[start + 2 : start + length]))
            at = start + length
        else:
            segments.append(_Segment(kind, data[at:start], b""))
            at = start


def _length(segments: Sequence[_Segment]) -> int:
    return sum(len(segment.head) + len(segment.content) for segment in segments)


def _fitting(field: str, content: bytes, name: str) -> bytes:
    if len(content) > _LONGEST:
        raise NoRoomError(field, f"its {name} would no longer fit into a segment of JPEG")
    return content


def _behind_exif(segments: Sequence[_Segment]) -> int:
    """JFIF and EXIF both want to be the first; what is ours follows."""
    for at, segment in enumerate(segments):
        if segment.kind != _APP0 and not segment.starts(_APP1, _EXIF):
            return at
    return len(segments)


def _exchanged(
    segments: Sequence[_Segment],
    kind: int,
    start: bytes,
    content: bytes,
    place: int,
    which: Callable[[_Segment], bool] = lambda _: True,
) -> list[_Segment]:
    """The segments with another content in the first of this kind, which goes where there is none, and comes
    to ``place`` where there was none."""
    wanted = [_made(kind, content)] if content else []
    for at, segment in enumerate(segments):
        if segment.starts(kind, start) and which(segment):
            if content:  # what was passed over before the marker stays
                wanted = [replace(wanted[0], head=segment.head[:-4] + wanted[0].head)]
            return [*segments[:at], *wanted, *segments[at + 1 :]]
    return [*segments[:place], *wanted, *segments[place:]]


def _with_windows(segments: Sequence[_Segment], value: bytes) -> list[_Segment]:
    old = next((each.content for each in segments if each.starts(_APP1, _EXIF)), b"Exif\0\0")
    block = exif.with_windows(old[6:], value)
    content = _fitting("windows", old[:6] + block, "EXIF") if block else b""
    place = next((at for at, each in enumerate(segments) if each.kind != _APP0), len(segments))
    return _exchanged(segments, _APP1, _EXIF, content, place)


def _with_iptc(segments: Sequence[_Segment], stream: bytes) -> list[_Segment]:
    def holds_iptc(segment: _Segment) -> bool:
        return bool(iptc.iptc_streams(segment.content[len(_PHOTOSHOP) :]))

    photoshop = [each for each in segments if each.starts(_APP13, _PHOTOSHOP)]
    holders = [each for each in photoshop if holds_iptc(each)] or photoshop[:1]
    old = holders[0].content[len(_PHOTOSHOP) :] if holders else b""
    block = iptc.with_stream(old, stream)
    content = _fitting("iptc", _PHOTOSHOP + block, "IPTC") if block else b""
    place = _behind_exif(segments)
    return _exchanged(segments, _APP13, _PHOTOSHOP, content, place, lambda each: each in holders)


def _told_of_move(
    segment: _Segment, moved: int, at: int, place_before: int, segments: Sequence[_Segment]
) -> _Segment:
    """An index of further pictures (MPF) counts from its own place, and knows the first picture's size."""
    if not moved or not segment.starts(_APP2, mpf.START):
        return segment
    moved_itself = _length(segments[:at]) - place_before
    return _Segment(segment.kind, segment.head, mpf.moved(segment.content, moved, moved - moved_itself))
