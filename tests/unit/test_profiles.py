"""Colors are those that a picture's profile means; a profile that is of no use costs nothing."""

from __future__ import annotations

import io
import struct
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from booru_tagger.imaging import decode_picture, profiles
from tests.support.pictures import encoded

RED = (225, 60, 70)
WIDE = ((0.7977, 0.2880, 0.0), (0.1352, 0.7119, 0.0), (0.0313, 0.0001, 0.8249))
"""ProPhoto's primaries, as XYZ under D50."""
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def made(space: bytes, gamma: float, primaries: Any = ()) -> bytes:
    """A small profile: one curve for all channels, and a matrix where there are primaries."""
    curve = b"curv" + struct.pack(">IIHxx", 0, 1, round(gamma * 256))
    white = (0.9642, 1.0, 0.8249)
    points = dict(zip((b"rXYZ", b"gXYZ", b"bXYZ"), primaries, strict=False)) | {b"wtpt": white}
    tags = {
        name: b"XYZ " + struct.pack(">4i", 0, *(round(value * 65536) for value in values))
        for name, values in points.items()
    }
    tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC") if primaries else (b"kTRC",), curve)
    tags[b"desc"] = b"desc" + struct.pack(">II", 0, 5) + b"made\0" + bytes(79)
    tags[b"cprt"] = b"text" + bytes(4) + b"none\0\0\0\0"
    start, table, body = 132 + 12 * len(tags), struct.pack(">I", len(tags)), b""
    for name, data in tags.items():
        table += name + struct.pack(">II", start + len(body), len(data))
        body += data
    head = struct.pack(">I4sI4s4s4s12x4s28x3i", start + len(body), b"", 0x02100000, b"mntr", space, b"XYZ ",
                       b"acsp", *(round(value * 65536) for value in white))  # fmt: skip
    return head.ljust(128, b"\0") + table + body


PROPHOTO, GREY = made(b"RGB ", 1.8, WIDE), made(b"GRAY", 1.0)


def in_profile(color: tuple[int, ...], profile: bytes, mode: str = "RGB") -> Image.Image:
    """A picture that shows a color of sRGB, in the numbers of a profile."""
    image = ImageCms.profileToProfile(
        Image.new(mode, (64, 64), color if len(color) > 1 else color[0]),
        ImageCms.createProfile("sRGB"),
        ImageCms.ImageCmsProfile(io.BytesIO(profile)),
        outputMode=mode,
    )
    assert image is not None
    del image.info["icc_profile"]  # or Pillow would save it unasked
    return image


def shown(image: Image.Image, kind: str, **options: Any) -> tuple[int, ...]:
    return tuple(decode_picture(encoded(image, kind, **options), "picture").pixels[20, 20].tolist())


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF"])
def test_colors_are_those_of_the_profile(kind: str) -> None:
    options = {"lossless": True} if kind == "WEBP" else {}
    image = in_profile(RED, PROPHOTO)
    assert shown(image, kind, icc_profile=PROPHOTO, **options) == pytest.approx(RED, abs=5)
    assert shown(image, kind, **options) == pytest.approx(image.getpixel((20, 20)), abs=3)


def test_a_drafted_jpeg_has_its_profile() -> None:
    data = encoded(in_profile(RED, PROPHOTO).resize((640, 640)), "JPEG", icc_profile=PROPHOTO, quality=95)
    picture = decode_picture(data, "picture", longest=100)
    assert picture.image.width == 160 and picture.pixels[20, 20].tolist() == pytest.approx(RED, abs=5)


def test_alpha_and_palettes_keep_what_is_clear() -> None:
    image = in_profile(RED, PROPHOTO)
    clear = image.copy()
    clear.putalpha(Image.new("L", image.size, 0))
    assert shown(clear, "PNG", icc_profile=PROPHOTO) == (255, 255, 255)
    clear.putalpha(128)
    assert shown(clear, "PNG", icc_profile=PROPHOTO) == pytest.approx((240, 157, 162), abs=4)
    indexed = image.quantize(4)
    assert shown(indexed, "PNG", icc_profile=PROPHOTO) == pytest.approx(RED, abs=4)
    index = indexed.getpixel((0, 0))
    assert shown(indexed, "PNG", icc_profile=PROPHOTO, transparency=index) == (255, 255, 255)


def test_grey_pictures_have_the_brightness_of_their_profile() -> None:
    linear = Image.new("L", (64, 64), 55)  # a fifth of the light
    assert shown(linear, "PNG", icc_profile=GREY) == pytest.approx((127,) * 3, abs=3)
    linear.putalpha(255)
    assert shown(linear, "PNG", icc_profile=GREY) == pytest.approx((127,) * 3, abs=3)


def test_srgb_costs_no_conversion(monkeypatch: pytest.MonkeyPatch) -> None:
    data = encoded(Image.new("RGB", (8, 8), RED), "PNG", icc_profile=SRGB)
    decode_picture(data, "picture")  # looks once at what the profile does

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError

    monkeypatch.setattr(ImageCms, "applyTransform", refuse)
    monkeypatch.setattr(ImageCms, "buildTransform", refuse)
    assert decode_picture(data, "picture").pixels[0, 0].tolist() == list(RED)


@pytest.mark.parametrize(
    ("profile", "mode"),
    [
        (b"rubbish", "RGB"),
        (PROPHOTO[:200], "RGB"),
        (PROPHOTO, "L"),
        (GREY, "RGB"),
        (PROPHOTO, "CMYK"),
        (made(b"CMYK", 1.8), "CMYK"),
        (made(b"Lab ", 1.8), "RGB"),
        (PROPHOTO + bytes(profiles.MAX_PROFILE_BYTES), "RGB"),
    ],
)
def test_a_profile_of_no_use_is_ignored(profile: bytes, mode: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", "booru_tagger.imaging")
    image = Image.new(mode, (8, 8), 99)
    plain = decode_picture(encoded(image, "TIFF"), "picture").pixels
    assert not caplog.records
    again = decode_picture(encoded(image, "TIFF", icc_profile=profile), "picture").pixels
    assert (again == plain).all() and "ignored an ICC profile" in caplog.text


def test_without_littlecms_profiles_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: Any) -> None:
        raise ImportError("The _imagingcms C module is not installed")

    monkeypatch.setattr(profiles, "_transform", missing)
    image = in_profile(RED, PROPHOTO)
    assert shown(image, "PNG", icc_profile=PROPHOTO) == image.getpixel((0, 0))


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_inks_go_through_their_profile(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of inks alone; the profile that a press has is stood in for, as none is small enough to be here."""
    seen: list[tuple[int, ...]] = []

    def printed(image: Image.Image, *_: Any) -> Image.Image:
        seen.append(tuple(np.asarray(image)[4, 4].tolist()))
        return Image.new("RGB", image.size, RED)

    monkeypatch.setattr(profiles, "_transform", lambda *_: object())
    monkeypatch.setattr(ImageCms, "applyTransform", printed)
    data = encoded(Image.new("CMYK", (8, 8), (20, 230, 200, 5)), kind, icc_profile=made(b"CMYK", 1.0))
    assert decode_picture(data, "picture").pixels[4, 4].tolist() == list(RED)
    assert seen[0] == pytest.approx((20, 230, 200, 5), abs=4)
