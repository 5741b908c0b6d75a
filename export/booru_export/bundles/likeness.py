"""From which similarity on faces are one character's, as measured on people whom a net was not trained on."""

from __future__ import annotations

import itertools
import random
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np

from booru_export.evaluation.embedding import EmbeddedFace, embeddings
from booru_tagger.imaging import Floats
from booru_tagger.models.gallery.parting import FEWEST, likeness, smaller_part
from booru_tagger.models.manifest import ONE_CHARACTER, Coincidence, IdentitySpec

SAME_PERSON_KEPT = 0.9
"""Share of the pairs of one character's faces that ``same_person`` lets pass."""
ALIKE_RIGHT = 0.9
"""Share of the pairs from ``alike`` on that show one character."""
NOTICED = 0.92
"""Share of the sets of two characters of one game or artist that are to be noticed. It is set by these, not
by what it costs sets of one: few characters have enough pictures to tell that."""
STRICTEST = 0.6
"""Two parts of one character by several artists are hardly less alike. Below the usual bound nothing is
gained for these, and mixtures of another kind of characters than those measured are overlooked."""
FEWEST_CHARACTERS = 10
SETS, LARGEST_PART = 400, 8
"""Sets that are drawn, and the most faces of a character in one."""
FEWEST_PAIRS, MOST_FACES = 200_000, 3_000
"""Pairs of different people that tell what one in 100,000 of them reaches; faces that they are made of."""

People: TypeAlias = Mapping[str, Sequence[EmbeddedFace]]


@dataclass(frozen=True, slots=True)
class Likeness:
    """The similarities of a bundle's section ``identity``
    (:class:`booru_tagger.models.manifest.IdentitySpec`)."""

    same_person: float = 0.3
    alike: float = 0.7
    one_character: float = ONE_CHARACTER
    coincidence: Coincidence | None = None

    @classmethod
    def of(cls, spec: IdentitySpec) -> Likeness:
        return cls(spec.same_person, spec.alike, spec.one_character, spec.coincidence)

    def keys(self) -> dict[str, Any]:
        """As in a manifest."""
        keys: dict[str, Any] = {
            "same_person": round(self.same_person, 3),
            "alike": round(self.alike, 3),
            "one_character": round(self.one_character, 3),
        }
        if self.coincidence is not None:
            keys["coincidence"] = {name: round(at, 3) for name, at in self.coincidence._asdict().items()}
        return keys


def fit_likeness(
    strangers: Sequence[EmbeddedFace], known: Sequence[EmbeddedFace], before: Likeness
) -> Likeness:
    """All that the faces tell; the rest stays as it was ``before``.

    ``strangers`` are people whom the net was not trained on, ``known`` new faces of those it was.
    """
    same_person, alike = pair_bounds(strangers) or (before.same_person, before.alike)
    return replace(
        before,
        same_person=same_person,
        alike=alike,
        one_character=one_character_bound(strangers) or before.one_character,
        coincidence=coincidence_of([*strangers, *known]) or before.coincidence,
    )


def pair_bounds(strangers: Sequence[EmbeddedFace]) -> tuple[float, float] | None:
    """``same_person`` and ``alike`` from pairs of faces."""
    if len(strangers) < 2:
        return None
    cosine, same = _pairs(strangers)
    if not same.any():
        return None
    order = np.argsort(-cosine)
    right = np.cumsum(same[order]) / np.arange(1, len(order) + 1)
    good = np.flatnonzero(right >= ALIKE_RIGHT)
    alike = float(cosine[order[good[-1]]]) if len(good) else 1.0
    return float(np.clip(np.quantile(cosine[same], 1 - SAME_PERSON_KEPT), 0, 1)), float(np.clip(alike, 0, 1))


def coincidence_of(faces: Sequence[EmbeddedFace]) -> Coincidence | None:
    """How alike different people are by chance; ``None`` where there are too few of them."""
    some = random.Random(0).sample(list(faces), min(MOST_FACES, len(faces)))
    if len(some) < 2:
        return None
    cosine, same = _pairs(some)
    different = cosine[~same]
    if len(different) < FEWEST_PAIRS:
        return None
    often, rarely = np.clip(np.quantile(different, [1 - 1e-3, 1 - 1e-5]), 0, 1)
    return Coincidence(float(often), float(rarely)) if rarely - often > 0.01 else None


def one_character_bound(strangers: Sequence[EmbeddedFace]) -> float | None:
    """The :func:`likeness` below which most sets of two characters are; ``None`` where there are too few
    characters with enough pictures."""
    people: dict[str, list[EmbeddedFace]] = defaultdict(list)
    for face in strangers:
        people[face.label].append(face)
    able = {label: faces for label, faces in people.items() if len(_of_each_group(faces)) >= FEWEST}
    if len(able) < FEWEST_CHARACTERS:
        return None
    chance = random.Random(0)
    found = [each for faces in _of_two(able, chance) if (each := _likeness(faces)) is not None]
    return float(np.clip(np.quantile(found, NOTICED), ONE_CHARACTER, STRICTEST)) if found else None


def _likeness(faces: Sequence[EmbeddedFace]) -> float | None:
    """Of the two parts that the faces fall in."""
    vectors = embeddings(faces)
    part = smaller_part(vectors)
    return None if part is None else likeness(vectors, part)


def _of_two(people: People, chance: random.Random) -> Iterator[list[EmbeddedFace]]:
    """Sets of two characters of one source."""
    pairs = [
        (one, other)
        for one, other in itertools.combinations(sorted(people), 2)
        if people[one][0].item.source == people[other][0].item.source
    ]
    for _ in range(SETS if pairs else 0):
        parts = [_of_each_group(people[label], chance) for label in chance.choice(pairs)]
        yield [
            face for part in parts for face in part[: chance.randint(FEWEST, min(LARGEST_PART, len(part)))]
        ]


def _of_each_group(faces: Sequence[EmbeddedFace], chance: random.Random | None = None) -> list[EmbeddedFace]:
    """A face of each illustration, in any order."""
    shuffled = chance.sample(list(faces), len(faces)) if chance is not None else faces
    return list({face.item.group: face for face in shuffled}.values())


def _pairs(faces: Sequence[EmbeddedFace]) -> tuple[Floats, np.ndarray]:
    """Similarity of each pair, and whether it shows one character."""
    vectors, labels = embeddings(faces), np.unique([face.label for face in faces], return_inverse=True)[1]
    rows, columns = np.triu_indices(len(vectors), 1)
    return (vectors @ vectors.T)[rows, columns], labels[rows] == labels[columns]
