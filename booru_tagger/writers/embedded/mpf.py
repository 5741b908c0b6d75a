"""The index of further pictures in one file (CIPA's Multi-Picture Format: previews, Ultra HDR)."""

from __future__ import annotations

import struct

from booru_tagger.writers.embedded.ifd import IfdError, find_tags

START = b"MPF\0"
_ENTRIES = 0xB002
_ENTRY = 16


def moved(content: bytes, size: int, offset: int) -> bytes:
    """The index after the first picture grew by ``size`` bytes, ``offset`` of them behind the index. As it is
    where it cannot be read: then nobody finds anything by it."""
    block = content[len(START) :]
    try:
        start, end = find_tags(block, (_ENTRIES,))[_ENTRIES]
    except IfdError:
        return content
    result = bytearray(block)
    numbers = struct.Struct("<II" if block.startswith(b"II") else ">II")
    for at in range(start + 4, end - _ENTRY + 5, _ENTRY):
        length, place = numbers.unpack_from(result, at)
        if place == 0:  # the first picture
            length += size
        else:
            place += offset
        numbers.pack_into(result, at, length % 2**32, place % 2**32)
    return content[: len(START)] + bytes(result)
