"""What a picture says of itself in EXIF, against exiftool and against bytes made by hand."""

from __future__ import annotations

import json
import shutil
import struct
import subprocess
from pathlib import Path

import pytest

from booru_tagger.imaging.exif_notes import ExifNotes, parse_exif_notes, read_exif_notes
from tests.support.writing import draw

PARAMETERS = "masterpiece, 1girl, 初音\nNegative prompt: bad\nSteps: 20, Sampler: Euler"
FIELDS = {
    "XPKeywords": "blue hair;初音ミク; sunset ",
    "XPSubject": "a subject",
    "EXIF:Rating": "4",
    "Artist": "Ann É",
    "UserComment": PARAMETERS,
}
EXPECTED = ExifNotes(("blue hair", "初音ミク", "sunset"), "a subject", 4, "Ann É", PARAMETERS)


@pytest.mark.skipif(shutil.which("exiftool") is None, reason="needs exiftool")
@pytest.mark.parametrize("order", ["II", "MM"])
@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp", "a.tif"])
def test_what_exiftool_wrote_and_reads(tmp_path: Path, name: str, order: str) -> None:
    picture = draw(tmp_path / name)
    fields = [f"-{field}={value}" for field, value in FIELDS.items()]
    exiftool = ["exiftool", "-q", "-charset", "utf8", "-charset", "exif=utf8"]
    order_of_bytes = [] if name == "a.tif" else [f"-ExifByteOrder={order}"]
    subprocess.run([*exiftool, "-overwrite_original", *order_of_bytes, *fields, picture], check=True)
    notes = read_exif_notes(picture)
    assert notes == EXPECTED
    printed = subprocess.run([*exiftool, "-json", "-EXIF:all", picture], capture_output=True, check=True)
    (said,) = json.loads(printed.stdout)
    assert said["UserComment"].split() == notes.parameters.split()
    assert [part.strip() for part in said["XPKeywords"].split(";")] == list(notes.keywords)
    assert (said["Rating"], said["Artist"], said["XPSubject"]) == (notes.rating, notes.artist, notes.subject)


def block(
    order: str, *fields: tuple[int, int, bytes], exif: tuple[tuple[int, int, bytes], ...] = ()
) -> bytes:
    """EXIF made by hand: tags with their types and values, and those of the EXIF directory."""
    mark = {"<": b"II*\0", ">": b"MM\0*"}[order]
    directories = [(*fields, (0x8769, 4, b"")) if exif else fields, exif] if exif else [fields]
    starts, place = [], 8
    for directory in directories:
        starts.append(place)
        place += 6 + 12 * len(directory)
    data, packed = b"", []
    for directory in directories:
        entries = b""
        for tag, kind, value in sorted(directory):
            if tag == 0x8769:
                value = struct.pack(order + "I", starts[1])
            size = {1: 1, 2: 1, 3: 2, 4: 4, 7: 1}[kind]
            if len(value) > 4:
                where = struct.pack(order + "I", place + len(data))
                data += value
            else:
                where = value.ljust(4, b"\0")
            entries += struct.pack(order + "HHI", tag, kind, len(value) // size) + where
        packed.append(struct.pack(order + "H", len(directory)) + entries + bytes(4))
    return mark + struct.pack(order + "I", 8) + b"".join(packed) + data


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("length", [5, 700, 30_000], ids=["short", "longer", "long"])
@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_comments_in_either_order_of_bytes_and_of_any_length(order: str, length: int, encoding: str) -> None:
    text = "masterpiece " * length
    value = b"UNICODE\0" + text.encode(encoding)
    assert parse_exif_notes(block(order, exif=((0x9286, 7, value),))).parameters == text.strip()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"ASCII\0\0\0a b\0\0", "a b"),
        (bytes(8) + "é".encode(), "é"),
        (b"JIS\0\0\0\0\0" + "初音".encode("iso2022_jp"), "初音"),
        (b"ASCII\0\0\0\xff\xfe", "\ufffd\ufffd"),
        (b"short", ""),
    ],
)
def test_comments_say_their_encoding(value: bytes, expected: str) -> None:
    assert parse_exif_notes(block("<", exif=((0x9286, 7, value),))).parameters == expected


def test_many_keywords() -> None:
    keywords = [f"tag {number}" for number in range(500)]
    value = ";".join(keywords).encode("utf-16-le") + b"\0\0"
    assert list(parse_exif_notes(block("<", (0x9C9E, 1, value))).keywords) == keywords


@pytest.mark.parametrize("content", [b"", b"II*\0", b"II*\0\x08\0\0\0\xff\xff", b"noise" * 100])
def test_what_cannot_be_read_says_nothing(tmp_path: Path, content: bytes) -> None:
    picture = tmp_path / "a.tif"
    picture.write_bytes(content)
    assert read_exif_notes(picture) == ExifNotes()
    assert read_exif_notes(draw(tmp_path / "b.jpg", exif=b"Exif\0\0" + content)) == ExifNotes()


def test_parameters_that_generators_put_into_png(tmp_path: Path) -> None:
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    info.add_text("parameters", "1girl, solo")
    assert read_exif_notes(draw(tmp_path / "a.png", pnginfo=info)).parameters == "1girl, solo"
