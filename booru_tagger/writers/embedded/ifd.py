"""TIFF's directories of tags, in TIFF files and in EXIF blocks: some tags exchanged, all else in place.

A changed directory is put behind all that is there, and the header told of its new place: no byte in between
moves, so whatever points there (strips, sub-directories, maker notes) still finds its goal. A note at the
very end tells where the old directory is, so that taking our tags out gives the old bytes back.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from booru_tagger.writers.embedded.blocks import EmbedError

_SIZES = {
    1: 1,
    2: 1,
    3: 2,
    4: 4,
    5: 8,
    6: 1,
    7: 1,
    8: 2,
    9: 4,
    10: 8,
    11: 4,
    12: 8,
    13: 4,
    16: 8,
    17: 8,
    18: 8,
}
"""Bytes per value of each TIFF type."""
BYTE, UNDEFINED = 1, 7

_DIRECTORIES = (0x8769, 0x8825, 0xA005)
"""Tags that lead to further directories: EXIF, GPS, interoperability."""

_NOTE = struct.Struct("<QQ16s")
_SIGN = b"booru-tagger:ifd"

Key = Callable[[int, bytes], object]
"""What two values of a tag must share to be the same."""


class IfdError(EmbedError):
    """It is not a TIFF structure, or one that leads astray."""


@dataclass(frozen=True, slots=True)
class _Layout:
    """Widths and byte order: of classic TIFF, or of BigTIFF."""

    order: str
    big: bool

    @property
    def pointer(self) -> struct.Struct:
        return struct.Struct(self.order + ("Q" if self.big else "I"))

    @property
    def number(self) -> struct.Struct:
        return struct.Struct(self.order + ("Q" if self.big else "H"))

    @property
    def entry(self) -> struct.Struct:
        """Tag, type, count, and the value or its offset."""
        return struct.Struct(self.order + ("HHQ8s" if self.big else "HHI4s"))

    @property
    def pointer_at(self) -> int:
        return 8 if self.big else 4


_HEADERS = {
    b"II*\0": _Layout("<", False),
    b"MM\0*": _Layout(">", False),
    b"II+\0": _Layout("<", True),
    b"MM\0+": _Layout(">", True),
}
_NEW = b"II*\0\0\0\0\0"


@dataclass(frozen=True, slots=True)
class _Ifd:
    """One directory: its entries as they stand there, and the offset of the next one."""

    offset: int
    entries: tuple[bytes, ...]
    following: bytes

    def others(self, own: Iterable[int], layout: _Layout) -> list[bytes]:
        return [entry for entry in self.entries if layout.entry.unpack(entry)[0] not in own]


def is_tiff(data: bytes) -> bool:
    return data[:4] in _HEADERS


def _layout(data: bytes) -> _Layout:
    layout = _HEADERS.get(bytes(data[:4]))
    if layout is None or len(data) < layout.pointer_at + layout.pointer.size:
        raise IfdError("it has no TIFF header")
    return layout


def _first(data: bytes, layout: _Layout) -> _Ifd:
    return _ifd(data, layout, layout.pointer.unpack_from(data, layout.pointer_at)[0])


def _ifd(data: bytes, layout: _Layout, offset: int) -> _Ifd:
    start = offset + layout.number.size
    if start > len(data) or offset < layout.pointer_at + layout.pointer.size:
        raise IfdError("its directory of tags lies outside of it")
    (count,) = layout.number.unpack_from(data, offset)
    size = layout.entry.size
    end = start + count * size
    if end + layout.pointer.size > len(data):
        raise IfdError("its directory of tags is cut off")
    entries = tuple(bytes(data[at : at + size]) for at in range(start, end, size))
    return _Ifd(offset, entries, bytes(data[end : end + layout.pointer.size]))


def _value_offset(data: bytes, layout: _Layout, entry: bytes) -> tuple[int | None, int]:
    """Where a value lies, ``None`` for inside its entry, and its length."""
    _, kind, count, inline = layout.entry.unpack(entry)
    length = _SIZES.get(kind, 1) * count
    if length <= len(inline):
        return None, length
    (offset,) = layout.pointer.unpack(inline)
    if offset + length > len(data):
        raise IfdError("a value lies outside of it")
    return offset, length


def read_tags(data: bytes, tags: Iterable[int]) -> dict[int, bytes]:
    """The values of tags in the first directory, ``b""`` for those that are not there. Raises
    :class:`IfdError`."""
    return {tag: data[start:end] for tag, (start, end) in find_tags(data, tags).items()}


def find_tags(data: bytes, tags: Iterable[int]) -> dict[int, tuple[int, int]]:
    """The offsets of the values of tags in the first directory. Raises :class:`IfdError`."""
    layout = _layout(data)
    first = _first(data, layout)
    _check_reachable(data, layout, first)
    found = dict.fromkeys(tags, (0, 0))
    at = first.offset + layout.number.size
    for entry in first.entries:
        tag = layout.entry.unpack(entry)[0]
        if found.get(tag) == (0, 0):
            offset, length = _value_offset(data, layout, entry)
            start = at + layout.entry.size - layout.pointer.size if offset is None else offset
            found[tag] = start, start + length
        at += layout.entry.size
    return found


def _check_reachable(data: bytes, layout: _Layout, first: _Ifd) -> None:
    """Refuse a structure that leads out of the data, where we would put something, or back to the directory
    that we would move. Raises :class:`IfdError`."""
    waiting, seen = [first], {0}
    while waiting:
        ifd = waiting.pop()
        seen.add(ifd.offset)
        offsets = [*layout.pointer.unpack(ifd.following)]
        for entry in ifd.entries:
            tag, *_, inline = layout.entry.unpack(entry)
            _value_offset(data, layout, entry)
            if tag in _DIRECTORIES:
                offsets += layout.pointer.unpack(inline)
        if first.offset in offsets:
            raise IfdError("its directories of tags go in a circle")
        waiting += [_ifd(data, layout, offset) for offset in offsets if offset not in seen]


def with_tags(data: bytes, wanted: Mapping[int, bytes], types: Mapping[int, int], key: Key) -> bytes:
    """``data`` with these values for these tags in its first directory (``b""``: without the tag), each of
    the type in ``types``. Raises :class:`IfdError`."""
    base = restored(data, wanted)
    standing = read_tags(base, wanted) if base else dict.fromkeys(wanted, b"")
    if all(key(tag, standing[tag]) == key(tag, value) for tag, value in wanted.items()):
        return base
    return _appended(base, wanted, types)


def _appended(base: bytes, wanted: Mapping[int, bytes], types: Mapping[int, int]) -> bytes:
    layout = _layout(base or _NEW)
    old = _first(base, layout) if base else _Ifd(0, (), bytes(layout.pointer.size))
    result = bytearray(base or _NEW)
    entries = old.others(wanted, layout)
    for tag, value in sorted(wanted.items()):
        if value:
            inline = value.ljust(layout.pointer.size, b"\0")
            if len(value) > layout.pointer.size:
                inline = _pointer(layout, _put(result, value))
            _insert(entries, layout.entry.pack(tag, types[tag], len(value), inline), tag, layout)
    directory = layout.number.pack(len(entries)) + b"".join(entries) + old.following
    offset = _put(result, directory)
    result[layout.pointer_at : layout.pointer_at + layout.pointer.size] = _pointer(layout, offset)
    return bytes(result) + _NOTE.pack(len(base), old.offset, _SIGN)


def _put(result: bytearray, part: bytes) -> int:
    result += bytes(len(result) % 2)  # TIFF wants even offsets
    offset = len(result)
    result += part
    return offset


def _pointer(layout: _Layout, offset: int) -> bytes:
    try:
        return layout.pointer.pack(offset)
    except struct.error:
        raise IfdError("it would grow beyond the 4 GB that its format allows") from None


def _insert(entries: list[bytes], entry: bytes, tag: int, layout: _Layout) -> None:
    """Directories are sorted by tag."""
    later = (at for at, other in enumerate(entries) if layout.entry.unpack(other)[0] > tag)
    entries.insert(next(later, len(entries)), entry)


def holds_only(data: bytes, tag: int) -> bool:
    """Whether this tag is there, and no other, and no further directory. Raises :class:`IfdError`."""
    layout = _layout(data)
    first = _first(data, layout)
    return bool(first.entries) and not first.others((tag,), layout) and not any(first.following)


def restored(data: bytes, own: Iterable[int]) -> bytes:
    """``data`` without what :func:`with_tags` put behind it; ``b""`` where that made the whole. A foreign tag
    that was changed in our directory is changed in the old one, too. As it is where there is nothing of ours,
    or somebody made something else of it."""
    if len(data) < _NOTE.size or not data.endswith(_SIGN):
        return data
    length, offset, _ = _NOTE.unpack_from(data, len(data) - _NOTE.size)
    try:
        layout = _layout(data)
        new = _first(data, layout)
        others = new.others(own, layout)
        if length == 0:
            return data if others or any(new.following) else b""
        base = data[:length]
        old = _ifd(base, layout, offset)
    except IfdError:
        return data
    if _tags(old.others(own, layout), layout) != _tags(others, layout):
        return data
    for entry in others:
        if entry not in old.entries and (_value_offset(data, layout, entry)[0] or 0) >= length:
            return data
    return _rewritten(base, layout, old, others, new.following, own)


def _tags(entries: Iterable[bytes], layout: _Layout) -> list[int]:
    return [layout.entry.unpack(entry)[0] for entry in entries]


def _rewritten(
    base: bytes, layout: _Layout, old: _Ifd, others: Iterable[bytes], following: bytes, own: Iterable[int]
) -> bytes:
    """``base`` with its own directory in force again, and in it the entries as they are now."""
    fresh = iter(others)
    foreign = set(old.others(own, layout))
    entries = [next(fresh) if entry in foreign else entry for entry in old.entries]
    start = old.offset + layout.number.size
    directory = b"".join(entries) + following
    result = bytearray(base)
    result[start : start + len(directory)] = directory
    result[layout.pointer_at : layout.pointer_at + layout.pointer.size] = layout.pointer.pack(old.offset)
    return bytes(result)
