"""What a method said of the test pictures, and the figures of it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from booru_export.data.tables import FaceItem
from booru_export.evaluation.metrics import calibration_error, macro


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a method said of one test picture."""

    item: FaceItem
    tag: str
    score: float


@dataclass(frozen=True, slots=True)
class SeriesAnswers:
    """How the faces of a series were told: right, or taken for somebody else ``within`` it."""

    series: str
    faces: int
    right: int
    within: int


@dataclass(frozen=True, slots=True, eq=False)
class MethodResult:
    """A method's result. With ``error`` it could not be had, and the figures mean nothing."""

    method: str
    answers: tuple[Prediction, ...] = ()
    train_seconds: float = 0.0
    bytes: int = 0
    pictures_per_second: float = 0.0
    metrics: Path | None = None
    error: str = ""

    @property
    def right(self) -> npt.NDArray[np.bool_]:
        return np.asarray([answer.tag == answer.item.label for answer in self.answers], dtype=bool)

    @property
    def accuracy(self) -> float:
        return float(self.right.mean()) if self.answers else 0.0

    @property
    def macro_accuracy(self) -> float:
        return macro([answer.item.label for answer in self.answers], self.right)

    @property
    def calibration_error(self) -> float:
        scores = np.asarray([answer.score for answer in self.answers], dtype=np.float64)
        return float(calibration_error(scores, self.right)) if self.answers else 0.0

    def by_series(self, series: Mapping[str, str]) -> list[SeriesAnswers]:
        """How each series was told, that with most faces first; ``series`` of each label."""
        groups: dict[str, list[Prediction]] = defaultdict(list)
        for answer in self.answers:
            groups[series[answer.item.label]].append(answer)
        found = []
        for name, answers in groups.items():
            right = sum(one.tag == one.item.label for one in answers)
            within = sum(series[one.tag] == name for one in answers) - right
            found.append(SeriesAnswers(name, len(answers), right, within))
        return sorted(found, key=lambda one: (-one.faces, one.series))

    def confusion(self, labels: Sequence[str]) -> npt.NDArray[np.int64]:
        """Counts, rows by label and columns by answer."""
        index = {label: number for number, label in enumerate(labels)}
        counts = np.zeros((len(labels), len(labels)), dtype=np.int64)
        for answer in self.answers:
            counts[index[answer.item.label], index[answer.tag]] += 1
        return counts

    def confused(self, max_pairs: int) -> list[tuple[str, str, list[Prediction]]]:
        """The most frequent mistakes as (label, taken for, the answers), most frequent first."""
        pairs = Counter(
            (answer.item.label, answer.tag) for answer in self.answers if answer.tag != answer.item.label
        )
        return [
            (label, taken, [one for one in self.answers if (one.item.label, one.tag) == (label, taken)])
            for (label, taken), _ in pairs.most_common(max_pairs)
        ]
