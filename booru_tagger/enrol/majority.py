"""Who of the many faces in some pictures is meant: the person that is common to most of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from booru_tagger.imaging import Floats
from booru_tagger.models.gallery.matching import prototype

_ROUNDS = 20
"""The choice settles in two or three rounds; a few faces might swing for ever."""


@dataclass(frozen=True, slots=True)
class Majority:
    """The person's faces, as rows of what was given, one of a picture at most.

    ``kept`` are the faces that are alike. ``outliers`` are those most like them in the other pictures, though
    not enough. ``rival`` is the number of pictures that the most frequent other person is in.
    """

    kept: tuple[int, ...]
    outliers: tuple[int, ...]
    rival: int


def find_majority(faces: Floats, pictures: npt.NDArray[np.int64], same_person: float) -> Majority:
    """The person in most pictures: the largest set of faces, one a picture, that are mutually alike.

    ``faces`` are unit vectors ``(N, D)``, at least one; ``pictures`` says which picture each is from. From
    ``same_person`` on, two faces count as one person's. The set grows around the face that is alike to one in
    the most pictures, and is then moved to its own centre until it stays.
    """
    centre = faces[_seed(faces, pictures, same_person)]
    chosen = _nearest(faces @ centre, pictures)
    kept: list[int] = []
    for _ in range(_ROUNDS):
        similarities = faces @ centre
        chosen = _nearest(similarities, pictures)
        found = [row for row in chosen if similarities[row] >= same_person]
        if found == kept or not found:
            break
        kept = found
        centre = prototype(faces[kept])
    others = np.flatnonzero((faces @ centre < same_person) & ~np.isin(np.arange(len(faces)), kept))
    rival = _most_pictures(faces[others], pictures[others], same_person) if len(others) else 0
    return Majority(tuple(kept), tuple(row for row in chosen if row not in kept), rival)


def _seed(faces: Floats, pictures: npt.NDArray[np.int64], same_person: float) -> int:
    """The face with look-alikes in the most pictures; among equals the one that is most like them."""
    return int(np.argmax(_support(faces, pictures, same_person).sum(axis=1)))


def _most_pictures(faces: Floats, pictures: npt.NDArray[np.int64], same_person: float) -> int:
    return int((_support(faces, pictures, same_person) > 0).sum(axis=1).max())


def _support(faces: Floats, pictures: npt.NDArray[np.int64], same_person: float) -> Floats:
    """For each face and picture 1 plus the similarity of the best look-alike there, or 0: ``(N, P)``."""
    similarities = faces @ faces.T
    best = np.stack([similarities[:, pictures == one].max(axis=1) for one in np.unique(pictures)], axis=1)
    support: Floats = np.where(best >= same_person, 1 + best / (2 * best.shape[1]), 0).astype(np.float32)
    return support


def _nearest(similarities: Floats, pictures: npt.NDArray[np.int64]) -> list[int]:
    """In each picture, the face of the largest similarity."""
    rows = np.arange(len(pictures))
    return [int(rows[pictures == one][similarities[pictures == one].argmax()]) for one in np.unique(pictures)]
