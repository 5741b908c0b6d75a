"""Which faces look alike: comparisons and groups of embeddings, without any names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from booru_tagger.imaging import Floats
from booru_tagger.models.bundle import Bundle
from booru_tagger.models.identity import ALIKE as ALIKE
from booru_tagger.models.identity import likeness_bounds
from booru_tagger.types import Box

TICKED = 0.6
"""Similarity below which a look-alike is not judged together with a face, unless a person ticks it."""
SMALLEST = 32
"""Longer side of a head, in pixels, below which strangers look like each other whoever they are."""
WORTH_NAMING = 3
"""Look-alikes from which a stranger is worth a name: fewer are hardly enough to know one again."""


@dataclass(frozen=True, slots=True)
class Group:
    """Faces that look alike, as rows of what was given: the most typical first."""

    members: tuple[int, ...]


def groups(faces: Floats, alike: float = ALIKE) -> list[Group]:
    """Groups of unit vectors ``(N, D)``, the largest first; a face unlike all others is a group of its own.

    Each face joins the group whose mean direction it is nearest to, if that is near enough, else it begins
    one (leader clustering); then every face is given once more to the nearest of the groups that came of it,
    so that the order in which they were looked at matters less. Takes N times the number of groups steps.
    """
    if not len(faces):
        return []
    sums = np.empty_like(faces)
    norms = np.empty(len(faces), np.float32)
    count = 0
    for face in faces:
        best = int(np.argmax(sums[:count] @ face / norms[:count])) if count else -1
        if best >= 0 and float(sums[best] @ face) >= alike * norms[best]:
            sums[best] += face
        else:
            best, count = count, count + 1
            sums[best] = face
        norms[best] = np.linalg.norm(sums[best])
    centres = sums[:count] / norms[:count, None]
    owners, near = _nearest(faces, centres)
    found = [_group(np.flatnonzero(owners == owner), near, alike) for owner in np.unique(owners)]
    alone = [Group((int(row),)) for row in np.flatnonzero(near < alike)]
    ordered = sorted((group for group in found if group.members), key=lambda group: -len(group.members))
    return [*ordered, *alone]


def is_clear(box: Box) -> bool:
    """Whether a face is large enough to be compared with faces that nobody vouches for."""
    return box.longer >= SMALLEST


def strangers(
    faces: Floats, pictures: Sequence[object], alike: float = ALIKE, least: int = WORTH_NAMING
) -> list[Group]:
    """The groups of ``least`` faces or more in several ``pictures``, one picture a face: whoever comes back
    may be worth a name."""
    return [
        group
        for group in groups(faces, alike)
        if len(group.members) >= least and len({pictures[row] for row in group.members}) > 1
    ]


_BLOCK = 1_024


def _nearest(faces: Floats, centres: Floats) -> tuple[np.ndarray, Floats]:
    """For each face the nearest centre and how near it is, in blocks so that memory stays small."""
    owners = np.empty(len(faces), np.int64)
    near = np.empty(len(faces), np.float32)
    for start in range(0, len(faces), _BLOCK):
        similarities = faces[start : start + _BLOCK] @ centres.T
        owners[start : start + _BLOCK] = similarities.argmax(axis=1)
        near[start : start + _BLOCK] = similarities.max(axis=1)
    return owners, near


def _group(rows: np.ndarray, near: Floats, alike: float) -> Group:
    inside = rows[near[rows] >= alike]
    return Group(tuple(inside[np.argsort(-near[inside], kind="stable")].tolist()))


class EmbeddingIndex:
    """Embeddings by number, compared all at once however they come in."""

    def __init__(self) -> None:
        self._rows = np.empty((0, 0), np.float32)
        self._numbers: list[int] = []
        self._known: set[int] = set()

    def put(self, number: int, face: Floats) -> None:
        """Add a unit vector ``(D,)``, all of one length; a number that is there already stays as it is."""
        if number in self._known:
            return
        count = len(self._numbers)
        if count == len(self._rows):
            grown = np.empty((max(256, 2 * count), len(face)), np.float32)
            if count:
                grown[:count] = self._rows
            self._rows = grown
        self._rows[count] = face
        self._numbers.append(number)
        self._known.add(number)

    def like(self, face: Floats, alike: float = ALIKE) -> list[tuple[int, float]]:
        """The numbers of the faces that are like this one, the most alike first, with how much."""
        found = like(face, self._rows[: len(self._numbers)], alike) if self._numbers else []
        return [(self._numbers[row], near) for row, near in found]


def bound_of(bundle: Bundle) -> float:
    """The similarity from which on two faces are one person's, for a bundle's embeddings."""
    return likeness_bounds(bundle)[0]


def like(face: Floats, others: Floats, alike: float = ALIKE) -> list[tuple[int, float]]:
    """The rows of ``others`` ``(N, D)`` that are like ``face``, the most alike first, with how much."""
    similarities = others @ face
    rows = np.flatnonzero(similarities >= alike)
    ordered: Sequence[int] = rows[np.argsort(-similarities[rows], kind="stable")].tolist()
    return [(row, float(similarities[row])) for row in ordered]
