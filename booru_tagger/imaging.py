"""Pictures in, arrays out: safe upright decoding, cropping, letterboxing and normalising.

Training, the parity check and the runtime all call these functions, so a face looks the same to the network
wherever it is shown one.
"""

from __future__ import annotations

import contextlib
import io
import math
import os
import stat
import warnings
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from booru_tagger.errors import (
    DamagedImageError,
    ImageError,
    NotAnImageError,
    TooLargeImageError,
    UnreadableImageError,
)
from booru_tagger.types import Box

Pixels: TypeAlias = npt.NDArray[np.uint8]
"""RGB, shape ``(height, width, 3)``."""
Floats: TypeAlias = npt.NDArray[np.float32]
Source: TypeAlias = Pixels | Image.Image
"""A decoded picture in either form; Pillow's is in RGB."""

PAD_VALUE = 128
"""Grey that fills what lies outside a picture, in crops and letterboxes alike."""

_WIDEST_FRAME = 4096
"""A crop that reaches out of its picture is padded at this many pixels a side at most."""

_ORIENTATION = 0x0112
_UPRIGHT = MappingProxyType(
    {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_270,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_90,
    }
)
"""EXIF orientation -> what puts the picture upright; from 5 on, width and height change places."""

_REFUSED = frozenset({"EPS", "WMF", "EMF"})
"""Formats that Pillow hands to another program or to the operating system: not with strangers' files."""

# Pillow warns of large pictures and odd metadata; what matters here becomes an ImageError. A filter for good,
# because `warnings.catch_warnings` changes the state of the whole process and so may not be used by threads.
warnings.filterwarnings("ignore", module=r"PIL\.")


@dataclass(frozen=True, slots=True)
class Limits:
    """What a picture may cost: pixels once decoded, and bytes of the file. Checked before decoding.

    Pillow's own limit, twice ``PIL.Image.MAX_IMAGE_PIXELS`` (178,956,970 pixels), holds beside this one.
    """

    pixels: int = 150_000_000
    file_bytes: int = 1_000_000_000


class Picture:
    """A decoded, upright picture, perhaps at a reduced scale.

    ``width`` and ``height`` are those of the upright original; what was decoded may be smaller. It is kept in
    the form that it was given in, as Pillow's ``image`` or as an array of ``pixels``, and the other form is
    made when it is asked for: copying all pixels of a large picture takes as long as looking for faces in it.
    """

    __slots__ = ("_image", "_pixels", "height", "width")

    def __init__(self, pixels: Source, width: int, height: int) -> None:
        self._image = pixels if isinstance(pixels, Image.Image) else None
        self._pixels = None if isinstance(pixels, Image.Image) else pixels
        self.width, self.height = width, height

    @property
    def image(self) -> Image.Image:
        """What was decoded, in RGB."""
        if self._image is None:
            self._image = Image.fromarray(self.pixels)
        return self._image

    @property
    def pixels(self) -> Pixels:
        """What was decoded, as an array."""
        if self._pixels is None:
            self._pixels = np.asarray(self.image)
        return self._pixels

    @property
    def scale(self) -> float:
        """Decoded pixels per original pixel, at most 1."""
        width, _ = _size(self.image if self._pixels is None else self._pixels)
        return float(width) / self.width


@dataclass(frozen=True, slots=True)
class Normalisation:
    """Per-channel RGB ``mean`` and ``std`` on the scale 0 to 1."""

    mean: tuple[float, float, float] = (0.5, 0.5, 0.5)
    std: tuple[float, float, float] = (0.5, 0.5, 0.5)

    def apply(self, batch: Pixels) -> Floats:
        """``(N, H, W, 3)`` bytes to ``(N, 3, H, W)`` float32."""
        std = np.asarray(self.std, dtype=np.float32).reshape(3, 1, 1)
        mean = np.asarray(self.mean, dtype=np.float32).reshape(3, 1, 1)
        planes = np.ascontiguousarray(batch.transpose(0, 3, 1, 2)).astype(np.float32)
        np.multiply(planes, 1 / (255 * std), out=planes)
        np.subtract(planes, mean / std, out=planes)
        return planes


def read_picture(path: Path, *, longest: int | None = None, limits: Limits | None = None) -> Picture:
    """Read the picture at ``path`` upright, as RGB, alpha laid on white, the first frame of an animation.

    ``longest`` allows a JPEG to be decoded at a fraction of its size, as long as its longest side keeps at
    least that many pixels. Raises a subclass of :class:`ImageError`.
    """
    data = read_file(path, limits or Limits())
    return decode_picture(data, str(path), longest=longest, limits=limits)


