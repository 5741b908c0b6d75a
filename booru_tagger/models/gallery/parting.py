"""Whether faces that are called one character's are those of two."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from booru_tagger.imaging import Floats

FEWEST = 3
"""Faces of a second character from which on it is told apart from a few odd pictures of one."""
LEAST_SHARE = 0.1
"""Share of all faces that a second character has at least."""
LOOSEST = 0.05
"""Mean similarity of the faces of one side that is reckoned with at least: less tells of no character."""


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
