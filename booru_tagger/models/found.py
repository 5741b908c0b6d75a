"""Boxes that a look found, and what becomes of those that are of the same head."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from booru_tagger.imaging import Floats


class Found(NamedTuple):
    """Boxes ``(K, 4)`` as x0, y0, x1, y1 in pixels of the original, and the network's scores ``(K,)``."""

    boxes: Floats
    scores: Floats

    def where(self, chosen: npt.NDArray[np.bool_ | np.intp]) -> Found:
        """Those that a mask or indices choose."""
        return Found(self.boxes[chosen], self.scores[chosen])

    @property
    def longer(self) -> Floats:
        """The longer side of each box ``(K,)``."""
        longer: Floats = (self.boxes[:, 2:] - self.boxes[:, :2]).max(axis=1, initial=0)
        return longer


def together(*parts: Found) -> Found:
    """All that several looks found."""
    return Found(
        np.concatenate([part.boxes for part in parts]), np.concatenate([part.scores for part in parts])
    )


def averaged(one: Found, other: Found, iou: float) -> Found:
    """What two looks say together, of which neither has two boxes of one head.

    Boxes that overlap by ``iou`` or more are one, weighted by scores, with the mean of these; a box that one
    look alone saw has half its score.
    """
    boxes, scores, free = [], [], np.ones(len(other.scores), dtype=bool)
    for box, score in zip(one.boxes, one.scores, strict=True):
        shared = overlaps(box, other.boxes) * free
        best = int(shared.argmax()) if len(shared) else -1
        if best >= 0 and shared[best] >= iou:
            free[best] = False
            total = score + other.scores[best]
            boxes.append((box * score + other.boxes[best] * other.scores[best]) / total)
            scores.append(total / 2)
        else:
            boxes.append(box)
            scores.append(score / 2)
    seen = Found(np.asarray(boxes, dtype=np.float32).reshape(-1, 4), np.asarray(scores, dtype=np.float32))
    rest = other.where(free)
    return together(seen, Found(rest.boxes, rest.scores * np.float32(0.5)))


def overlaps(box: Floats, others: Floats) -> Floats:
    """IoU of one box ``(4,)`` with each of ``others`` ``(K, 4)``."""
    shared = (np.minimum(box[2:], others[:, 2:]) - np.maximum(box[:2], others[:, :2])).clip(0).prod(axis=1)
    areas = (others[:, 2:] - others[:, :2]).clip(0).prod(axis=1)
    union = (box[2:] - box[:2]).clip(0).prod() + areas - shared
    return np.asarray(shared / np.maximum(union, 1e-9), dtype=np.float32)


def suppress(
    found: Found, iou: float, max_boxes: int | None = None, *, inside: float = 1.0
) -> npt.NDArray[np.intp]:
    """Indices of the boxes that stay, best first.

    A box goes where a better one overlaps it by more than ``iou``, or where more than the share ``inside`` of
    the smaller of the two lies in the other.
    """
    boxes = found.boxes
    order = np.argsort(-found.scores, kind="stable")
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
