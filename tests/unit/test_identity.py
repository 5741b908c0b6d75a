"""Who a face is: one scale for trained and for enrolled characters."""

from __future__ import annotations

import dataclasses
import io
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from booru_tagger.errors import ModelError
from booru_tagger.imaging import Floats
from booru_tagger.models.bundle import Bundle
from booru_tagger.models.gallery import Enrolled, Gallery
from booru_tagger.models.identity import (
    SHORT_LIST,
    Chances,
    ComparedCharacters,
    Identity,
    KnownCharacters,
    Scores,
    alike_to_others,
    margin_of,
    pack,
    unit,
    unpack,
)
from booru_tagger.models.manifest import IdentitySpec, Label, Weights
from booru_tagger.models.recogniser import Recognition
from booru_tagger.tagging.rules import Rules
from booru_tagger.types import Box, Face
from tests.support.bundles import make_bundle

WEIGHTS = Weights(level=-6.0, learned=3.0, mean=5.0, nearest=4.0, rival=-4.0, faces=0.1)
ENROLLED = WEIGHTS._replace(learned=0.0, mean=8.0)
SPEC = IdentitySpec("characters.npz", WEIGHTS, ENROLLED, same_person=0.3, alike=0.7)


def vectors(count: int, seed: int, size: int = 64) -> Floats:
    return unit(np.random.default_rng(seed).normal(size=(count, size)).astype(np.float32))


def person(count: int, seed: int) -> Floats:
    """Faces of one character: all near each other."""
    return unit(vectors(1, 1000 + seed) + 0.5 * vectors(count, seed))


def some_people(characters: int = 5, learned: int = 3) -> KnownCharacters:
    people = KnownCharacters.of_faces([person(2 + number, number) for number in range(characters)])
    return dataclasses.replace(people, learned=people.means[:learned])


def identity(people: KnownCharacters) -> Identity:
    return Identity(SPEC, lambda: pack(people), "characters.npz", len(people))


def chance_of(trained: int, scores: Scores) -> float:
    return dict(scores.trained.best(SHORT_LIST))[trained]


def test_each_face_that_is_kept_is_recognised_as_whose_it_is() -> None:
    people = some_people()
    judge = identity(people)
    for character in range(len(people)):
        for face in people.of(character):
            assert judge.score(face).trained.best(1)[0][0] == character


def assert_alike(ours: Floats, theirs: Floats) -> None:
    assert (ours * theirs).sum(1).min() > 0.9995
    assert np.abs(np.linalg.norm(theirs, axis=1) - 1).max() < 1e-5


def test_eight_bits_keep_directions() -> None:
    people = some_people()
    again = unpack(pack(people), "file", len(people))
    for name in ("learned", "means"):
        assert_alike(getattr(people, name), getattr(again, name))
    for character in range(len(people)):
        assert_alike(people.of(character), again.of(character))
    characters, face = np.arange(len(people)), people.of(0)[0]
    nearest = again.nearest(characters, face)
    assert np.abs(nearest - people.nearest(characters, face)).max() < 0.02 and nearest.max() <= 1.001
    assert again.faces.dtype == np.int8 and pack(again) == pack(people)
    assert again.starts.tolist() == people.starts.tolist()
    assert again.counts.tolist() == people.counts.tolist()


def test_an_enrolled_character_beside_trained_ones_is_judged_on_their_scale() -> None:
    judge, mine = identity(some_people()), person(3, 99)
    gallery = KnownCharacters.of_faces([mine, person(4, 77)])
    scores = judge.score(mine[0], gallery)
    (best, first), (_, second) = scores.enrolled.best(2)
    assert best == 0 and first > 0.9
    assert second < 0.2
    assert scores.trained.chances.max() < 0.2
    trained = judge.score(judge.people.of(1)[0], gallery)
    assert trained.trained.best(1)[0][0] == 1
    assert trained.enrolled.chances.max() < 0.2


@given(st.integers(1, 200), st.integers(1, 200), st.floats(0, 5))
def test_the_more_characters_are_known_by_faces_alone_the_more_is_asked(
    few: int, more: int, margin: float
) -> None:
    few, more = sorted((few, more))
    assert margin <= margin_of(margin, few) <= margin_of(margin, more)
    assert margin_of(margin, 5) == margin


