"""Which of the faces in some pictures are the character's, and what speaks against enrolling them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from booru_tagger.enrol.majority import find_majority
from booru_tagger.imaging import Floats
from booru_tagger.models.gallery.parting import second_character


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
