"""Pictures of every kind come out upright, RGB and of the right size, or as a typed error."""

from __future__ import annotations

import os
import struct
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageFile, features

from booru_tagger.errors import (
    DamagedImageError,
    ImageError,
    NotAnImageError,
    TooLargeImageError,
    UnreadableImageError,
)
from booru_tagger.imaging import (
    PAD_VALUE,
    Limits,
    Normalisation,
    Pixels,
    colorfulness,
    crop,
    decode_picture,
    fit,
    letterbox,
    read_picture,
    sharpness,
    square_around,
)
from booru_tagger.types import Box
from tests.support.pictures import encoded, turned

# pytest takes the place of the filter for Pillow's warnings that the program itself sets.
pytestmark = [
    pytest.mark.filterwarnings("ignore::UserWarning"),
    pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning"),
]


def quarters(width: int = 96, height: int = 64) -> Image.Image:
    """Four quarters of different colors, so that every turn and mirroring shows."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[: height // 2, : width // 2] = (220, 30, 30)
    pixels[: height // 2, width // 2 :] = (30, 200, 30)
    pixels[height // 2 :, : width // 2] = (30, 30, 220)
    pixels[height // 2 :, width // 2 :] = (230, 220, 40)
    return Image.fromarray(pixels)


def close(first: Pixels, second: Image.Image, within: int = 12) -> bool:
    """Whether the pixels agree, leaving out those beside an edge."""
    other = np.asarray(second).astype(int)
    if first.shape != other.shape:
        return False
    keep = np.ones(first.shape[:2], bool)
    middle_y, middle_x = first.shape[0] // 2, first.shape[1] // 2
    keep[middle_y - 8 : middle_y + 8] = False
    keep[:, middle_x - 8 : middle_x + 8] = False
    return bool((abs(first.astype(int) - other).max(axis=2)[keep] <= within).all())


FORMATS = ["JPEG", "PNG", "WEBP", "TIFF"] + (["AVIF"] if features.check("avif") else [])


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_comes_out_upright(orientation: int, kind: str) -> None:
    options = {"lossless": True} if kind == "WEBP" else {}
    data = turned(quarters(), orientation, kind, **options)
    picture = decode_picture(data, "picture")
    assert (picture.width, picture.height) == (96, 64)
    assert close(picture.pixels, quarters(), within=24)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_drafted_jpeg_tells_its_full_upright_size(orientation: int) -> None:
    data = turned(quarters(1600, 1200), orientation, "JPEG", quality=90)
    picture = decode_picture(data, "picture", longest=700)
    assert (picture.width, picture.height) == (1600, 1200)
    assert picture.pixels.shape == (600, 800, 3)
    assert picture.scale == 0.5
    assert close(picture.pixels, quarters(800, 600))


def test_a_draft_never_falls_below_what_was_asked() -> None:
    data = encoded(quarters(1001, 333), "JPEG")
    for longest in (1001, 900, 501, 500, 251, 126, 20):
        assert max(decode_picture(data, "picture", longest=longest).pixels.shape) >= longest
    assert decode_picture(data, "picture", longest=5000).pixels.shape == (333, 1001, 3)


def test_only_jpeg_is_drafted() -> None:
    assert decode_picture(encoded(quarters(), "PNG"), "picture", longest=10).pixels.shape == (64, 96, 3)


def test_damaged_exif_does_not_cost_the_picture() -> None:
    data = encoded(quarters(), "JPEG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xffrubbish")
    assert decode_picture(data, "picture").pixels.shape == (64, 96, 3)


def test_an_absurd_orientation_is_ignored() -> None:
    assert close(decode_picture(turned(quarters(), 77, "PNG"), "picture").pixels, quarters())


def test_alpha_is_laid_on_white() -> None:
    image = Image.new("RGBA", (4, 1), (255, 0, 0, 255))
    image.putpixel((1, 0), (255, 0, 0, 0))
    image.putpixel((2, 0), (0, 0, 0, 128))
    row = decode_picture(encoded(image, "PNG"), "picture").pixels[0].tolist()
    assert row == [[255, 0, 0], [255, 255, 255], [127, 127, 127], [255, 0, 0]]


@pytest.mark.parametrize("mode", ["P", "L", "RGB"])
def test_a_transparent_color_is_laid_on_white(mode: str) -> None:
    image = Image.new("RGB", (2, 1), (0, 0, 0))
    image.putpixel((1, 0), (200, 200, 200))
    image = image.quantize(2) if mode == "P" else image.convert(mode)
    clear = image.getpixel((0, 0))
    data = encoded(image, "PNG", transparency=clear)
    assert decode_picture(data, "picture").pixels[0].tolist() == [[255] * 3, [200] * 3]


def test_grey_with_alpha_and_bilevel() -> None:
    both = encoded(Image.new("LA", (2, 2), (40, 0)), "PNG")
    assert (decode_picture(both, "picture").pixels == 255).all()
    bits = encoded(Image.new("1", (2, 2), 1), "PNG")
    assert (decode_picture(bits, "picture").pixels == 255).all()


def test_palette() -> None:
    data = encoded(quarters().quantize(8), "GIF")
    assert close(decode_picture(data, "picture").pixels, quarters())


def test_cmyk_jpeg() -> None:
    data = encoded(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "JPEG")
    red, green, blue = decode_picture(data, "picture").pixels[8, 8].tolist()
    assert red > 230 and green < 30 and blue < 30


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bits_keep_their_brightness(kind: str) -> None:
    values = np.array([[0, 32768, 65535]], dtype=np.uint16)
    picture = decode_picture(encoded(Image.fromarray(values), kind), "picture")
    assert picture.pixels[0].tolist() == [[0] * 3, [127] * 3, [255] * 3]


def test_floating_point_pictures_survive_numbers_that_are_none() -> None:
    values = np.array([[0.0, np.nan, 200.0, 400.0]], dtype=np.float32)
    picture = decode_picture(encoded(Image.fromarray(values), "TIFF"), "picture")
    assert picture.pixels[0, :, 0].tolist() == [0, 0, 127, 255]


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF"])
def test_an_animation_shows_its_first_frame(kind: str) -> None:
    frames = [Image.new("RGB", (16, 16), color) for color in ((200, 0, 0), (0, 0, 200))]
    data = encoded(frames[0], kind, save_all=True, append_images=frames[1:])
    red, _, blue = decode_picture(data, "picture").pixels[8, 8].tolist()
    assert red > 180 and blue < 20


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "BMP"])
@pytest.mark.parametrize("share", [0.5, 0.9])
def test_a_truncated_file_is_damaged(kind: str, share: float) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    data = encoded(Image.fromarray(noise), kind)
    with pytest.raises((DamagedImageError, NotAnImageError), match=r"^the/name: "):
        decode_picture(data[: int(len(data) * share)], "the/name")


def test_a_truncated_jpeg_on_disk(tmp_path: Path) -> None:
    path = tmp_path / "切れた.jpg"
    data = encoded(quarters(), "JPEG")
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(DamagedImageError, match=r"切れた\.jpg"):
        read_picture(path)
    path.write_bytes(data)
    assert read_picture(path).width == 96


def test_text_named_png(tmp_path: Path) -> None:
    path = tmp_path / "notes.png"
    path.write_text("this is no picture")
    with pytest.raises(NotAnImageError, match=r"notes\.png: not a picture"):
        read_picture(path)


def test_formats_that_need_another_program_are_refused() -> None:
    with pytest.raises(NotAnImageError, match="EPS"):
        decode_picture(encoded(quarters(), "EPS"), "picture")


def test_an_empty_file(tmp_path: Path) -> None:
    path = tmp_path / "empty.jpg"
    path.touch()
    with pytest.raises(NotAnImageError, match="the file is empty"):
        read_picture(path)


def test_what_is_not_a_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    for name in ("pipe.png", ".", "missing.png"):
        with pytest.raises(UnreadableImageError):
            read_picture(tmp_path / name)


def test_no_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "secret.png"
    path.write_bytes(encoded(quarters(), "PNG"))
    if os.geteuid() == 0:  # whom no mode keeps out

        def refuse(*_: object) -> int:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(os, "open", refuse)
    path.chmod(0)
    with pytest.raises(UnreadableImageError, match=r"secret\.png: Permission denied"):
        read_picture(path)


def enormous_png(side: int) -> bytes:
    """A PNG that claims ``side`` x ``side`` pixels in a few bytes."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")