def test_a_stranger_has_less_of_a_chance_where_a_bundle_knows_more_by_faces_alone() -> None:
    stranger = person(1, 500)[0]
    near = unit(person(4, 99) + 0.8 * stranger)
    small = KnownCharacters.of_faces([near])
    large = KnownCharacters.of_faces([near, *(person(4, 100 + number) for number in range(60))])
    odds = [
        score / (1 - score)
        for score in (chance_of(0, identity(people).score(stranger)) for people in (small, large))
    ]
    assert odds[0] / odds[1] > 0.95 * 61 / 5


def test_a_rival_makes_doubtful_and_the_same_character_is_no_rival() -> None:
    people = some_people()
    judge, face = identity(people), people.of(0)[0]
    alone = chance_of(0, judge.score(face))
    twin = KnownCharacters.of_faces([people.of(0)])
    rivalled = judge.score(face, twin)
    same = judge.score(face, twin, same={0: 0})
    assert chance_of(0, rivalled) < alone
    assert chance_of(0, same) > chance_of(0, rivalled)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 40), st.integers(0, 30))
def test_chances_never_exceed_the_whole(seed: int, characters: int, enrolled: int) -> None:
    rng = np.random.default_rng(seed)
    people = KnownCharacters.of_faces(
        [vectors(int(rng.integers(1, 4)), seed + n, 4) for n in range(characters)]
    )
    gallery = KnownCharacters.of_faces([vectors(2, seed + 100 + n, 4) for n in range(enrolled)])
    scores = identity(people).score(vectors(1, seed, 4)[0], gallery)
    both = np.concatenate([scores.trained.chances, scores.enrolled.chances])
    assert len(both) == min(characters, SHORT_LIST) + min(enrolled, SHORT_LIST)
    assert (both >= 0).all()
    assert both.sum() <= 1 + 1e-5


@dataclasses.dataclass
class Candidate:
    """One character of a short list, judged by itself."""

    kind: str
    index: int
    owner: int
    weights: Weights
    like: tuple[float, float, float]
    faces: int

    @property
    def kin(self) -> float:
        learned, mean, nearest = self.like
        return ((learned or mean) + mean + nearest) / 3

    def chance(self, others: list[Candidate]) -> float:
        rival = max((other.kin for other in others if other.owner != self.owner), default=0.0)
        one = self.weights
        odds = float(np.dot((one.learned, one.mean, one.nearest), self.like)) + one.level
        odds += one.rival * rival + one.faces * math.log(self.faces)
        return 1 / (1 + math.exp(-odds))


def candidates(
    kind: str, some: KnownCharacters, face: Floats, owners: dict[int, int], margin: float
) -> Iterator[Candidate]:
    by_faces = SPEC.enrolled._replace(level=SPEC.enrolled.level - margin)
    for index in np.argsort(-(some.glance @ face))[:SHORT_LIST].tolist() if len(some) else ():
        learned = index < len(some.learned)
        like = (
            float(some.learned[index] @ face) if learned else 0.0,
            float(some.means[index] @ face),
            max(float(one @ face) for one in some.of(index)),
        )
        weights = SPEC.trained if learned else by_faces
        yield Candidate(kind, index, owners.get(index, index), weights, like, int(some.counts[index]))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 40), st.integers(0, 40), st.integers(0, 30), st.booleans())
def test_all_at_once_is_what_each_is_alone(
    seed: int, characters: int, learned: int, enrolled: int, shared: bool
) -> None:
    rng = np.random.default_rng(seed)
    people, gallery = (
        KnownCharacters.of_faces(
            [vectors(int(rng.integers(1, 9)), seed + 100 * kind + n, 8) for n in range(many)]
        )
        for kind, many in enumerate((characters, enrolled))
    )
    people = dataclasses.replace(people, learned=vectors(characters, seed + 999, 8)[:learned])
    judge, same = identity(people), {0: 0} if shared and enrolled else {}
    face = unit(rng.normal(size=8).astype(np.float32))
    scores = judge.score(face, gallery, same)
    owners = {number: same.get(number, characters + number) for number in range(enrolled)}
    margin = margin_of(SPEC.margin, characters - len(people.learned))
    everybody = [
        *candidates("trained", judge.people, face, {}, margin),
        *candidates("enrolled", gallery, face, owners, SPEC.margin),
    ]
    best: dict[int, float] = {}
    for one in everybody:
        best[one.owner] = max(one.chance(everybody), best.get(one.owner, 0.0))
    alone = {"trained": np.zeros(characters), "enrolled": np.zeros(enrolled)}
    for one in everybody:
        alone[one.kind][one.index] = one.chance(everybody) / max(1.0, sum(best.values()))
    for kind, chances in alone.items():
        told = np.zeros(len(chances))
        for index, chance in getattr(scores, kind).best(SHORT_LIST):
            told[index] = chance
        np.testing.assert_allclose(told, chances, rtol=1e-4, atol=1e-6)


