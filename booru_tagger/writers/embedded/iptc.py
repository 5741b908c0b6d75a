"""IPTC's keywords: data sets of IIM, and Photoshop's image resources, in one of which those stand."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from booru_tagger.writers.embedded.blocks import EmbedError

_KEYWORDS = (2, 25)
_CHARSET = (1, 90)
_UTF8 = b"\x1b%G"
_RESOURCE = 0x0404
_TYPES = (b"8BIM", b"PHUT", b"DCSR", b"AgHg", b"MeSa")
"""What resources begin with: Photoshop's own, and those of a few others."""


class IptcError(EmbedError):
    """The data do not follow the format."""


@dataclass(frozen=True, slots=True)
class _DataSet:
    """A record's and data set's number, its bytes as they stand there, and its value."""

    number: tuple[int, int]
    raw: bytes
    value: bytes


def _data_sets(stream: bytes) -> tuple[list[_DataSet], bytes]:
    """The data sets of a stream and the zeros behind them. Raises :class:`IptcError`."""
    found = []
    at = 0
    while at < len(stream) and stream[at] == 0x1C:
        if at + 5 > len(stream):
            raise IptcError("its IPTC data are cut off")
        start, (record, number, length) = at + 5, struct.unpack_from(">BBH", stream, at + 1)
        if length & 0x8000:  # the length of the length
            width = length & 0x7FFF
            length = int.from_bytes(stream[start : start + width], "big")
            start += width
        at, begin = start + length, at
        if at > len(stream):
            raise IptcError("its IPTC data are cut off")
        found.append(_DataSet((record, number), stream[begin:at], stream[start:at]))
    if stream[at:].strip(b"\0"):
        raise IptcError("there is something else among its IPTC data")
    return found, stream[at:]


def read_keywords(stream: bytes) -> tuple[str, ...] | None:
    """The keywords of a stream; ``None`` where keywords cannot be added: it does not follow the format, or
    there is text in an unknown character set, which declaring ours would spoil."""
    try:
        data_sets, _ = _data_sets(stream)
        declared = [each.value for each in data_sets if each.number == _CHARSET]
        if declared not in ([_UTF8], []) or (not declared and not _is_ascii(data_sets)):
            return None
        return tuple(each.value.decode() for each in data_sets if each.number == _KEYWORDS)
    except (IptcError, UnicodeDecodeError):
        return None


def _is_ascii(data_sets: Iterable[_DataSet]) -> bool:
    return all(each.value.isascii() for each in data_sets if each.number[0] == 2)


def declares_charset(stream: bytes) -> bool:
    return any(each.number == _CHARSET for each in _data_sets(stream)[0])


def with_keywords(stream: bytes, keywords: Sequence[str], *, keep_charset: bool) -> bytes:
    """The stream with other keywords. It says that text is in UTF-8 where some is not plain ASCII, and with
    ``keep_charset`` also where it says so already. Raises :class:`IptcError`."""
    data_sets, zeros = _data_sets(stream)
    data_sets = _with_keywords(data_sets, [_made(_KEYWORDS, keyword.encode()) for keyword in keywords])
    rest = [each for each in data_sets if each.number != _CHARSET]
    if not rest:
        return b""
    declared = len(rest) < len(data_sets)
    needed = not _is_ascii(rest)
    if needed and not declared:
        data_sets.insert(_charset_place(data_sets), _made(_CHARSET, _UTF8))
    elif declared and not needed and not keep_charset:
        data_sets = rest
    return b"".join(each.raw for each in data_sets) + zeros


def _with_keywords(data_sets: Sequence[_DataSet], wanted: list[_DataSet]) -> list[_DataSet]:
    """Keywords that stay keep their places, and the others come between them."""
    result = []
    behind = None
    for each in data_sets:
        if each.number != _KEYWORDS:
            result.append(each)
        elif each in wanted:
            until = wanted.index(each) + 1
            result += wanted[:until]
            del wanted[:until]
            behind = len(result)
        elif behind is None:
            behind = len(result)
    if behind is None:
        behind = next((at for at, each in enumerate(result) if each.number > _KEYWORDS), len(result))
    return [*result[:behind], *wanted, *result[behind:]]


def _charset_place(data_sets: Sequence[_DataSet]) -> int:
    return next((at for at, each in enumerate(data_sets) if each.number > _CHARSET), len(data_sets))


def _made(number: tuple[int, int], value: bytes) -> _DataSet:
    return _DataSet(number, struct.pack(">BBBH", 0x1C, *number, len(value)) + value, value)


def without_keywords(stream: bytes) -> bytes:
    """What of a stream is not ours to change; all of it where it does not follow the format."""
    try:
        data_sets, zeros = _data_sets(stream)
    except IptcError:
        return stream
    return b"".join(each.raw for each in data_sets if each.number not in (_KEYWORDS, _CHARSET)) + zeros


@dataclass(frozen=True, slots=True)
class _Resource:
    number: int
    head: bytes
    data: bytes
    pad: bytes

    @property
    def is_iptc(self) -> bool:
        return self.number == _RESOURCE and self.head.startswith(b"8BIM")

    @property
    def raw(self) -> bytes:
        return self.head + struct.pack(">I", len(self.data)) + self.data + self.pad


def _resources(block: bytes) -> tuple[list[_Resource], bytes]:
    """Photoshop's resources and the zeros behind them. Raises :class:`IptcError`."""
    found = []
    at = 0
    while block[at : at + 4] in _TYPES:
        name = block[at + 6] + 1 if at + 6 < len(block) else 0
        size_at = at + 6 + name + name % 2
        if size_at + 4 > len(block):
            raise IptcError("its Photoshop resources are cut off")
        start = size_at + 4
        end = start + int.from_bytes(block[size_at:start], "big")
        if end > len(block):
            raise IptcError("its Photoshop resources are cut off")
        number = int.from_bytes(block[at + 4 : at + 6], "big")
        following = min(end + (end - start) % 2, len(block))
        found.append(_Resource(number, block[at:size_at], block[start:end], block[end:following]))
        at = following
    if block[at:].strip(b"\0"):
        raise IptcError("there is something else among its Photoshop resources")
    return found, block[at:]


def iptc_streams(block: bytes) -> list[bytes]:
    """The IPTC streams in Photoshop's resources: there should be one at most. Raises :class:`IptcError`, also
    where something is there with nothing in it, which would not come back."""
    resources = _resources(block)[0]
    if not resources or any(each.is_iptc and not each.data for each in resources):
        raise IptcError("its IPTC is empty")
    return [each.data for each in resources if each.is_iptc]


def with_stream(block: bytes, stream: bytes) -> bytes:
    """Photoshop's resources with another IPTC stream; none where it is empty. Raises :class:`IptcError`."""
    resources, zeros = _resources(block)
    place = next((at for at, each in enumerate(resources) if each.is_iptc), len(resources))
    wanted = []
    if stream:
        head = resources[place].head if place < len(resources) else b"8BIM\x04\x04\0\0"
        wanted.append(_Resource(_RESOURCE, head, stream, bytes(len(stream) % 2)))
    resources[place : place + 1] = wanted
    # Some programs leave out the last one's padding.
    padded = [each.raw + bytes(len(each.raw) % 2) for each in resources[:-1]]
    return b"".join([*padded, *(each.raw for each in resources[-1:]), zeros]) if resources else b""


def without_stream(block: bytes) -> bytes:
    """What of Photoshop's resources is not ours: all but the keywords in the IPTC stream."""
    try:
        streams = iptc_streams(block)
        return with_stream(block, without_keywords(streams[0])) if len(streams) == 1 else block
    except IptcError:
        return block
