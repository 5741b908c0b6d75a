"""Finds heads: scales the picture, runs the detector, carries its boxes back and merges them.

Most pictures show one or a few large heads, which a coarse look finds as well as a close one: where the
bundle says so, the close look, which costs several times as much, is taken only at those that need it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from booru_tagger.errors import ModelError
from booru_tagger.imaging import Floats, Picture, letterbox
from booru_tagger.models.bundle import DetectorSpec
from booru_tagger.models.session import Array, Session
from booru_tagger.models.tiles import Tile, is_long, max_heads, tiles_of
from booru_tagger.types import Box, Face

MIN_SIDE = 1.0
"""Pixels of the original below which a box, once clipped to the picture, is not a face."""
INSIDE = 0.7
"""In a long picture, a box goes where so much of it lies in a better one: looks may differ in their sizes."""


@dataclass(frozen=True, slots=True, eq=False)
class _Found:
    """Boxes ``(K, 4)`` in pixels of the original, and the network's scores ``(K,)``."""

    boxes: Floats
    scores: Floats

    def where(self, chosen: npt.NDArray[np.bool_]) -> _Found:
        return _Found(self.boxes[chosen], self.scores[chosen])


class Detector:
    """A head detector. May be shared between threads. ``threshold`` replaces the model's, on its scale."""

    def __init__(self, session: Session, spec: DetectorSpec, threshold: float | None = None) -> None:
        self.session = session
        self.spec = spec
        self.threshold = spec.threshold if threshold is None else threshold
        self._lowest = spec.raw(self.threshold)
        self._faintest = min(self._lowest, spec.raw(spec.glance.faint)) if spec.glance else self._lowest
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
        found = [self._at(picture, image, scale, tiles[0])]
        if not self._enough(picture, found[0], tiles):
            found += [self._at(picture, image, scale, tile) for tile in tiles[1:]]
            found = [part.where(_answered(part.boxes, tile)) for part, tile in zip(found, tiles, strict=True)]
        boxes = np.concatenate([part.boxes for part in found])
        scores = np.concatenate([part.scores for part in found])
        boxes, scores = boxes[scores >= self._lowest], scores[scores >= self._lowest]
        size = picture.width, picture.height
        inside = INSIDE if is_long(self.spec, *size) else 1.0
        kept = suppress(boxes, scores, self.spec.nms_iou, max_heads(self.spec, *size), inside=inside)
        return tuple(
            Face(Box(*corners), self.spec.calibrated(score))
            for corners, score in zip(boxes[kept].tolist(), scores[kept].tolist(), strict=True)
        )

    def _enough(self, picture: Picture, found: _Found, tiles: Sequence[Tile]) -> bool:
        """Whether no other look is taken, as the bundle's glance says."""
        glance = self.spec.glance
        if glance is None or len(tiles) == 1 or is_long(self.spec, picture.width, picture.height):
            return False
        seen = found.where(found.scores >= self.spec.raw(glance.faint))
        heads = suppress(seen.boxes, seen.scores, self.spec.nms_iou)
        longer = (seen.boxes[heads, 2:] - seen.boxes[heads, :2]).max(axis=1, initial=0)
        large = longer >= glance.smallest * max(picture.width, picture.height)
        return bool(heads.size and (seen.scores[heads] >= self.spec.raw(glance.sure)).all() and large.all())

    def _at(self, picture: Picture, image: Image.Image, shrunk: float, tile: Tile) -> _Found:
        """What one look finds, down to the lowest score that counts for anything. ``image`` has ``shrunk``
        pixels for each of the original."""
        spec = self.spec
        # Squares can go through a device together; alone, the less there is of padding the better.
        multiple = spec.multiple if self.session.batch == 1 else max(tile.side, spec.multiple)
        region = Box(*(value * shrunk for value in tile.region))
        canvas, scale = letterbox(image, tile.side, region, multiple=multiple, max_upscale=spec.max_upscale)
        answer = self.session.run({"images": spec.normalisation.apply(canvas[None])})
        found = _Found(_first(answer["boxes"], 2), _first(answer["scores"], 1))
        found = found.where(found.scores >= self._faintest)
        corner = np.asarray([*tile.region[:2]] * 2, dtype=np.float32)
        limits = np.asarray([picture.width, picture.height] * 2, dtype=np.float32)
        boxes = np.clip(found.boxes / np.float32(scale * shrunk) + corner, 0, limits)
        good = (boxes[:, 2:] - boxes[:, :2] >= MIN_SIDE).all(axis=1)  # NaN is not
        return _Found(boxes, np.minimum(found.scores, 1)).where(good)


def _shrunk(picture: Picture, tiles: Sequence[Tile]) -> tuple[Image.Image, float]:
    """What all looks can be taken from, and how many pixels it has for each of the original.

    The means of whole blocks of pixels, as large as the closest look allows: it would begin with the same.
    """
    longest = [max(tile.region.width, tile.region.height) * picture.scale / tile.side for tile in tiles]
    block = int(min(longest))
    if block < 2:
        return picture.image, picture.scale
    return picture.image.reduce(block), picture.scale / block


def _answered(boxes: Floats, tile: Tile) -> npt.NDArray[np.bool_]:
    """Which boxes are of heads that a look answers for."""
    longer = (boxes[:, 2:] - boxes[:, :2]).max(axis=1, initial=0)
    centre = (boxes[:, 2:] + boxes[:, :2]) / 2
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


def suppress(
    boxes: Floats, scores: Floats, iou: float, max_boxes: int | None = None, *, inside: float = 1.0
) -> npt.NDArray[np.intp]:
    """Indices of the boxes that stay, best first.

    ``boxes`` is ``(N, 4)`` as x0, y0, x1, y1; a box goes where a better one overlaps it by more than ``iou``,
    or where more than the share ``inside`` of the smaller of the two lies in the other.
    """
    order = np.argsort(-scores, kind="stable")
    area = np.maximum(0, boxes[:, 2] - boxes[:, 0]) * np.maximum(0, boxes[:, 3] - boxes[:, 1])
    kept: list[int] = []
    while order.size and (max_boxes is None or len(kept) < max_boxes):
        best, rest = order[0], order[1:]
        kept.append(int(best))
        width = np.minimum(boxes[best, 2], boxes[rest, 2]) - np.maximum(boxes[best, 0], boxes[rest, 0])
        height = np.minimum(boxes[best, 3], boxes[rest, 3]) - np.maximum(boxes[best, 1], boxes[rest, 1])
        shared = np.maximum(0, width) * np.maximum(0, height)
        union = area[best] + area[rest] - shared
        apart = shared <= iou * np.maximum(union, 1e-9)
        if inside < 1:
            apart &= shared <= inside * np.minimum(area[best], area[rest])
        order = rest[apart]
    return np.asarray(kept, dtype=np.intp)
