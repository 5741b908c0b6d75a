"""Finds heads: scales the picture, runs the detector, carries its boxes back and merges them.

Most pictures show one or a few large heads, which a coarse look finds as well as a close one: where the
bundle says so, the close look, which costs several times as much, is taken only at those that need it. A look
that leaves doubts is taken once more, mirrored: what both see is a head oftener than what one sees.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

from booru_tagger.errors import ModelError
from booru_tagger.imaging import Floats, Picture, Pixels, letterbox
from booru_tagger.models.bundle import DetectorSpec
from booru_tagger.models.found import Found, averaged, suppress, together
from booru_tagger.models.session import Array, Session
from booru_tagger.models.tiles import Tile, is_long, max_heads, tiles_of
from booru_tagger.types import Box, Face

MIN_SIDE = 1.0
"""Pixels of the original below which a box, once clipped to the picture, is not a face."""
PAIRED = 0.05
"""The network's score from which a box is the other half of one that a mirrored look sees."""
INSIDE = 0.7
"""In a long picture, a box goes where so much of it lies in a better one: looks may differ in their sizes."""


class _Canvas(NamedTuple):
    """What the network is shown at a look: ``scale`` pixels for each of the original."""

    tile: Tile
    pixels: Pixels
    scale: float


class Detector:
    """A head detector. May be shared between threads. ``threshold`` replaces the model's, on its scale."""

    def __init__(self, session: Session, spec: DetectorSpec, threshold: float | None = None) -> None:
        self.session = session
        self.spec = spec
        self.threshold = spec.threshold if threshold is None else threshold
        self._lowest = spec.raw(self.threshold)
        self._faintest = min(self._lowest, _faintest(spec))
        self._checked = False

    def check(self) -> None:
        """Load the model and compare its signature with the contract. Raises :class:`ModelError`."""
        if self._checked:
            return
        inputs, outputs = self.session.inputs, self.session.outputs
        if list(inputs) != ["images"] or not {"boxes", "scores"} <= set(outputs):
            raise ModelError(
                f"{self.session.name}: a detector has one input 'images' and outputs 'boxes' and 'scores'; "
                f"found {', '.join(inputs)} and {', '.join(outputs)}"
            )
        self._checked = True

    def detect(self, picture: Picture) -> tuple[Face, ...]:
        """The heads in a picture, best first; boxes are in pixels of the upright original."""
        self.check()
        tiles = tiles_of(self.spec, picture.width, picture.height, picture.scale)
        image, scale = _shrunk(picture, tiles)
        first = self._canvas(image, scale, tiles[0])
        found = self._at(picture, first)
        if not self._enough(picture, found, tiles):
            others = (self._canvas(image, scale, tile) for tile in tiles[1:])
            found = together(
                self._answers(picture, first, found),
                *(self._answers(picture, other, self._at(picture, other)) for other in others),
            )
        found = found.where(found.scores >= self._lowest)
        size = picture.width, picture.height
        inside = INSIDE if is_long(self.spec, *size) else 1.0
        kept = found.where(suppress(found, self.spec.nms_iou, max_heads(self.spec, *size), inside=inside))
        return tuple(
            Face(Box(*corners), self.spec.calibrated(score))
            for corners, score in zip(kept.boxes.tolist(), kept.scores.tolist(), strict=True)
        )

    def _enough(self, picture: Picture, found: Found, tiles: Sequence[Tile]) -> bool:
        """Whether no other look is taken, as the bundle's glance says."""
        glance = self.spec.glance
        if glance is None or len(tiles) == 1 or is_long(self.spec, picture.width, picture.height):
            return False
        heads = self._heads(found, glance.faint)
        large = heads.longer >= glance.smallest * max(picture.width, picture.height)
        sure = heads.scores >= self.spec.raw(glance.sure)
        return bool(len(sure) and sure.all() and large.all())

    def _doubtful(self, found: Found) -> bool:
        """Whether a look is taken again, mirrored."""
        mirror = self.spec.mirror
        return mirror is not None and bool(
            (self._heads(found, mirror.faint).scores < self.spec.raw(mirror.sure)).any()
        )

    def _heads(self, found: Found, score: float) -> Found:
        """One box for each head of at least this score, on the bundle's scale."""
        seen = found.where(found.scores >= self.spec.raw(score))
        return seen.where(suppress(seen, self.spec.nms_iou))

    def _answers(self, picture: Picture, canvas: _Canvas, found: Found) -> Found:
        """What a look says that ``found`` this, of the heads that it answers for; where that leaves doubts,
        together with the same look mirrored."""
        found = found.where(_answered(found, canvas.tile))
        if not self._doubtful(found):
            return found
        iou = self.spec.nms_iou
        other = self._at(picture, canvas, mirrored=True)
        both = averaged(found.where(suppress(found, iou)), other.where(suppress(other, iou)), iou)
        return both.where(_answered(both, canvas.tile))

    def _canvas(self, image: Image.Image, shrunk: float, tile: Tile) -> _Canvas:
        """What the network is shown of an ``image`` that has ``shrunk`` pixels for each of the original."""
        spec = self.spec
        # Squares can go through a device together; alone, the less there is of padding the better.
        multiple = spec.multiple if self.session.batch == 1 else max(tile.side, spec.multiple)
        region = Box(*(value * shrunk for value in tile.region))
        pixels, scale = letterbox(image, tile.side, region, multiple=multiple, max_upscale=spec.max_upscale)
        return _Canvas(tile, pixels, scale * shrunk)

    def _at(self, picture: Picture, canvas: _Canvas, *, mirrored: bool = False) -> Found:
        """What one look finds, down to the lowest score that counts for anything."""
        shown = canvas.pixels[:, ::-1] if mirrored else canvas.pixels
        answer = self.session.run({"images": self.spec.normalisation.feed(shown[None])})
        found = Found(_first(answer["boxes"], 2), _first(answer["scores"], 1))
        found = found.where(found.scores >= self._faintest)
        boxes = _mirrored(found.boxes, shown.shape[1]) if mirrored else found.boxes
        corner = np.asarray([*canvas.tile.region[:2]] * 2, dtype=np.float32)
        limits = np.asarray([picture.width, picture.height] * 2, dtype=np.float32)
        boxes = np.clip(boxes / np.float32(canvas.scale) + corner, 0, limits)
        good = (boxes[:, 2:] - boxes[:, :2] >= MIN_SIDE).all(axis=1)  # NaN is not
        return Found(boxes, np.minimum(found.scores, 1)).where(good)


