"""Animated pictures by Pillow: GIF, WebP, PNG and AVIF."""

from __future__ import annotations

import io
from collections.abc import Collection, Iterator

from PIL import Image

from booru_tagger.errors import DamagedImageError, TooLargeImageError
from booru_tagger.imaging import Limits, Picture, upright_rgb
from booru_tagger.moving.values import Glances, Moment, Survey

FORMATS = ("GIF", "WEBP", "PNG", "AVIF")
"""Formats whose further frames come after the first in time. In others they are pages, layers or sizes."""

MAX_DECODED = 2_000_000_000
"""Pixels of all frames together; what comes after them is not looked at."""

_AS_VIEWERS_DO = 0.1
"""Seconds that a frame is shown that claims a hundredth or less."""


class Animation:
    """An animated picture in memory. See :class:`~booru_tagger.moving.values.Film`."""

    def __init__(self, data: bytes, name: str, limits: Limits) -> None:
        """Raises :class:`TooLargeImageError`."""
        self._data, self.name = data, name
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            pixels = image.width * image.height
        if pixels > limits.pixels:
            raise TooLargeImageError(
                f"{name}: {pixels:,} pixels a frame, more than the limit of {limits.pixels:,}"
            )
        self._most = max(1, MAX_DECODED // pixels)

    def survey(self) -> Survey:
        glances, moments, at = Glances(), [], 0.0
        for number, image in self._images():
            moments.append(Moment(number, at, glances.change(image)))
            at += _seconds(image)
        if not moments:
            raise DamagedImageError(f"{self.name}: no frame of the animation can be read")
        return Survey(moments, at)

    def frames(self, numbers: Collection[int]) -> Iterator[Picture]:
        last = max(numbers, default=-1)
        for number, image in self._images():
            if number in numbers:
                yield _picture(image)
            if number >= last:
                return

    def frame_at(self, seconds: float) -> Picture:
        at, shown = 0.0, None
        for _, image in self._images():
            shown, at = image, at + _seconds(image)
            if at > seconds + 1e-3:
                break
        if shown is None:
            raise DamagedImageError(f"{self.name}: no frame of the animation can be read")
        return _picture(shown)

    def _images(self) -> Iterator[tuple[int, Image.Image]]:
        """The frames by number, each at hand until the next is asked for; up to the first damaged one."""
        with Image.open(io.BytesIO(self._data), formats=FORMATS) as image:
            first = 1 if getattr(image, "default_image", False) else 0  # shown where nothing can move
            for number in range(self._most):
                try:
                    image.seek(first + number)
                    image.load()
                except Exception:  # the end, or data that are damaged from here on
                    return
                yield number, image


def moves(data: bytes) -> bool:
    """Whether the bytes are an animated picture that can be read here, with more than one frame."""
    if not _may_move(data):
        return False
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            return getattr(image, "n_frames", 1) - bool(getattr(image, "default_image", False)) > 1
    except Exception:  # whatever it is, it is judged as a still picture
        return False


def _may_move(data: bytes) -> bool:
    """A look at the first bytes: most pictures are stills, and are not opened twice."""
    if data.startswith(b"\x89PNG"):
        return b"acTL" in data[:65_536]
    if data.startswith(b"RIFF"):
        return data[12:16] == b"VP8X" and len(data) > 20 and bool(data[20] & 2)
    return data.startswith((b"GIF87a", b"GIF89a")) or (data[4:8] == b"ftyp" and b"avis" in data[8:64])


def _seconds(image: Image.Image) -> float:
    """How long the frame is shown."""
    duration = image.info.get("duration", 0)
    seconds = float(duration) / 1000 if isinstance(duration, int | float) else 0.0
    return seconds if seconds > 0.01 else _AS_VIEWERS_DO


def _picture(image: Image.Image) -> Picture:
    rgb = upright_rgb(image)
    if rgb is image:  # which becomes the next frame
        rgb = image.copy()
    return Picture(rgb, *rgb.size)
