"""Which of a tagger's scores become tags: a threshold for each category, or a cut that each picture sets."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from booru_tagger.imaging import Floats
from booru_tagger.models.formats.format_records import TagLabel
from booru_tagger.types import Tag
from booru_tagger.vocab import CHARACTER, RATING

Indices: TypeAlias = npt.NDArray[np.intp]

SOURCE = "tagger"
"""Source of the tags that a foreign tagger gives."""
CHARACTER_FLOOR = 0.15
"""A cut among characters is never below this: most pictures show none of the thousands that are known."""


def mcut(scores: Floats) -> float:
    """The middle of the widest gap among the scores, sorted downwards.

    Maximum cut thresholding (Largeron, Moulin and Géry, "MCut: a thresholding strategy for multi-label
    classification", 2012). Fewer than two scores have no gap; then it is 1.
    """
    if len(scores) < 2:
        return 1.0
    ranked = np.sort(scores)[::-1].astype(np.float64)
    widest = int(np.argmax(ranked[:-1] - ranked[1:]))
    return float(ranked[widest] + ranked[widest + 1]) / 2


@dataclass(frozen=True, slots=True)
class ThresholdChoice:
    """``thresholds`` by category; a category without one is left out. Those in ``cut`` are cut by MCut.

    In the categories in ``uniform`` no tag has a threshold of its own: somebody chose theirs.
    """

    thresholds: Mapping[str, float]
    cut: Collection[str] = ()
    uniform: Collection[str] = ()

    def threshold(self, category: str, scores: Floats) -> float | None:
        """The least score of a tag of this category in a picture whose scores these are."""
        if category in self.cut:
            min_score = mcut(scores)
            return max(CHARACTER_FLOOR, min_score) if category == CHARACTER else min_score
        return self.thresholds.get(category)


class Columns:
    """The labels of a tagger, by category and by tag."""

    def __init__(self, labels: Sequence[TagLabel]) -> None:
        self.labels = tuple(labels)
        indices: dict[str, list[int]] = {}
        self._column: dict[str, int] = {}
        self.own_thresholds = sum(label.min_score is not None for label in self.labels)
        for index, label in enumerate(labels):
            if label.tag is not None:
                indices.setdefault(label.category, []).append(index)
                if label.category != RATING:
                    self._column.setdefault(label.tag, index)
        self._indices = {category: np.asarray(places) for category, places in indices.items()}
        self._own = np.asarray(
            [np.nan if label.min_score is None else label.min_score for label in self.labels], np.float32
        )

    def __contains__(self, tag: str) -> bool:
        return tag in self._column

    def score(self, tag: str, scores: Floats) -> float:
        """The score of a tag that the tagger knows."""
        return float(scores[self._column[tag]])

    def tags(self, scores: Floats, choice: ThresholdChoice) -> tuple[Tag, ...]:
        """The tags that pass, each once with its best score, and the rating: the likeliest one, always."""
        found: dict[str, Tag] = {}
        for category, indices in self._indices.items():
            if category == RATING:
                continue
            own = scores[indices]
            min_score = choice.threshold(category, own)
            if min_score is None:
                continue
            passing = own >= self._min_scores(indices, category, min_score, choice)
            for column, score in zip(indices[passing].tolist(), own[passing].tolist(), strict=True):
                tag = self._tag(column, score)
                if tag.tag not in found or found[tag.tag].score < score:
                    found[tag.tag] = tag
        return (*found.values(), *self._rating(scores))

    def _min_scores(
        self, indices: Indices, category: str, min_score: float, choice: ThresholdChoice
    ) -> Floats | np.float32:
        """The least score of each of a category's columns, or the one of all."""
        shared = np.float32(min_score)
        if not self.own_thresholds or category in choice.uniform or category in choice.cut:
            return shared
        own = self._own[indices]
        return np.where(np.isnan(own), shared, own)

    def _rating(self, scores: Floats) -> tuple[Tag, ...]:
        indices = self._indices.get(RATING)
        if indices is None:
            return ()
        best = int(indices[np.argmax(scores[indices])])
        return (self._tag(best, float(scores[best])),)

    def _tag(self, column: int, score: float) -> Tag:
        label = self.labels[column]
        assert label.tag is not None  # columns without a tag have no place
        return Tag(label.tag, label.category, score, SOURCE)
