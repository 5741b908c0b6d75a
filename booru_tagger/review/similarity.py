"""Which faces look alike: comparisons and groups of embeddings, without any names."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from booru_tagger.imaging import Floats
from booru_tagger.models.bundle import Bundle
from booru_tagger.models.identity import ALIKE as ALIKE
from booru_tagger.models.identity import likeness_bounds
from booru_tagger.models.manifest import Coincidence
from booru_tagger.types import Box

TICKED = 0.6
"""Similarity below which a look-alike is not judged together with a face, unless a person ticks it."""
SMALLEST = 32
"""Longer side of a head, in pixels, below which strangers look like each other whoever they are."""
WORTH_NAMING = 3
"""Look-alikes from which a stranger is worth a name: fewer are hardly enough to know one again."""
MOST_CHANCE, HIGHEST = 0.02, 0.95
"""Share of the alike pairs among strangers that chance may account for, and the similarity that is asked for
where it always accounts for more."""


@dataclass(frozen=True, slots=True)
class Group:
    """Faces that look alike, as rows of what was given: the most typical first."""

    members: tuple[int, ...]


def groups(faces: Floats, alike: float = ALIKE) -> list[Group]:
    """Groups of unit vectors ``(N, D)``, the largest first; a face unlike all others is a group of its own.

    Each face joins the group whose members it is most alike on average, if that is ``alike`` or more, else it
    begins one (leader clustering); then every face is given once more to such a group of those that came of
    it, so that the order in which they were looked at matters less, and leaves it where the others are less
    alike. Takes N times the number of groups steps.
    """
    if not len(faces):
        return []
    sums = np.empty_like(faces)
    sizes = np.zeros(len(faces), np.float32)
    count = 0
    for face in faces:
        near = sums[:count] @ face / sizes[:count]
        best = int(np.argmax(near)) if count else -1
        if best >= 0 and near[best] >= alike:
            sums[best] += face
        else:
            best, count = count, count + 1
            sums[best] = face
        sizes[best] += 1
    owners = _nearest(faces, sums[:count] / sizes[:count, None])
    found = [_group(faces, np.flatnonzero(owners == owner), alike) for owner in np.unique(owners)]
    inside = {row for group in found for row in group.members}
    alone = [Group((row,)) for row in range(len(faces)) if row not in inside]
    ordered = sorted((group for group in found if group.members), key=lambda group: -len(group.members))
    return [*ordered, *alone]


def is_clear(box: Box) -> bool:
    """Whether a face is large enough to be compared with faces that nobody vouches for."""
    return box.longer >= SMALLEST


def strangers(
    faces: Floats, pictures: Sequence[Hashable], bundle: Bundle, least: int = WORTH_NAMING
) -> list[Group]:
    """The groups of ``least`` faces or more in several ``pictures``, one picture a face: whoever comes back
    may be worth a name. ``bundle`` is that of the embeddings."""
    identity = bundle.recogniser.identity if bundle.recogniser is not None else None
    alike = bound_of(bundle)
    if identity is not None and identity.coincidence is not None:
        alike = crowd_bound(faces, pictures, alike, identity.coincidence)
    return [
        group
        for group in groups(faces, alike)
        if len(group.members) >= least and len({pictures[row] for row in group.members}) > 1
    ]


def crowd_bound(faces: Floats, pictures: Sequence[Hashable], alike: float, coincidence: Coincidence) -> float:
    """The similarity, ``alike`` or more, from which on few of these faces' pairs can be mere coincidences.

    The more people there are and the fewer of them come back, the more of the alike pairs are of different
    people: where somebody does, there are more such pairs than chance gives. Pairs in one picture do not
    count.
    """
    some = np.linspace(0, len(faces) - 1, min(len(faces), _CROWD), dtype=np.int64)
    numbers = {picture: number for number, picture in enumerate(dict.fromkeys(pictures))}
    owners = np.array([numbers[pictures[row]] for row in some])
    high, pairs = [np.empty(0, np.float32)], 0
    for start in range(0, len(some), _BLOCK):
        rows = some[start : start + _BLOCK]
        apart = owners[start : start + _BLOCK, None] != owners[None]
        similarities = (faces[rows] @ faces[some].T)[apart]
        pairs += similarities.size
        high.append(similarities[similarities >= alike])
    seen = np.sort(np.concatenate(high))
    for bound in np.arange(alike, HIGHEST, 0.01).tolist():
        if coincidence.share(bound) * pairs <= MOST_CHANCE * (len(seen) - np.searchsorted(seen, bound)):
            return float(bound)
    return max(alike, HIGHEST)


_BLOCK = 1_024
_CROWD = 4_000
"""Faces, spread evenly, that tell of all how many are alike."""


def _nearest(faces: Floats, means: Floats) -> np.ndarray:
    """For each face the group whose mean it is nearest to, in blocks so that memory stays small."""
    owners = np.empty(len(faces), np.int64)
    for start in range(0, len(faces), _BLOCK):
        owners[start : start + _BLOCK] = (faces[start : start + _BLOCK] @ means.T).argmax(axis=1)
    return owners


def _group(faces: Floats, rows: np.ndarray, alike: float) -> Group:
    """Those of the rows that are like the others on average; none where that leaves only one."""
    if len(rows) < 2:
        return Group(())
    near = (faces[rows] @ faces[rows].sum(axis=0) - 1) / (len(rows) - 1)
    inside = near >= alike
    if inside.sum() < 2:
        return Group(())
    return Group(tuple(rows[inside][np.argsort(-near[inside], kind="stable")].tolist()))


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
