"""What pictures are between files and networks: arrays, or Pillow's images, with what they were once."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image

Pixels: TypeAlias = npt.NDArray[np.uint8]
"""RGB, shape ``(height, width, 3)``."""
Floats: TypeAlias = npt.NDArray[np.float32]
Source: TypeAlias = Pixels | Image.Image
"""A decoded picture in either form; Pillow's is in RGB."""


def size_of(source: Source) -> tuple[int, int]:
    """Width and height."""
    return source.size if isinstance(source, Image.Image) else (source.shape[1], source.shape[0])


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
        width, _ = size_of(self.image if self._pixels is None else self._pixels)
        return float(width) / self.width


class Normalisation(NamedTuple):
    """Per-channel RGB ``mean`` and ``std`` on the scale 0 to 1.

    ``inside``: the network does it itself, and takes pictures as they are.
    """

    mean: tuple[float, float, float] = (0.5, 0.5, 0.5)
    std: tuple[float, float, float] = (0.5, 0.5, 0.5)
    inside: bool = False

    @property
    def factors(self) -> tuple[Floats, Floats]:
        """What a byte is multiplied by, and what is then taken off it, by channel: ``(3, 1, 1)`` each."""
        std = np.asarray(self.std, dtype=np.float32).reshape(3, 1, 1)
        mean = np.asarray(self.mean, dtype=np.float32).reshape(3, 1, 1)
        return np.asarray(1 / (255 * std), np.float32), np.asarray(mean / std, np.float32)

    def feed(self, batch: Pixels) -> Floats | Pixels:
        """What the network is given of ``(N, H, W, 3)`` bytes."""
        return np.ascontiguousarray(batch) if self.inside else self.apply(batch)

    def apply(self, batch: Pixels) -> Floats:
        """``(N, H, W, 3)`` bytes to ``(N, 3, H, W)`` float32."""
        scale, offset = self.factors
        planes = np.ascontiguousarray(batch.transpose(0, 3, 1, 2)).astype(np.float32)
        np.multiply(planes, scale, out=planes)
        np.subtract(planes, offset, out=planes)
        return planes