@pytest.mark.parametrize("side", [13_000, 30_000])
def test_too_many_pixels_are_refused_before_decoding(side: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        raise AssertionError("decoded")

    monkeypatch.setattr(ImageFile.ImageFile, "load", never)
    with pytest.raises(TooLargeImageError, match=r"^bomb\.png: .*exceeds|more than the limit"):
        decode_picture(enormous_png(side), "bomb.png")


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_the_limit_of_pillow_holds_for_every_format(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 96 * 64 // 2 - 1)
    with pytest.raises(TooLargeImageError, match="exceeds"):
        decode_picture(encoded(quarters(), kind), "bomb")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 96 * 64 // 2)
    assert decode_picture(encoded(quarters(), kind), "large").width == 96


def test_limits_are_the_callers(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(encoded(quarters(), "PNG"))
    with pytest.raises(TooLargeImageError, match="96x64 is 6,144 pixels, more than the limit of 6,143"):
        read_picture(path, limits=Limits(pixels=96 * 64 - 1))
    with pytest.raises(TooLargeImageError, match="bytes, more than the limit of 10"):
        read_picture(path, limits=Limits(file_bytes=10))
    assert read_picture(path, limits=Limits(pixels=96 * 64)).height == 64


def test_decoding_in_threads_leaves_the_warning_filters_alone() -> None:
    data = encoded(quarters(), "JPEG")
    before = list(warnings.filters)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: decode_picture(data, "picture"), range(64)))
    assert list(warnings.filters) == before


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF"])
def test_mutated_files_give_a_picture_or_an_image_error(kind: str) -> None:
    random = np.random.default_rng(7)
    good = np.frombuffer(encoded(quarters(48, 32), kind), np.uint8)
    for _ in range(40):
        bad = good.copy()
        where = random.integers(0, len(bad), 6)
        bad[where] = random.integers(0, 256, 6)
        try:
            picture = decode_picture(bad.tobytes(), "picture", limits=Limits(pixels=1_000_000))
        except ImageError as error:
            assert str(error).startswith("picture: ")
        else:
            assert picture.pixels.ndim == 3 and picture.width > 0


@pytest.mark.parametrize(
    ("size", "side", "padded", "scale"),
    [
        ((640, 480), 320, (320, 256), 0.5),
        ((480, 640), 320, (256, 320), 0.5),
        ((320, 320), 320, (320, 320), 1.0),
        ((100, 50), 320, (224, 128), 2.0),  # grows by max_upscale only
        ((3000, 10), 300, (320, 32), 0.1),
        ((1, 1), 320, (32, 32), 2.0),
    ],
)
def test_letterbox_geometry(size: tuple[int, int], side: int, padded: tuple[int, int], scale: float) -> None:
    pixels = np.full((size[1], size[0], 3), 200, np.uint8)
    result, factor = letterbox(pixels, side)
    assert (result.shape[1], result.shape[0]) == padded
    assert factor == pytest.approx(scale)
    right, below = max(1, round(size[0] * scale)), max(1, round(size[1] * scale))
    assert (result[:below, :right] == 200).all()
    assert (result[below:] == PAD_VALUE).all() and (result[:, right:] == PAD_VALUE).all()


def test_letterbox_carries_boxes() -> None:
    pixels = np.zeros((300, 500, 3), np.uint8)
    pixels[90:180, 200:260] = 255
    result, scale = letterbox(pixels, 250, multiple=8)
    ys, xs = np.nonzero(result[..., 0] == 255)
    found = np.array([xs.min(), ys.min(), xs.max() + 1, ys.max() + 1]) / scale
    assert abs(found - [200, 90, 260, 180]).max() <= 2 / scale


def test_the_crop_rule() -> None:
    assert square_around(Box(10, 20, 30, 60), 1.5) == Box(-10, 10, 50, 70)


def test_a_crop_inside_takes_just_its_region() -> None:
    pixels = np.zeros((100, 100, 3), np.uint8)
    pixels[20:60, 30:70] = 250
    assert (crop(pixels, Box(30, 20, 70, 60), 40) == 250).all()
    wide = crop(pixels, Box(20, 10, 80, 70), 60)
    assert (wide[10:50, 10:50] == 250).all() and wide[:8].max() == 0 and wide[:, 52:].max() == 0


def test_a_crop_does_not_depend_on_what_is_far_away() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (400, 400, 3), dtype=np.uint8)
    region = Box(150.3, 120.7, 250.3, 220.7)
    small = pixels[60:300, 90:320]
    near = crop(small, Box(60.3, 60.7, 160.3, 160.7), 64).astype(int)
    assert abs(crop(pixels, region, 64).astype(int) - near).max() <= 1