def read_file(path: Path, limits: Limits) -> bytes:
    """The bytes of a regular file. Raises :class:`UnreadableImageError` or :class:`TooLargeImageError`."""
    try:
        # O_NONBLOCK: opening a FIFO must not hang; what is not a regular file is refused just below.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        with os.fdopen(descriptor, "rb") as handle:
            status = os.fstat(handle.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise UnreadableImageError(f"{path}: not a regular file")
            if status.st_size > limits.file_bytes:
                raise TooLargeImageError(
                    f"{path}: {status.st_size:,} bytes, more than the limit of {limits.file_bytes:,}"
                )
            return handle.read()
    except OSError as error:
        raise UnreadableImageError(f"{path}: {error.strerror or error}") from error


def decode_picture(
    data: bytes, name: str, *, longest: int | None = None, limits: Limits | None = None
) -> Picture:
    """Like :func:`read_picture`, from bytes; ``name`` appears in messages."""
    limits = limits or Limits()
    if not data:
        raise NotAnImageError(f"{name}: the file is empty")
    try:
        return _decode(data, name, longest, limits)
    except ImageError:
        raise
    except UnidentifiedImageError as error:
        raise NotAnImageError(f"{name}: not a picture in any format that is read here") from error
    except Image.DecompressionBombError as error:
        size, _, _ = str(error).partition(",")  # what follows speaks of an attack
        raise TooLargeImageError(f"{name}: too many pixels: {size}") from error
    except MemoryError as error:
        raise TooLargeImageError(f"{name}: not enough memory to decode it") from error
    except Exception as error:  # Pillow's plugins raise anything from SyntaxError to struct.error on bad data
        raise DamagedImageError(f"{name}: the picture's data are damaged ({_reason(error)})") from error


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__


def _decode(data: bytes, name: str, longest: int | None, limits: Limits) -> Picture:
    with Image.open(io.BytesIO(data)) as image:
        if image.format in _REFUSED:
            raise NotAnImageError(f"{name}: {image.format} files are not read; convert it to PNG first")
        width, height = image.size
        if width * height > limits.pixels:
            raise TooLargeImageError(
                f"{name}: {width}x{height} is {width * height:,} pixels, "
                f"more than the limit of {limits.pixels:,}"
            )
        drafted = longest is not None and _draft(image, longest)
        image.load()
        orientation = _orientation(image)
        rgb = _to_rgb(image)
    if orientation in _UPRIGHT:
        rgb = rgb.transpose(_UPRIGHT[orientation])
    if not drafted:  # some formats say their true size only here
        width, height = rgb.size
    elif orientation >= 5:
        width, height = height, width
    return Picture(rgb, width, height)


def _draft(image: Image.Image, longest: int) -> bool:
    """Have a JPEG decoded at 1/2, 1/4 or 1/8, where its longest side keeps ``longest`` pixels."""
    size = image.size
    factor = longest / max(size)
    if image.format not in ("JPEG", "MPO") or factor >= 1:
        return False
    image.draft("RGB", (math.ceil(size[0] * factor), math.ceil(size[1] * factor)))
    return image.size != size


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1 to 8; to be asked after loading, since some formats turn themselves."""
    with contextlib.suppress(Exception):  # damaged EXIF is no reason to refuse the pixels
        orientation = image.getexif().get(_ORIENTATION, 1)
        return orientation if orientation in _UPRIGHT else 1
    return 1


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return _sixteen_bit_to_rgb(image)
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        rgba = image.convert("RGBA")
        white = Image.new("RGBA", rgba.size, (255, 255, 255, 255))
        return Image.alpha_composite(white, rgba).convert("RGB")
    return image.convert("RGB")


def _sixteen_bit_to_rgb(image: Image.Image) -> Image.Image:
    values = np.asarray(image).astype(np.float64)
    values = np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
    top = 65535.0 if image.mode != "F" else max(1.0, float(values.max()))
    grey = np.clip(values / top * 255.0, 0, 255).astype(np.uint8)
    return Image.fromarray(grey).convert("RGB")


def letterbox(
    source: Source, side: int, *, multiple: int = 32, max_upscale: float = 2.0
) -> tuple[Pixels, float]:
    """Scale so that the longest side is ``side`` and pad right and below up to a multiple of ``multiple``.

    A small picture grows by at most ``max_upscale``. Returns the padded picture and the scale (pixels of the
    result per pixel of the input), so that a box is carried back by dividing by it.
    """
    width, height = _size(source)
    scale = min(side / max(height, width), max_upscale)
    new_width, new_height = max(1, round(width * scale)), max(1, round(height * scale))
    image = source if isinstance(source, Image.Image) else Image.fromarray(source)
    if (new_width, new_height) != image.size:
        # The gap lets Pillow average whole blocks of pixels first, which is several times as fast; the
        # detector finds the same heads, and just as surely (docs/performance.md).
        image = image.resize((new_width, new_height), Image.Resampling.BILINEAR, reducing_gap=1.0)
    padded = np.full((_up(new_height, multiple), _up(new_width, multiple), 3), PAD_VALUE, dtype=np.uint8)
    padded[:new_height, :new_width] = np.asarray(image)
    return padded, scale


def _size(source: Source) -> tuple[int, int]:
    """Width and height."""
    return source.size if isinstance(source, Image.Image) else (source.shape[1], source.shape[0])


def _up(value: int, multiple: int) -> int:
    return -(-value // multiple) * multiple


def square_around(box: Box, expand: float) -> Box:
    """The crop rule: a square on the box's centre, ``expand`` times its longer side."""
    half = max(box.width, box.height) * expand / 2
    x, y = (box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2
    return Box(x - half, y - half, x + half, y + half)


def crop(source: Source, region: Box, size: int) -> Pixels:
    """The part of a picture in ``region``, resized to ``(size, size, 3)``.

    What lies outside the picture is filled with grey. Antialiased bilinear.
    """
    width, height = _size(source)
    x0, y0, x1, y1 = region
    if x1 <= 0 or y1 <= 0 or x0 >= width or y0 >= height:
        return np.full((size, size, 3), PAD_VALUE, dtype=np.uint8)
    if x0 < 0 or y0 < 0 or x1 > width or y1 > height:
        image, region = _framed(source, region)
    elif isinstance(source, Image.Image):
        image = source
    else:
        image, region = _cut(source, region, math.ceil(max(region.width, region.height) / size) + 2)
    resized = image.resize((size, size), Image.Resampling.BILINEAR, box=region, reducing_gap=2.0)
    return np.asarray(resized)


def _cut(pixels: Pixels, region: Box, margin: int) -> tuple[Image.Image, Box]:
    """The part in ``region`` with the ``margin`` that resizing looks at, and where the region is in it."""
    left, top = max(0, math.floor(region.x0) - margin), max(0, math.floor(region.y0) - margin)
    right, bottom = math.ceil(region.x1) + margin, math.ceil(region.y1) + margin
    return Image.fromarray(pixels[top:bottom, left:right]), _moved(region, left, top)


def _framed(source: Source, region: Box) -> tuple[Image.Image, Box]:
    """As :func:`_cut`, for a region that reaches out of the picture: padded with grey."""
    width, height = _size(source)
    left, top = max(0, math.floor(region.x0)), max(0, math.floor(region.y0))
    right, bottom = min(width, math.ceil(region.x1)), min(height, math.ceil(region.y1))
    if isinstance(source, Image.Image):
        inside = source.crop((left, top, right, bottom))
    else:
        inside = Image.fromarray(source[top:bottom, left:right])
    region = _moved(region, left, top)
    shrink = math.ceil(max(region.width, region.height) / _WIDEST_FRAME)
    if shrink > 1:
        inside = inside.reduce(shrink)
        region = Box(*(value / shrink for value in region))
    x, y = math.floor(region.x0), math.floor(region.y0)
    frame = Image.new("RGB", (math.ceil(region.x1) - x, math.ceil(region.y1) - y), (PAD_VALUE,) * 3)
    frame.paste(inside, (-x, -y))
    return frame, _moved(region, x, y)


def _moved(box: Box, left: int, top: int) -> Box:
    """The box as seen from the point ``left``, ``top``."""
    return Box(box.x0 - left, box.y0 - top, box.x1 - left, box.y1 - top)


def fit(source: Source, size: int, expand: float = 1.0) -> Pixels:
    """A whole picture that is a face crop already, padded to a centred square and resized to ``size``.

    ``expand`` above 1 pads further, below 1 keeps the centre.
    """
    width, height = _size(source)
    return crop(source, square_around(Box(0, 0, width, height), expand), size)


def colourfulness(source: Source) -> float:
    """How far a picture's pixels stray from a single tint, 0 (greyscale, sepia) upwards.

    The spread of the opponent channels red-green and yellow-blue (Hasler and Suesstrunk, "Measuring
    colourfulness in natural images", 2003, without their term for the mean, so that a tinted scan counts as
    colourless).
    """
    size = _size(source)
    if isinstance(source, Image.Image):
        thumbnail = source.resize((min(size[0], 64), min(size[1], 64)), Image.Resampling.NEAREST)
        small = np.asarray(thumbnail).astype(np.float32)
    else:
        small = source[:: max(1, size[1] // 64), :: max(1, size[0] // 64)].astype(np.float32)
    red, green, blue = small[..., 0], small[..., 1], small[..., 2]
    return float(np.hypot((red - green).std(), ((red + green) / 2 - blue).std()))
