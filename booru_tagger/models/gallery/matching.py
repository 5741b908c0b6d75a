"""How alike two faces must be to be one person: a threshold for each enrolled character, and scores.

All similarities are cosines between unit vectors, of a face and of a character's prototype: the direction
of the mean of its enrolled faces (Snell et al., "Prototypical networks for few-shot learning", 2017).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from booru_tagger.imaging import Floats

_MIN_ODDS, _MAX_ODDS = 0.05, 0.95


@dataclass(frozen=True, slots=True)
class Impostors:
    """Other people's faces, by their similarity to a character's prototype."""

    count: int
    mean: float
    deviation: float

    @classmethod
    def of(cls, similarities: Floats) -> Impostors:
        if not len(similarities):
            return cls(0, 0.0, 0.0)
        return cls(len(similarities), float(similarities.mean()), float(similarities.std()))


@dataclass(frozen=True, slots=True, eq=False)
class Moments:
    """Sums ``(C,)`` over the similarities of ``count`` faces to each of C prototypes, and over their squares.

    They are worked out without the similarities themselves, which would be a thousand million for a gallery
    of ten thousand characters.
    """

    count: int
    sums: npt.NDArray[np.float64]
    squares: npt.NDArray[np.float64]

    @classmethod
    def of(cls, faces: Floats, prototypes: Floats) -> Moments:
        wide = prototypes.astype(np.float64)
        scatter = (faces.T @ faces).astype(np.float64)
        squares = np.einsum("cd,cd->c", wide @ scatter, wide)
        return cls(len(faces), wide @ faces.sum(axis=0, dtype=np.float64), squares)

    def without(self, own: Floats, index: int) -> Impostors:
        """What is left for prototype ``index`` without its own faces, of these similarities."""
        count = self.count - len(own)
        if count <= 0:
            return Impostors(0, 0.0, 0.0)
        wide = own.astype(np.float64)
        mean = float(self.sums[index] - wide.sum()) / count
        variance = float(self.squares[index] - np.square(wide).sum()) / count - mean**2
        return Impostors(count, mean, math.sqrt(max(0.0, variance)))


class Matching(NamedTuple):
    """The constants of the comparison. They depend on the embedding, so they can be given to a gallery.

    A threshold begins as the mean of the character's leave-one-out similarities less ``spread`` standard
    deviations, so that nearly all pictures like the enrolled ones pass. Mean and deviation of a handful of
    faces are uncertain: both are drawn towards ``prior_mean`` and ``prior_deviation`` as if
    ``prior_weight`` further faces had been seen with those. The result is kept between ``floor`` (below it
    even strangers of the same hair color pass) and ``ceiling`` (faces that one artist drew in one evening
    are more alike than the character is). The two are close: on characters that the model was not trained on
    one threshold for all did nearly as well as any of their own, and what ten faces say of a threshold is
    mostly chance.

    Then other enrolled characters stand for the strangers to come: where at least ``min_impostors`` faces of
    them are there, the threshold rises to their mean similarity plus ``impostor_spread`` deviations, though
    never above the character's own mean similarity, since it would then miss half of its own pictures. One
    deviation, because more makes a gallery of a few characters too strict: this is for look-alikes.

    ``steepness`` is how fast the odds grow with the similarity: at 10, a similarity 0.1 above the threshold
    multiplies them by 2.7. With more, enrolled characters win too often over known ones (``python -m
    benchmarks experiment whitening``).
    """

    spread: float = 2.0
    prior_mean: float = 0.62
    prior_deviation: float = 0.15
    prior_weight: float = 4.0
    floor: float = 0.62
    ceiling: float = 0.67
    min_impostors: int = 10
    impostor_spread: float = 1.0
    steepness: float = 10.0

    def threshold(self, own: Floats, impostors: Impostors) -> float:
        """The least similarity for a character with these leave-one-out similarities, of which there may be
        none."""
        weight = len(own) + self.prior_weight
        mean = (float(own.sum()) + self.prior_weight * self.prior_mean) / weight
        squares = float(np.square(own - mean).sum()) + self.prior_weight * self.prior_deviation**2
        deviation = math.sqrt(squares / weight)
        threshold = min(max(mean - self.spread * deviation, self.floor), self.ceiling)
        if impostors.count < self.min_impostors:
            return threshold
        strangers = impostors.mean + self.impostor_spread * impostors.deviation
        return max(threshold, min(strangers, mean))

    def score(self, similarity: float, threshold: float, anchor: float) -> float:
        """A similarity on the scale of the model's own scores: one at the threshold scores ``anchor``."""
        odds = math.log(anchor / (1 - anchor)) + self.steepness * (similarity - threshold)
        return 1 / (1 + math.exp(-odds)) if odds >= 0 else math.exp(odds) / (1 + math.exp(odds))


def anchor_for(character_threshold: float) -> float:
    """The score of a face that only just passes, next to a model whose characters need this one.

    Kept away from 0 and 1, where every face would pass or none.
    """
    return min(max(character_threshold, _MIN_ODDS), _MAX_ODDS)


def prototype(faces: Floats) -> Floats:
    """The direction ``(D,)`` of the mean of some unit vectors ``(N, D)``."""
    return _unit(faces.sum(axis=0))


def leave_one_out(faces: Floats) -> Floats:
    """Similarity of each face ``(N, D)`` to the prototype of the others: ``(N,)``; none of a single face."""
    if len(faces) < 2:
        return np.zeros(0, np.float32)
    others = _unit(faces.sum(axis=0) - faces)
    similarities: Floats = (others * faces).sum(axis=1)
    return similarities


def _unit(vectors: Floats) -> Floats:
    norms = np.linalg.norm(vectors, axis=-1, keepdims=True)
    unit: Floats = vectors / np.maximum(norms, 1e-12)
    return unit