@pytest.mark.parametrize(
    ("region", "inside"),
    [
        (Box(-20, -20, 20, 20), (slice(20, 40), slice(20, 40))),
        (Box(80, 80, 120, 120), (slice(0, 20), slice(0, 20))),
        (Box(-20, 30, 20, 70), (slice(0, 40), slice(20, 40))),
    ],
)
def test_a_crop_outside_the_picture_is_grey(region: Box, inside: tuple[slice, slice]) -> None:
    pixels = np.full((100, 100, 3), 250, np.uint8)
    result = crop(pixels, region, 40)
    expected = np.full((40, 40, 3), PAD_VALUE, np.uint8)
    expected[inside] = 250
    assert (result == expected).all()


@pytest.mark.parametrize("region", [Box(-50, 0, -10, 40), Box(100, 0, 140, 40), Box(0, 300, 40, 340)])
def test_a_crop_beside_the_picture_is_all_grey(region: Box) -> None:
    assert (crop(np.zeros((100, 100, 3), np.uint8), region, 16) == PAD_VALUE).all()


def test_fit_pads_to_a_centred_square() -> None:
    pixels = np.full((20, 40, 3), 250, np.uint8)
    result = fit(pixels, 40)
    assert (result[10:30] == 250).all()
    assert (result[:10] == PAD_VALUE).all() and (result[30:] == PAD_VALUE).all()
    assert (fit(pixels, 40, expand=0.5) == 250).all()
    assert (fit(pixels, 40, expand=2.0)[:, :9] == PAD_VALUE).all()


