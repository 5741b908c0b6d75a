"""Finds heads: scales the picture, runs the detector, carries its boxes back and merges them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from booru_tagger.errors import ModelError
from booru_tagger.imaging import Floats, Picture, letterbox
from booru_tagger.models.bundle import DetectorSpec
from booru_tagger.models.session import Array, Session
from booru_tagger.types import Box, Face

Share: TypeAlias = tuple[float, float]
"""Bounds of a head's longer side, as shares of the picture's."""
EVERY_HEAD: Share = (0.0, 1.0)
MIN_SIDE = 1.0
"""Pixels of the original below which a box, once clipped to the picture, is no face."""


class Detector:
    """A head detector. May be shared between threads. ``threshold`` replaces the model's own."""

    def __init__(self, session: Session, spec: DetectorSpec, threshold: float | None = None) -> None:
        self.session = session
        self.spec = spec
        self.threshold = spec.threshold if threshold is None else threshold
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
        found = [self._at(picture, side, shares) for side, shares in self._looks(picture).items()]
        boxes = np.concatenate([part[0] for part in found])
        scores = np.concatenate([part[1] for part in found])
        kept = suppress(boxes, scores, self.spec.nms_iou, self.spec.max_faces)
        return tuple(
            Face(Box(*corners), score)
            for corners, score in zip(boxes[kept].tolist(), scores[kept].tolist(), strict=True)
        )

    def _looks(self, picture: Picture) -> dict[int, list[Share]]:
        """Sides to look at, and which heads each answers for.

        A picture so small that it may not grow to several of the sides looks the same at all of these, and is
        looked at once for them.
        """
        most = self.spec.max_upscale * max(picture.image.size)
        shares = self.spec.head_shares or (EVERY_HEAD,) * len(self.spec.sides)
        looks: dict[int, list[Share]] = {}
        for side, share in sorted(zip(self.spec.sides, shares, strict=True)):
            same = next((other for other in looks if other >= most), side)
            looks.setdefault(same, []).append(share)
        return looks

    def _at(self, picture: Picture, side: int, shares: Sequence[Share]) -> tuple[Floats, Floats]:
        """Boxes ``(K, 4)`` and scores ``(K,)`` above the threshold, with the longest side scaled.

        The longer side of a box, as a share of the picture's, lies within the bounds of one of ``shares``.
        """
        spec = self.spec
        # Squares can go through a device together; alone, the less there is of padding the better.
        multiple = spec.multiple if self.session.batch == 1 else max(side, spec.multiple)
        canvas, scale = letterbox(picture.image, side, multiple=multiple, max_upscale=spec.max_upscale)
        answer = self.session.run({"images": spec.normalisation.apply(canvas[None])})
        boxes, scores = _first(answer["boxes"], 2), _first(answer["scores"], 1)
        boxes, scores = boxes[scores >= self.threshold], scores[scores >= self.threshold]
        boxes = boxes / np.float32(scale * picture.scale)
        limits = np.asarray([picture.width, picture.height] * 2, dtype=np.float32)
        boxes = np.clip(boxes, 0, limits)
        size = boxes[:, 2:] - boxes[:, :2]
        longer = size.max(axis=1, initial=0) / max(picture.width, picture.height)
        wanted = np.any([(longer >= low) & (longer <= high) for low, high in shares], axis=0)
        good = (size >= MIN_SIDE).all(axis=1) & wanted  # NaN is neither
        return boxes[good], np.minimum(scores[good], 1)


def _first(output: Array, dimensions: int) -> Floats:
    """The answer for the only picture of a batch."""
    if output.ndim != dimensions + 1 or len(output) != 1:
        raise ModelError(f"the detector's output has the shape {output.shape}; see the contract of bundles")
    first: Floats = output[0].astype(np.float32, copy=False)
    return first


def suppress(boxes: Floats, scores: Floats, iou: float, most: int | None = None) -> npt.NDArray[np.intp]:
    """Indices of the boxes that stay, best first.

    ``boxes`` is ``(N, 4)`` as x0, y0, x1, y1; a box goes where a better one overlaps it by more than ``iou``.
    """
    order = np.argsort(-scores, kind="stable")
    area = np.maximum(0, boxes[:, 2] - boxes[:, 0]) * np.maximum(0, boxes[:, 3] - boxes[:, 1])
    kept: list[int] = []
    while order.size and (most is None or len(kept) < most):
        best, rest = order[0], order[1:]
        kept.append(int(best))
        width = np.minimum(boxes[best, 2], boxes[rest, 2]) - np.maximum(boxes[best, 0], boxes[rest, 0])
        height = np.minimum(boxes[best, 3], boxes[rest, 3]) - np.maximum(boxes[best, 1], boxes[rest, 1])
        shared = np.maximum(0, width) * np.maximum(0, height)
        union = area[best] + area[rest] - shared
        order = rest[shared <= iou * np.maximum(union, 1e-9)]
    return np.asarray(kept, dtype=np.intp)