class CountedIdentity(Identity):
    told = 0

    def score(self, *args: Any, **options: Any) -> Scores:
        self.told += 1
        return super().score(*args, **options)


@pytest.mark.parametrize("with_gallery", [False, True])
def test_a_face_is_judged_once_by_its_embedding(tmp_path: Path, with_gallery: bool) -> None:
    bundle = Bundle.load(make_bundle(tmp_path, labels=[{"tag": f"known_{number}"} for number in range(5)]))
    assert bundle.recogniser is not None
    people = some_people()
    judge = CountedIdentity(SPEC, lambda: pack(people), "characters.npz", len(people))
    gallery = Gallery("", [Enrolled(Label("mine"), person(3, 99))]) if with_gallery else None
    rules = Rules(bundle.recogniser, bundle.labels, {}, gallery=gallery, identity=judge)
    face = Face(Box(0, 0, 100, 100), 1.0)
    for number, (vector, name, source) in enumerate(
        [(people.of(1)[0], "known_1", "model"), (person(3, 99)[0], "mine", "gallery")][: 1 + with_gallery], 1
    ):
        found = rules.read(face, Recognition(embedding=vector), colored=True).face
        assert found.character is not None
        assert (found.character.tag, found.character.source) == (name, source)
        assert found.candidates[0].tag == name and len(found.candidates) == 5
        assert judge.told == number


def test_the_best_are_told_in_order_and_of_equal_ones_the_first_comes_first() -> None:
    some = Chances(np.array([7, 3, 5]), np.array([0.25, 0.25, 0.5], np.float32))
    assert some.best(5) == [(5, 0.5), (3, 0.25), (7, 0.25)]
    assert some.best(1) == [(5, 0.5)]


def test_the_rival_of_each_candidate_is_the_most_alike_other_character() -> None:
    alike, whose = np.array([0.9, 0.8, 0.7], np.float32), np.array([1, 1, 2])
    np.testing.assert_allclose(alike_to_others(alike, whose), [0.7, 0.7, 0.9], rtol=1e-6)
    assert alike_to_others(alike[:1], whose[:1]).tolist() == [0.0]


def test_the_best_candidate_comes_first() -> None:
    people = some_people(30, 10)
    compared = ComparedCharacters(people, people.of(20)[0])
    assert compared.chosen[0] == 20
    assert (np.diff(compared.alike) <= 0).all()


def test_a_face_of_another_length_is_refused() -> None:
    with pytest.raises(ModelError, match="64 numbers, and a face has 8"):
        identity(some_people()).score(vectors(1, 1, 8)[0])


def spoiled(people: KnownCharacters, **changes: Any) -> bytes:
    with np.load(io.BytesIO(pack(people))) as arrays:
        values = {**arrays, **changes}
    buffer = io.BytesIO()
    np.savez(buffer, **values)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "changes",
    [
        {"counts": np.array([1, 2])},
        {"starts": np.array([0, 0, 5, 9, 14, 20])},
        {"starts": np.array([0, 2, 5, 9, 14, 19])},
        {"means": np.zeros((5, 3), np.int8)},
    ],
)
def test_a_file_that_contradicts_itself_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ModelError, match=r"characters\.npz: does not hold 5 characters"):
        unpack(spoiled(some_people(), **changes), "characters.npz", 5)


def test_what_is_no_file_of_characters_is_refused() -> None:
    for data in (b"", b"PK\x03\x04 something", pack(some_people())[:-40]):
        with pytest.raises(ModelError, match="not a file of characters"):
            unpack(data, "characters.npz", 5)


def test_many_vectors_get_the_very_numbers_that_each_gets_alone() -> None:
    packed = np.random.default_rng(3).integers(-127, 128, (1000, 24)).astype(np.int8)
    alone = np.stack([unit(row.astype(np.float32)) for row in packed])
    assert np.array_equal(unit(packed), alone)
    assert np.array_equal(unit(packed.astype(np.float32)), alone)
