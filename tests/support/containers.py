"""Picture files put together by hand, piece by piece, as no library would write them."""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from collections.abc import Iterable
from typing import Any

from PIL import Image

XMP_START = b"http://ns.adobe.com/xap/1.0/\0"
PHOTOSHOP = b"Photoshop 3.0\0"


def encoded(kind: str, mode: str = "RGB", **options: Any) -> bytes:
    """A small picture."""
    stream = io.BytesIO()
    Image.linear_gradient("L").resize((60, 40)).convert(mode).save(stream, kind, **options)
    return stream.getvalue()


def decoded(data: bytes) -> list[tuple[tuple[int, int], str, bytes]]:
    """Size, mode and pixels of every frame."""
    found = []
    with warnings.catch_warnings(action="ignore"), Image.open(io.BytesIO(data)) as image:
        for number in range(getattr(image, "n_frames", 1)):
            image.seek(number)
            found.append((image.size, image.mode, image.tobytes()))
    return found


def segment(kind: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, kind, len(content) + 2) + content


def jpeg(*segments: bytes, behind: bytes = b"") -> bytes:
    """A picture with these segments behind JFIF's."""
    data = encoded("JPEG")
    start = 4 + int.from_bytes(data[4:6], "big")
    return data[:start] + b"".join(segments) + data[start:] + behind


def chunk(kind: bytes, content: bytes, check: bytes | None = None) -> bytes:
    right = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + (right if check is None else check)


def png(*chunks: bytes, behind: bytes = b"") -> bytes:
    """A picture with these chunks behind its header."""
    data = encoded("PNG")
    return data[:33] + b"".join(chunks) + data[33:] + behind


def riff(*chunks: tuple[bytes, bytes], behind: bytes = b"") -> bytes:
    body = b"".join(
        name + struct.pack("<I", len(content)) + content + bytes(len(content) % 2) for name, content in chunks
    )
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body + behind


def riff_chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    found = []
    at = 12
    while at < len(data):
        length = int.from_bytes(data[at + 4 : at + 8], "little")
        found.append((data[at : at + 4], data[at + 8 : at + 8 + length]))
        at += 8 + length + length % 2
    return found


def tiff(fields: Iterable[tuple[int, int, bytes]], order: str = "<", *, big: bool = False) -> bytes:
    """A TIFF structure of one directory with these tags: number, type (of one byte each) and value."""
    fields = sorted(fields)
    head = {"<": b"II", ">": b"MM"}[order] + struct.pack(order + "H", 43 if big else 42)
    if big:
        head += struct.pack(order + "HHQ", 8, 0, 16)
    else:
        head += struct.pack(order + "I", 8)
    inline, count, entry = (8, "Q", "HHQ") if big else (4, "H", "HHI")
    directory = struct.pack(order + count, len(fields))
    place = len(head) + len(directory) + len(fields) * (struct.calcsize("=" + entry) + inline) + inline
    values = b""
    for number, kind, value in fields:
        directory += struct.pack(order + entry, number, kind, len(value))
        if len(value) <= inline:
            directory += value.ljust(inline, b"\0")
        else:
            directory += struct.pack(order + ("Q" if big else "I"), place + len(values))
            values += value
    return head + directory + bytes(inline) + values


def data_set(record: int, number: int, value: bytes) -> bytes:
    return struct.pack(">BBBH", 0x1C, record, number, len(value)) + value


def resource(number: int, data: bytes, name: bytes = b"") -> bytes:
    named = bytes((len(name),)) + name
    padded = named + bytes(len(named) % 2)
    return (
        b"8BIM"
        + struct.pack(">H", number)
        + padded
        + struct.pack(">I", len(data))
        + data
        + bytes(len(data) % 2)
    )
