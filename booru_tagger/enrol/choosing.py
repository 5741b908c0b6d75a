"""Which of the faces in some pictures are the character's, and what speaks against enrolling them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from booru_tagger.enrol.majority import find_majority
from booru_tagger.imaging import Floats

FEWEST = 3
"""Faces of a second character from which on it is told apart from a few odd pictures of one."""
LEAST_SHARE = 0.1
"""Share of all faces that a second character has at least."""
LOOSEST = 0.05
"""Mean similarity of the faces of one side that is reckoned with at least: less tells of no character."""


@dataclass(frozen=True, slots=True)
class ChosenFaces:
    """The character's faces, as rows of what was given, one of a picture at most.

    ``kept`` are alike; ``outliers`` are the likeliest faces of the other pictures. ``rival`` is the number of
    pictures that the most frequent other person is in, ``pictures`` that of all with faces. ``second`` are
    the rows of these that look like another character's: with any, two are mixed.
    """

    kept: tuple[int, ...]
    outliers: tuple[int, ...]
    rival: int
    pictures: int
    second: tuple[int, ...] = ()

    @property
    def is_unclear(self) -> bool:
        """Whether nobody is common to most of the pictures, or several people are."""
        return self.rival >= len(self.kept) or 2 * len(self.kept) < self.pictures


def choose(
    faces: Floats, pictures: npt.NDArray[np.int64], same_person: float, one_character: float
) -> ChosenFaces:
    """The faces of the person common to most pictures. Arguments as for :func:`find_majority` and
    :func:`second_character`."""
    found = find_majority(faces, pictures, same_person)
    rest = np.flatnonzero(~np.isin(pictures, pictures[list(found.kept)]))
    theirs = list(found.outliers)
    if len(rest) > len(
        theirs
    ):  # several faces in a picture: somebody may be common to those without the person
        others = find_majority(faces[rest], pictures[rest], same_person)
        theirs = rest[[*others.kept, *others.outliers]].tolist()
    rows = [*found.kept, *theirs]
    second = tuple(rows[index] for index in second_character(faces[rows], one_character))
    return ChosenFaces(found.kept, found.outliers, found.rival, len(np.unique(pictures)), second)


def second_character(faces: Floats, one_character: float) -> tuple[int, ...]:
    """The faces that are another character's than most, as far as that is plain; none where it is not.

    ``faces`` are unit vectors ``(N, D)``. Two parts of one character by several artists have a
    :func:`likeness` of ``one_character`` or more, those of two characters mostly less.
    """
    fewer = smaller_part(faces)
    if fewer is None or likeness(faces, fewer) >= one_character:
        return ()
    return tuple(np.flatnonzero(fewer).tolist())


def smaller_part(faces: Floats) -> npt.NDArray[np.bool_] | None:
    """The smaller of the two parts ``(N,)`` that the faces fall in around the pairs that are least alike, as
    well as that can be done; ``None`` where it is too small for a character."""
    count = len(faces)
    if count < 2 * FEWEST:
        return None
    similarities = faces @ faces.T
    partings = {
        _settled(faces, similarities[:, one] >= similarities[:, int(similarities[one].argmin())]).tobytes()
        for one in range(count)
    }
    best = max(
        (np.frombuffer(parting, dtype=np.bool_) for parting in sorted(partings)),
        key=lambda first: float(sum(np.linalg.norm(faces[side].sum(axis=0)) for side in (first, ~first))),
    )
    fewer = best if 2 * best.sum() < count else ~best
    return fewer if fewer.sum() >= max(FEWEST, LEAST_SHARE * count) else None


def likeness(faces: Floats, first: npt.NDArray[np.bool_]) -> float:
    """How alike the characters of two sides are, each of two faces or more: 1 for one, about 0 for two.

    It is the cosine of the directions that the sides are drawn from, as far as their pairs tell: the mean
    similarity across, set against those within, so that it matters little how much each varies.
    """
    similarities = faces @ faces.T
    within = [max(_mean_of_pairs(similarities[np.ix_(side, side)]), LOOSEST) for side in (first, ~first)]
    return float(similarities[np.ix_(first, ~first)].mean()) / math.sqrt(within[0] * within[1])


def _settled(faces: Floats, first: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """The parting moved to the centres of its two sides until it stays (k-means with two of them)."""
    for _ in range(10):
        centres = [faces[side].sum(axis=0) for side in (first, ~first)]
        norms = [float(np.linalg.norm(centre)) for centre in centres]
        if min(norms) == 0:
            break
        moved = faces @ (centres[0] / norms[0]) >= faces @ (centres[1] / norms[1])
        if (moved == first).all():
            break
        first = moved
    return first


def _mean_of_pairs(similarities: Floats) -> float:
    count = len(similarities)
    return float((similarities.sum() - np.trace(similarities)) / (count * (count - 1)))
