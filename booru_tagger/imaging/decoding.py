"""Files in, upright RGB out, whatever the files hold: limits, cheap JPEG decoding, orientation, alpha."""

from __future__ import annotations

import contextlib
import io
import math
import struct
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple, TypeAlias

import numpy as np
from PIL import Image, ImageChops, UnidentifiedImageError
from PIL.JpegImagePlugin import jpeg_factory

from booru_tagger.errors import (
    DamagedImageError,
    ImageError,
    NotAnImageError,
    TooLargeImageError,
    UnreadableImageError,
)
from booru_tagger.files.reading import OversizeFileError, read_regular
from booru_tagger.imaging.mending import BeyondMendingError, MendedFile, mended
from booru_tagger.imaging.values import Picture

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

_JPEG = b"\xff\xd8\xff"

_BLOCK_ROWS = 18
"""Rows that change where the last blocks of a JPEG do."""

_REFUSED = frozenset({"EPS", "WMF", "EMF"})
"""Formats that Pillow hands to another program or to the operating system: not with strangers' files."""

Longest: TypeAlias = int | Callable[[int, int], float]
"""Pixels that a picture's longest side must keep, or what tells them from its width and height."""

# Pillow warns of large pictures and odd metadata; what matters here becomes an ImageError. A filter for good,
# because `warnings.catch_warnings` changes the state of the whole process and so may not be used by threads.
warnings.filterwarnings("ignore", module=r"PIL\.")


class Limits(NamedTuple):
    """What a picture may cost: pixels once decoded, and bytes of the file. Checked before decoding.

    Pillow's own limit, twice ``PIL.Image.MAX_IMAGE_PIXELS`` (178,956,970 pixels), holds beside this one.
    """

    pixels: int = 150_000_000
    file_bytes: int = 1_000_000_000


def read_picture(path: Path, *, longest: Longest | None = None, limits: Limits | None = None) -> Picture:
    """Read the picture at ``path`` upright, as RGB, alpha laid on white, the first frame of an animation.

    ``longest`` allows a JPEG to be decoded at a fraction of its size, as long as its longest side keeps at
    least that many pixels; it may depend on width and height, not upright yet. Raises a subclass of
    :class:`ImageError`.
    """
    data = read_file(path, limits or Limits())
    return decode_picture(data, str(path), longest=longest, limits=limits)


def read_file(path: Path, limits: Limits) -> bytes:
    """The bytes of a regular file. Raises :class:`UnreadableImageError` or :class:`TooLargeImageError`."""
    try:
        return read_regular(path, limits.file_bytes)
    except OversizeFileError as error:
        raise TooLargeImageError(
            f"{path}: {error.size:,} bytes, more than the limit of {limits.file_bytes:,}"
        ) from error
    except OSError as error:
        raise UnreadableImageError(f"{path}: {error.strerror or error}") from error


def decode_picture(
    data: bytes, name: str, *, longest: Longest | None = None, limits: Limits | None = None
) -> Picture:
    """Like :func:`read_picture`, from bytes; ``name`` appears in messages.

    As in a viewer, what is wrong beside the pixels of a PNG does not matter, nor what a JPEG lacks of its
    last rows.
    """
    limits = limits or Limits()
    if not data:
        raise NotAnImageError(f"{name}: the file is empty")
    with _image_errors(name, "the picture's data"):
        try:
            return _decode(data, name, longest, limits)
        except (ImageError, Image.DecompressionBombError, MemoryError):
            raise
        except Exception as error:
            instead = _mended(data, name, error)
    with _image_errors(name, instead.part):
        return _decode(instead.data, name, longest, limits, instead)


def _mended(data: bytes, name: str, error: Exception) -> MendedFile:
    """What to decode instead of a file that ``error`` came of, which is raised where there is nothing."""
    try:
        instead = mended(data)
    except BeyondMendingError as reason:
        if isinstance(error, UnidentifiedImageError):
            raise NotAnImageError(f"{name}: not a picture that can be read: {reason}") from error
        raise
    if instead is None:
        raise error
    return instead


@contextlib.contextmanager
def _image_errors(name: str, part: str) -> Iterator[None]:
    """Turn what goes wrong in decoding into subclasses of :class:`ImageError`."""
    try:
        yield
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
        reason = str(error) or type(error).__name__
        raise DamagedImageError(f"{name}: {part} are damaged ({reason})") from error


def _decode(
    data: bytes, name: str, longest: Longest | None, limits: Limits, instead: MendedFile | None = None
) -> Picture:
    with _opened(data) as image:
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
        if instead is not None:
            _check_mended(image, instead, longest if drafted else None)
        rgb, orientation = _upright(image)
    if not drafted:  # some formats say their true size only here
        width, height = rgb.size
    elif orientation >= 5:
        width, height = height, width
    return Picture(rgb, width, height)


def _opened(data: bytes) -> Image.Image:
    """As :func:`Image.open` does, which imports what reads GIF, PNG and more before it looks at the bytes."""
    if data.startswith(_JPEG):
        with contextlib.suppress(
            SyntaxError, IndexError, TypeError, struct.error
        ):  # it may be something else
            image = jpeg_factory(io.BytesIO(data))
            if image.width * image.height <= (Image.MAX_IMAGE_PIXELS or 0):
                return image
    return Image.open(io.BytesIO(data))


def _check_mended(image: Image.Image, instead: MendedFile, longest: Longest | None) -> None:
    """Give the picture its profile. Raises :class:`BeyondMendingError` where the file lacks more than a
    little of its pixels."""
    if instead.profile is not None:
        image.info["icc_profile"] = instead.profile
    if instead.probe is None:
        return
    with Image.open(io.BytesIO(instead.probe)) as probe:
        if longest is not None:
            _draft(probe, longest)
        differs = ImageChops.difference(image, probe).getbbox()
    lost = image.height - differs[1] if differs else 0
    if lost > max(0.02 * image.height, min(_BLOCK_ROWS, 0.2 * image.height)):
        share = math.ceil(100 * lost / image.height)
        raise BeyondMendingError(f"the file ends early: the lowest {share} % of the picture are missing")


def _draft(image: Image.Image, longest: Longest) -> bool:
    """Have a JPEG decoded at 1/2, 1/4 or 1/8, where its longest side keeps ``longest`` pixels."""
    size = image.size
    factor = (longest if isinstance(longest, int) else longest(*size)) / max(size)
    if image.format not in ("JPEG", "MPO") or factor >= 1:
        return False
    image.draft("RGB", (math.ceil(size[0] * factor), math.ceil(size[1] * factor)))
    return image.size != size


def upright_rgb(image: Image.Image) -> Image.Image:
    """A picture that Pillow has loaded, or the frame that it is at, as people see it: upright, in sRGB, alpha
    laid on white."""
    return _upright(image)[0]


def _upright(image: Image.Image) -> tuple[Image.Image, int]:
    """The same with the EXIF orientation that it had."""
    orientation = _orientation(image)
    if image.info.get("icc_profile"):
        from booru_tagger.imaging.profiles import in_srgb  # LittleCMS, which most pictures do without

        image = in_srgb(image)
    rgb = _to_rgb(image)
    return rgb.transpose(_UPRIGHT[orientation]) if orientation in _UPRIGHT else rgb, orientation


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1 to 8; to be asked after loading, since some formats turn themselves."""
    with contextlib.suppress(Exception):  # damaged EXIF does not spoil the pixels
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
