"""Characters from a library: whose head is whose, and what is learned of that."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import permutations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from booru_tagger.enrol.labelled.assignment import assign
from booru_tagger.enrol.labelled.labels import Said
from booru_tagger.enrol.labelled.lesson import Lesson, Wishes, anchors_of, learn
from booru_tagger.enrol.labelled.likeness import Profile
from booru_tagger.enrol.labelled.solving import Bounds, NamedPicture, Solution, solve
from booru_tagger.enrol.seen_faces import SeenFaces
from booru_tagger.models.bundle import Label
from booru_tagger.models.gallery import Enrolled, Gallery
from booru_tagger.types import Box, CharacterMatch, FaceResult

Rows = npt.NDArray[np.float32]
DIMENSION = 64
BOUNDS = Bounds(0.3, 0.3, 0.2)
NOBODY: Mapping[str, Rows] = {}


def face(who: str, number: int = 0, spread: float = 0.08) -> Rows:
    """One look at a person; each person looks unlike all others."""
    centre = np.random.default_rng(list(who.encode())).normal(size=DIMENSION)
    noise = np.random.default_rng([number, *who.encode()]).normal(size=DIMENSION)
    vector = centre / np.linalg.norm(centre) + spread * noise
    return np.asarray(vector / np.linalg.norm(vector), np.float32)


class Shelf:
    """Pictures with the people in them, and the names beside them."""

    def __init__(self) -> None:
        self.faces: list[Rows] = []
        self.people: list[str] = []
        self.pictures: list[NamedPicture] = []

    def put(self, people: str, names: str, sure: dict[str, int] | None = None) -> str:
        """Letters for both; the picture's name."""
        first = len(self.faces)
        for who in people:
            self.faces.append(face(who, len(self.faces)))
            self.people.append(who)
        name = f"{len(self.pictures)}"
        heads = tuple(range(first, len(self.faces)))
        placed = {tag: first + place for tag, place in (sure or {}).items()}
        self.pictures.append(NamedPicture(name, heads, frozenset(names), placed))
        return name

    def solved(
        self, anchors: Mapping[str, Rows] = NOBODY, **accepted: frozenset[tuple[str, str]]
    ) -> Solution:
        return solve(np.stack(self.faces), self.pictures, anchors, BOUNDS, **accepted)

    def found(self, solution: Solution) -> dict[str, str]:
        """For each name the people whose heads it got."""
        return {tag: "".join(self.people[head] for head in heads) for tag, heads in solution.heads.items()}


@given(st.integers(1, 4), st.integers(1, 4), st.randoms(use_true_random=False))
def test_an_assignment_is_worth_as_much_as_any(rows: int, columns: int, chance: object) -> None:
    values = np.array([[chance.uniform(-1, 1) for _ in range(columns)] for _ in range(rows)])  # type: ignore[attr-defined]
    chosen = assign(values)
    taken = [column for column in chosen if column is not None]
    assert len(set(taken)) == len(taken)
    worth = sum(values[row, column] for row, column in enumerate(chosen) if column is not None)
    places = [*range(columns), *[None] * rows]
    best = max(
        sum(max(0, values[row, column]) for row, column in enumerate(way) if column is not None)
        for way in set(permutations(places, rows))
    )
    assert worth == pytest.approx(best)


def test_a_head_is_not_compared_with_itself() -> None:
    faces = np.stack([face("a", 0), face("a", 1), face("b", 2)])
    profile = Profile(faces, [0, 1], np.zeros((0, DIMENSION), np.float32))
    assert profile.likeness([0])[0] == pytest.approx(float(faces[0] @ faces[1]), abs=1e-5)
    alone = Profile(faces, [0], np.zeros((0, DIMENSION), np.float32))
    assert alone.likeness([0, 1]).tolist() == [-1, pytest.approx(float(faces[0] @ faces[1]), abs=1e-5)]
    assert Profile(faces, [], faces[:1]).likeness([2])[0] < 0.4


def test_one_head_and_one_name_belong_together_unless_the_name_is_wrong() -> None:
    shelf = Shelf()
    for _ in range(5):
        shelf.put("a", "a")
        shelf.put("b", "b")
    wrong = [shelf.put("b", "a"), shelf.put("x", "b")]
    solution = shelf.solved()
    assert shelf.found(solution) == {"a": "aaaaa", "b": "bbbbb"}
    told = {doubt.picture: (doubt.tag, doubt.other) for doubt in solution.doubts}
    assert told == {wrong[0]: ("a", "b"), wrong[1]: ("b", "")}


def test_several_names_go_to_the_heads_that_are_like_them() -> None:
    shelf = Shelf()
    for _ in range(3):
        shelf.put("a", "a")
        shelf.put("b", "b")
    shelf.put("ba", "ab")
    shelf.put("xab", "ba")
    nobody = shelf.put("xy", "ab")
    solution = shelf.solved()
    assert shelf.found(solution) == {"a": "aaaaa", "b": "bbbbb"}
    assert {(doubt.picture, doubt.tag) for doubt in solution.doubts} == {(nobody, "a"), (nobody, "b")}


def test_what_is_left_over_is_the_one_who_is_never_alone() -> None:
    shelf = Shelf()
    for _ in range(3):
        shelf.put("a", "a")
        shelf.put("ca", "ac")
    shelf.put("cxd", "cd")
    assert shelf.found(shelf.solved()) == {"a": "aaaaaa", "c": "cccc", "d": ""}


