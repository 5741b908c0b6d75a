"""What viewers overlook does not matter here either; what lacks pixels is refused, and why is said."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from booru_tagger.errors import DamagedImageError, NotAnImageError, TooLargeImageError
from booru_tagger.imaging import decode_picture
from tests.support.pictures import encoded

SMOOTH = Image.fromarray(
    np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8), "RGB"
).resize((300, 200))
MANY = bytes(3 << 20)


def chunk(kind: bytes, body: bytes, wrong: bool = False) -> bytes:
    head = kind + body
    return struct.pack(">I", len(body)) + head + struct.pack(">I", zlib.crc32(head) ^ wrong)


def png(*chunks: bytes) -> bytes:
    """A PNG with chunks before its pixels."""
    data = encoded(SMOOTH, "PNG")
    return data[:33] + b"".join(chunks) + data[33:]


TURNED = b'<x tiff:Orientation="6"/>'


@pytest.mark.parametrize(
    "extra",
    [
        pytest.param(chunk(b"pHYs", bytes(9), wrong=True), id="wrong checksum"),
        pytest.param(chunk(b"tEXt", b"a\0b", wrong=True), id="text with a wrong checksum"),
        pytest.param(chunk(b"pHYs", bytes(3)), id="too short"),
        pytest.param(chunk(b"iCCP", b"p\0\0" + zlib.compress(MANY)), id="large profile"),
        pytest.param(chunk(b"zTXt", b"t\0\0" + zlib.compress(MANY)), id="large text"),
        pytest.param(chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(MANY)), id="large XMP"),
        pytest.param(chunk(b"tEXt", b"t\0" + bytes(1 << 20)) * 66, id="much text"),
        pytest.param(chunk(b"fcTL", bytes(26)) * 2, id="animation out of order"),
    ],
)
def test_what_is_wrong_beside_the_pixels_of_a_png_does_not_matter(extra: bytes) -> None:
    picture = decode_picture(png(extra), "a.png")
    assert np.array_equal(picture.pixels, np.asarray(SMOOTH))


@pytest.mark.parametrize(
    "turning",
    [
        chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + TURNED),
        chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(TURNED)),
    ],
)
def test_a_mended_png_is_still_upright(turning: bytes) -> None:
    picture = decode_picture(png(chunk(b"pHYs", bytes(9), wrong=True), turning), "a.png")
    assert (picture.width, picture.height) == (200, 300)


def test_a_mended_png_keeps_its_transparency() -> None:
    data = encoded(Image.new("LA", (8, 8), (0, 0)).convert("RGBA").quantize(4), "PNG")
    assert b"tRNS" in data
    data = data[:33] + chunk(b"pHYs", bytes(9), wrong=True) + data[33:]
    assert decode_picture(data, "a.png").pixels.min() == 255


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (
            png()[:20] + b"\x01" + png()[21:],
            "not a picture that can be read: the chunk IHDR of the PNG has a wrong checksum",
        ),
        (png()[:33], "not a picture that can be read: the PNG has no chunk IDAT"),
        (png(chunk(b"pHYs", bytes(9), wrong=True))[:-9000], r"the pixels \(IDAT\) are damaged"),
        (png()[:-9000], r"the pixels \(IDAT\) are damaged"),
    ],
)
def test_what_a_png_cannot_do_without_is_named(data: bytes, reason: str) -> None:
    with pytest.raises((DamagedImageError, NotAnImageError), match=rf"^a\.png: {reason}"):
        decode_picture(data, "a.png")


def test_mending_does_not_open_the_door_to_bombs() -> None:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0))
    data = encoded(SMOOTH, "PNG")
    with pytest.raises(TooLargeImageError, match="too many pixels"):
        decode_picture(data[:8] + header + chunk(b"pHYs", b"", wrong=True) + data[33:], "a.png")


KINDS = [{}, {"progressive": True}, {"subsampling": 0}, {"restart_marker_rows": 1}]


@pytest.mark.parametrize("cut", [1, 2, 3, 12])
@pytest.mark.parametrize("options", KINDS)
def test_a_jpeg_may_lack_a_little_of_its_end(options: dict[str, int], cut: int) -> None:
    data = encoded(SMOOTH, "JPEG", **options)
    whole, short = decode_picture(data, "a.jpg").pixels, decode_picture(data[:-cut], "a.jpg").pixels
    assert np.array_equal(whole[:-20], short[:-20])
    if cut <= 2:
        assert np.array_equal(whole, short)
    assert decode_picture(data[:-cut] + bytes(100), "a.jpg", longest=100).width == 300


def test_a_plain_grey_jpeg_that_lacks_only_its_end_marker_is_whole() -> None:
    """Grey is also what a decoder puts in the place of pixels that are missing."""
    data = encoded(Image.new("RGB", (300, 300), (128, 128, 128)), "JPEG")
    assert decode_picture(data[:-2], "a.jpg").pixels.mean() == 128


@pytest.mark.parametrize("share", [0.5, 0.8])
@pytest.mark.parametrize("options", KINDS)
def test_a_jpeg_without_much_of_its_pixels_is_damaged(options: dict[str, int], share: float) -> None:
    data = encoded(SMOOTH, "JPEG", **options)
    if options.get("progressive"):
        share *= 0.5
    with pytest.raises(DamagedImageError, match=r"^a\.jpg: the p.* are damaged \(the file ends early"):
        decode_picture(data[: int(len(data) * share)], "a.jpg")