def test_a_very_long_picture_needs_no_square_of_its_length(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[tuple[int, int]] = []
    new = Image.new

    def record(mode: str, size: tuple[int, int], *rest: Any) -> Image.Image:
        sizes.append(size)
        return new(mode, size, *rest)

    monkeypatch.setattr(Image, "new", record)
    pixels = np.full((300, 30_000, 3), 250, np.uint8)
    result = fit(pixels, 128)
    assert max(width * height for width, height in sizes) <= 4097 * 4097
    assert result[63:65].mean() > 190 and (result[:60] == PAD_VALUE).all()


def test_normalisation_is_per_channel_and_planar() -> None:
    batch = np.zeros((2, 3, 5, 3), np.uint8)
    batch[..., 0], batch[..., 1], batch[..., 2] = 255, 51, 0
    result = Normalisation(mean=(0.5, 0.2, 0.1), std=(0.5, 0.1, 0.2)).apply(batch)
    assert result.shape == (2, 3, 3, 5) and result.dtype == np.float32
    assert result.flags.c_contiguous
    for channel, expected in enumerate((1.0, 0.0, -0.5)):
        assert result[:, channel] == pytest.approx(np.full((2, 3, 5), expected), abs=1e-6)


def test_colorfulness_sees_greyscale_and_tinted_scans() -> None:
    grey = np.random.default_rng(0).integers(0, 200, (80, 60, 1), dtype=np.uint8).repeat(3, axis=2)
    assert colorfulness(grey) == 0
    assert colorfulness(grey + np.array([30, 20, 0], np.uint8)) < 1
    assert colorfulness(np.asarray(quarters())) > 50


@pytest.mark.parametrize("tint", [(240, 200, 145), (120, 150, 255), (110, 130, 220)])
def test_pictures_of_one_tint_are_colorless(tint: tuple[int, int, int]) -> None:
    grey = np.random.default_rng(0).integers(0, 256, (128, 96, 1))
    smooth = Image.fromarray((grey * np.array(tint) // 255).astype(np.uint8)).resize((512, 384))
    assert colorfulness(smooth) < 2
    assert colorfulness(np.asarray(smooth)) < 2


def test_what_is_nearly_of_one_tint_counts_half_but_in_a_face() -> None:
    level = np.linspace(60, 250, 64)[:, None, None] * np.array([1, 0.8, 0.5])
    pixels = np.repeat(level, 64, axis=1)
    pixels[:, ::2, 0] -= 24  # something of another color beside it
    image = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
    assert colorfulness(image) == pytest.approx(colorfulness(image, face=True) / 2)
    assert colorfulness(image, face=True) > 6


def test_sharpness_tells_lines_from_blur() -> None:
    lines = Image.fromarray(np.kron(np.indices((16, 16)).sum(0) % 2 * 255, np.ones((6, 6))).astype(np.uint8))
    drawn = lines.convert("RGB")
    grown = drawn.resize((12, 12), Image.Resampling.BOX).resize((96, 96), Image.Resampling.BICUBIC)
    plain = Image.new("RGB", (40, 40), (200, 100, 50))
    assert sharpness(plain) == 0 < sharpness(grown) < 3 < 10 < sharpness(drawn)
    assert sharpness(np.asarray(drawn)) == sharpness(drawn)