def test_two_who_are_always_together_cannot_be_told_apart() -> None:
    shelf = Shelf()
    for _ in range(4):
        shelf.put("ab", "ab")
    assert shelf.found(shelf.solved()) == {"a": "", "b": ""}
    shelf.put("ab", "ab", {"a": 0})  # a person says of one picture who is who
    assert shelf.found(shelf.solved()) == {"a": "aaaaa", "b": "bbbbb"}


def test_who_is_known_already_is_found_at_once_and_a_rival() -> None:
    shelf = Shelf()
    single = shelf.put("a", "a")
    shelf.put("b", "a")
    wrong = shelf.put("k", "a")
    known = {"a": face("a", 99)[None], "k": face("k", 98)[None]}
    solution = shelf.solved(known)
    assert shelf.found(solution) == {"a": "a"}
    doubts = {doubt.picture: doubt.other for doubt in solution.doubts}
    assert single not in doubts and doubts[wrong] == "k" and len(doubts) == 2


def test_a_character_by_two_names_is_learned_and_told() -> None:
    shelf = Shelf()
    for _ in range(4):
        shelf.put("a", "z")
    known = {"a": np.stack([face("a", number, 0.01) for number in range(90, 96)])}
    solution = shelf.solved(known)
    assert shelf.found(solution) == {"z": "aaaa"} and solution.twins == {"z": "a"}


def test_a_person_s_word_counts() -> None:
    shelf = Shelf()
    for _ in range(4):
        shelf.put("a", "a")
    odd = shelf.put("x", "a")
    assert shelf.found(shelf.solved()) == {"a": "aaaa"}
    assert shelf.found(shelf.solved(accepted=frozenset({(odd, "a")}))) == {"a": "aaaax"}


# From pictures to a lesson.

HEADS = [Box(0, 0, 50, 50), Box(100, 0, 150, 50), Box(200, 0, 250, 50)]


def seen(people: str, number: int) -> SeenFaces:
    faces = tuple(FaceResult(HEADS[place], 0.9) for place in range(len(people)))
    rows = [face(who, 10 * number + place) for place, who in enumerate(people)]
    return SeenFaces(faces, np.stack(rows) if rows else np.zeros((0, 0), np.float32))


def lesson(wishes: Wishes | None = None) -> Lesson:
    shown = {"1": "a", "2": "a", "3": "ab", "4": "b", "5": "", "6": "x", "7": "c"}
    named = {"1": "a", "2": "a", "3": "ab", "4": "b", "5": "b", "6": "a", "7": "c"}
    said = {name: Said(frozenset(names)) for name, names in named.items()}
    said["3"] |= Said(heads=(("b", Box(102, 2, 150, 50)),))
    looks = {name: seen(people, int(name)) for name, people in shown.items()}
    return learn(said, looks, {}, 0.3, wishes or Wishes())


def test_a_lesson_has_faces_and_doubts() -> None:
    found = lesson()
    assert [(one.tag, sorted(each.picture for each in one.faces)) for one in found.characters] == [
        ("a", ["1", "2", "3"]),
        ("b", ["3", "4"]),
    ]
    assert found.characters[1].faces[0].face.box in HEADS and found.faces == 5
    assert list(found.characters[0].likeness) == sorted(found.characters[0].likeness, reverse=True)
    assert found.too_few == {"c": 1}
    reasons = {(doubt.picture, doubt.tag): str(doubt) for doubt in found.doubts}
    assert reasons["5", "b"] == "no face was found" and set(reasons) == {("5", "b"), ("6", "a")}


def test_who_is_named_at_a_face_is_believed_unless_the_program_put_that_there() -> None:
    looks = {name: seen("a", int(name)) for name in "123"}
    guessed = FaceResult(HEADS[1], 0.9, CharacterMatch("a", 0.8))
    looks["4"] = SeenFaces((*seen("x", 4).faces, guessed), np.stack([face("x", 4), face("y", 5)]))
    said = {name: Said(frozenset("a")) for name in looks}

    def learned(box: Box) -> list[Box]:
        said["4"] = Said(frozenset("a"), regions=(("a", box),))
        (a,) = learn(said, looks, {}, 0.3, Wishes()).characters
        return [one.face.box for one in a.faces if one.picture == "4"]

    assert learned(Box(10, 18, 40, 48)) == [HEADS[0]], "a box of the face alone"
    assert learned(Box(110, 18, 140, 48)) == [HEADS[1]]
    assert learned(HEADS[1]) == []


def test_wishes_are_followed() -> None:
    assert [one.tag for one in lesson(Wishes(min_faces=1)).characters] == ["a", "b", "c"]
    assert [one.tag for one in lesson(Wishes(only=frozenset("b"))).characters] == ["b"]
    assert [one.tag for one in lesson(Wishes(leave_out=frozenset("a"))).characters] == ["b"]
    refusing = lesson(Wishes(refused=frozenset({("1", "a")}), accepted=frozenset({("6", "a")})))
    assert {each.picture for each in refusing.characters[0].faces} == {"2", "3", "6"}


def test_faces_of_the_library_itself_prove_nothing() -> None:
    faces = np.stack([face("a", number) for number in range(3)])
    gallery = Gallery("ab" * 32, [Enrolled(Label("a"), faces, ("1", "elsewhere", ""))])
    anchors = anchors_of((), None, gallery, {"1": Said()})
    assert np.array_equal(anchors["a"], faces[1:])
    assert anchors_of((), None, gallery.only({"b"}), {}) == {}