def _faintest(spec: DetectorSpec) -> float:
    """The network's lowest score that decides on further looks, or has a part in what they say."""
    return min(spec.raw(spec.glance.faint) if spec.glance else 1.0, PAIRED if spec.mirror else 1.0)


def _mirrored(boxes: Floats, width: int) -> Floats:
    """Boxes of a mirrored picture ``width`` pixels broad, where they are in the picture itself."""
    x0, y0, x1, y1 = boxes.T
    return np.stack([width - x1, y0, width - x0, y1], axis=1)


def _shrunk(picture: Picture, tiles: Sequence[Tile]) -> tuple[Image.Image, float]:
    """What all looks can be taken from, and how many pixels it has for each of the original.

    The means of whole blocks of pixels, as large as the closest look allows: it would begin with the same.
    """
    longest = [max(tile.region.width, tile.region.height) * picture.scale / tile.side for tile in tiles]
    block = int(min(longest))
    if block < 2:
        return picture.image, picture.scale
    return picture.image.reduce(block), picture.scale / block


def _answered(found: Found, tile: Tile) -> npt.NDArray[np.bool_]:
    """Which boxes are of heads that a look answers for."""
    longer = found.longer
    centre = (found.boxes[:, 2:] + found.boxes[:, :2]) / 2
    inside = ((centre >= tile.core[:2]) & (centre <= tile.core[2:])).all(axis=1)
    fits = np.any([(longer >= low) & (longer <= high) for low, high in tile.sizes], axis=0)
    answered: npt.NDArray[np.bool_] = inside & fits
    return answered


def _first(output: Array, dimensions: int) -> Floats:
    """The answer for the only picture of a batch."""
    if output.ndim != dimensions + 1 or len(output) != 1:
        raise ModelError(f"the detector's output has the shape {output.shape}; see the contract of bundles")
    first: Floats = output[0].astype(np.float32, copy=False)
    return first
