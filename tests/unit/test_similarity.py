"""Groups of look-alikes: whoever is near is together, whatever the order."""

from __future__ import annotations

import numpy as np

from booru_tagger.imaging import Floats
from booru_tagger.models.manifest import Coincidence
from booru_tagger.review.similarity import ALIKE, EmbeddingIndex, crowd_bound, groups, like
from tests.support.comparing import about


def people(count: int, faces: int, spread: float = 0.05, seed: int = 1) -> tuple[Floats, np.ndarray]:
    """Unit vectors of ``count`` people, ``faces`` of each, shuffled; and whose each is."""
    random = np.random.default_rng(seed)
    centres = random.normal(size=(count, 32))
    owners = random.permutation(np.repeat(np.arange(count), faces))
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    vectors = centres[owners] + spread * random.normal(size=(len(owners), 32))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32), owners


def test_people_are_found_again() -> None:
    faces, owners = people(7, 9)
    found = groups(faces)
    assert [len(group.members) for group in found] == [9] * 7
    assert all(len({int(owners[row]) for row in group.members}) == 1 for group in found)


def test_every_face_is_in_one_group() -> None:
    faces, _ = people(40, 3, spread=0.12, seed=2)
    members = [row for group in groups(faces) for row in group.members]
    assert sorted(members) == list(range(len(faces)))


def test_the_most_typical_stands_first() -> None:
    faces = np.eye(4, dtype=np.float32)[[0, 0, 0, 1]]
    faces[1] = np.array([0.9, np.sqrt(1 - 0.81), 0, 0], np.float32)
    first = groups(faces)[0]
    assert set(first.members) == {0, 1, 2} and first.members[-1] == 1


def test_a_group_takes_nobody_whom_its_members_are_unlike_on_average() -> None:
    """Near the middle of three that are not much alike is still not near any of them."""
    four = np.sqrt(0.55) * np.eye(6)[0] + np.sqrt(0.45) * np.eye(6)[1:5]
    faces = np.stack([*four, np.eye(6)[0]]).astype(np.float32)
    assert all(len(group.members) == 1 for group in groups(faces[:4], 0.6))
    assert len(groups(faces, 0.6)[0].members) < 5


def test_where_nobody_comes_back_chance_asks_for_more() -> None:
    chance = Coincidence(0.45, 0.7)
    crowd, _ = people(300, 1, spread=0.02, seed=4)
    pictures = list(range(len(crowd)))
    assert crowd_bound(crowd, pictures, 0.4, chance) > 0.7
    cast, owners = people(15, 20, spread=0.02, seed=4)
    assert crowd_bound(cast, pictures, 0.4, chance) < 0.7
    assert crowd_bound(cast, owners.tolist(), 0.4, chance) > 0.7, "pairs of one picture tell nothing"


def test_nobody_and_one() -> None:
    assert groups(np.zeros((0, 8), np.float32)) == []
    assert groups(np.eye(1, 8, dtype=np.float32))[0].members == (0,)


def test_look_alikes_come_nearest_first() -> None:
    faces, owners = people(5, 6)
    found = like(faces[0], faces)
    assert found[0] == (0, about(1.0, abs=1e-5))
    assert {owners[row] for row, _ in found} == {owners[0]}
    similarities = [near for _, near in found]
    assert similarities == sorted(similarities, reverse=True) and min(similarities) >= ALIKE


def test_an_index_compares_whatever_came_in() -> None:
    faces, owners = people(60, 10, seed=3)
    index = EmbeddingIndex()
    assert index.like(faces[0]) == []
    for number, face in enumerate(faces):
        index.put(1_000 + number, face)
        index.put(1_000 + number, faces[7])  # would be found below: a number keeps its first face
    found = index.like(faces[7])
    assert found == [(1_000 + row, near) for row, near in like(faces[7], faces)]
    assert {owners[number - 1_000] for number, _ in found} == {owners[7]}
