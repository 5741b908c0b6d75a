"""Non-maximum suppression on arrays."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from booru_tagger.imaging import Floats


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
