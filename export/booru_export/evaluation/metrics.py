"""Figures of merit, each defined once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from booru_tagger.types import Box, Face

Array = npt.NDArray[np.float64]

DRAWS = 1000
"""Draws of characters that bounds are taken from."""


@dataclass(frozen=True, slots=True)
class Detections:
    """The detections on one picture beside what is there."""

    found: Sequence[Face]
    boxes: Sequence[Box]
    ignore: Sequence[Box] = ()


@dataclass(frozen=True, slots=True)
class Matches:
    """Scores of all detections that count, best first, and whether each is right; ``heads`` there are."""

    scores: Array
    right: npt.NDArray[np.bool_]
    heads: int

    def at(self, threshold: float) -> tuple[float, float, float]:
        """F1, precision and recall of the detections scored at least ``threshold``."""
        chosen = self.scores >= threshold
        hits, count = int(self.right[chosen].sum()), int(chosen.sum())
        precision = hits / count if count else 1.0
        recall = hits / self.heads if self.heads else 1.0
        f1 = 2 * hits / (count + self.heads) if count + self.heads else 1.0
        return f1, precision, recall

    def best(self) -> tuple[float, float]:
        """The highest F1 and its threshold."""
        if not len(self.scores):
            return 0.0, 1.0
        hits = np.cumsum(self.right)
        f1 = 2 * hits / (np.arange(1, len(hits) + 1) + self.heads)
        best = int(np.argmax(f1))
        return float(f1[best]), float(self.scores[best])

    def average_precision(self) -> float:
        """Area under the precision-recall curve, precision made monotone (PASCAL VOC 2010 on)."""
        if not len(self.scores) or not self.heads:
            return 0.0
        hits = np.cumsum(self.right)
        precision = np.maximum.accumulate((hits / np.arange(1, len(hits) + 1))[::-1])[::-1]
        return float((precision * self.right).sum() / self.heads)


def match(pictures: Sequence[Detections], iou: float = 0.5) -> Matches:
    """Greedy by score: right is a detection whose IoU with a head not yet taken is at least ``iou``.

    A detection that lies for more than half of its area in a region to ignore counts neither way, unless it
    is right.
    """
    scores: list[float] = []
    right: list[bool] = []
    for picture in pictures:
        free = list(picture.boxes)
        for face in sorted(picture.found, key=lambda face: -face.score):
            overlaps = [face.box.iou(box) for box in free]
            best = int(np.argmax(overlaps)) if overlaps else -1
            hit = best >= 0 and overlaps[best] >= iou
            if hit:
                free.pop(best)
            elif any(face.box.intersection(area) > 0.5 * face.box.area for area in picture.ignore):
                continue
            scores.append(face.score)
            right.append(hit)
    order = np.argsort(-np.asarray(scores, dtype=np.float64), kind="stable")
    heads = sum(len(picture.boxes) for picture in pictures)
    return Matches(np.asarray(scores, dtype=np.float64)[order], np.asarray(right, dtype=bool)[order], heads)


def f1_interval(
    pictures: Sequence[Detections], threshold: float, iou: float = 0.5, *, draws: int = 2000
) -> tuple[float, float]:
    """Bounds between which F1 lies in 95 % of the draws of as many pictures with replacement."""
    each = [match([picture], iou) for picture in pictures]
    chosen = [one.scores >= threshold for one in each]
    hits = np.asarray([one.right[which].sum() for one, which in zip(each, chosen, strict=True)])
    both = np.asarray([one.heads + which.sum() for one, which in zip(each, chosen, strict=True)])
    drawn = np.random.default_rng(0).integers(0, len(each), (draws, len(each)))
    return _middle(2 * hits[drawn].sum(axis=1) / np.maximum(1, both[drawn].sum(axis=1)))


def auroc(known: Array, strangers: Array) -> float:
    """Chance that a known one scores above a stranger, ties counting half."""
    if not len(known) or not len(strangers):
        return float("nan")
    scores = np.concatenate([known, strangers])
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    above = ranks[: len(known)].sum() - len(known) * (len(known) + 1) / 2
    return float(above / (len(known) * len(strangers)))


def calibration_error(confidence: Array, right: npt.NDArray[np.bool_], bins: int = 15) -> float:
    """Expected calibration error over bins of equal width (Guo et al., 2017)."""
    index = np.minimum((confidence * bins).astype(int), bins - 1)
    error = 0.0
    for number in range(bins):
        inside = index == number
        if inside.any():
            error += inside.mean() * abs(float(confidence[inside].mean()) - float(right[inside].mean()))
    return error


def macro(labels: Sequence[str], right: npt.NDArray[np.bool_]) -> float:
    """Accuracy averaged over labels, each counting the same however many pictures it has."""
    sums, counts = _by_label(labels, right)
    return float((sums / counts).mean()) if len(counts) else 0.0


def share_interval(
    labels: Sequence[str], right: npt.NDArray[np.bool_], *, per_label: bool = False
) -> tuple[float, float]:
    """Bounds between which the share of ``right`` lies in 95 % of the draws of as many labels.

    Labels are drawn with replacement, each with all its faces, as one character's faces are alike; with
    ``per_label`` each counts the same, as in :func:`macro`. NaN where there are none.
    """
    sums, counts = _by_label(labels, right)
    if not len(counts):
        return float("nan"), float("nan")
    drawn = np.random.default_rng(0).integers(0, len(counts), (DRAWS, len(counts)))
    if per_label:
        return _middle((sums / counts)[drawn].mean(axis=1))
    return _middle(sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1))


def auroc_interval(
    known: Array, known_labels: Sequence[str], strangers: Array, stranger_labels: Sequence[str]
) -> tuple[float, float]:
    """The same for :func:`auroc`: characters and strangers are drawn, each with all faces."""
    above = (known[:, None] > strangers[None]) + 0.5 * (known[:, None] == strangers[None])
    rows, columns = _membership(known_labels), _membership(stranger_labels)
    wins = rows.T @ above @ columns
    rng = np.random.default_rng(0)
    one, other = (
        np.stack([np.bincount(rng.integers(0, count, count), minlength=count) for _ in range(DRAWS)])
        for count in wins.shape
    )
    pairs = (one @ rows.sum(axis=0)) * (other @ columns.sum(axis=0))
    return _middle(((one @ wins) * other).sum(axis=1) / pairs)


def _by_label(labels: Sequence[str], values: npt.NDArray[np.bool_]) -> tuple[Array, Array]:
    """Sum of the values of each label, and how many it has."""
    names, index = np.unique(np.asarray(labels, dtype=str), return_inverse=True)
    counts = np.bincount(index, minlength=len(names)).astype(np.float64)
    return np.bincount(index, values, len(names)).astype(np.float64), counts


def _membership(labels: Sequence[str]) -> Array:
    """``(N, L)``: 1 where the face of the row has the label of the column."""
    names, index = np.unique(np.asarray(labels, dtype=str), return_inverse=True)
    return np.eye(len(names))[index]


def _middle(draws: Array) -> tuple[float, float]:
    low, high = np.quantile(draws, (0.025, 0.975))
    return float(low), float(high)
