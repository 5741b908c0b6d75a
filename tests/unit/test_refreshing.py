"""Galleries made again under another model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from booru_tagger.enrol.refreshing import pictures_of, refreshed
from booru_tagger.enrol.seen_faces import NOTHING, FaceReader, SeenFaces, Viewed, booru_of
from booru_tagger.errors import UnreadableImageError
from booru_tagger.imaging import Limits
from booru_tagger.models.bundle import Label
from booru_tagger.models.gallery import Enrolled, Gallery
from booru_tagger.parallel import SerialExecutor
from booru_tagger.tagging.options import TaggerOptions
from booru_tagger.tagging.tagger import Tagger
from booru_tagger.types import Box, FaceResult
from tests.support.bundles import Painted, paint

OLD, NEW = "ab" * 32, "cd" * 32
PEOPLE = np.eye(8, dtype=np.float32)
HEADS = [Box(0, 0, 50, 50), Box(100, 0, 150, 50), Box(200, 0, 250, 50)]


def seen(*people: int) -> SeenFaces:
    """A picture with these people, from left to right."""
    faces = tuple(FaceResult(HEADS[place], 0.9) for place in range(len(people)))
    return SeenFaces(faces, PEOPLE[list(people)])


LOST = SeenFaces((), NOTHING.embeddings, UnreadableImageError("gone"))


def enrolled(tag: str, *pictures: str, boxes: list[Box] | None = None) -> Enrolled:
    faces = np.full((len(pictures), 4), 0.5, np.float32)
    numbers = np.array([box.rounded() for box in boxes or []], np.int32).reshape(-1, 4)
    return Enrolled(Label(tag, series="s", implied=("sword",)), faces, pictures, "2020-01-02", numbers)


def test_the_head_that_lies_where_it_was_is_taken() -> None:
    shifted = Box(104, 0, 155, 52)
    old = Gallery(OLD, [enrolled("a", "1", "2", boxes=[shifted, HEADS[2]])], model="old 1")
    done = refreshed(old, Gallery(NEW, model="new 1"), {"1": seen(3, 5, 6), "2": seen(1, 2, 5)}, 0.5)
    (a,) = done.gallery
    assert (done.gallery.recogniser, done.gallery.model) == (NEW, "new 1")
    assert np.array_equal(a.faces, PEOPLE[[5, 5]]) and a.pictures == ("1", "2")
    assert a.boxes.tolist() == [list(HEADS[1]), list(HEADS[2])]
    assert (a.label, a.added) == (old.characters[0].label, "2020-01-02")
    assert (done.lost, done.unclear, done.dropped) == ((), (), ())


def test_without_boxes_it_is_who_is_common_to_the_pictures() -> None:
    old = Gallery(OLD, [enrolled("a", "1", "2", "3", "4")])
    pictures = {"1": seen(2, 7), "2": seen(7), "3": seen(7, 1, 3), "4": seen(4, 5)}
    done = refreshed(old, Gallery(NEW), pictures, 0.5)
    assert done.gallery.characters[0].pictures == ("1", "2", "3")
    assert np.array_equal(done.gallery.characters[0].faces, PEOPLE[[7, 7, 7]])
    assert done.unclear == (("a", "4"),)


def test_what_is_gone_is_told() -> None:
    old = Gallery(
        OLD, [enrolled("a", "1", "2"), enrolled("b", "2"), enrolled("shared"), enrolled("c", "", "1")]
    )
    assert pictures_of(old) == ["1", "2"]
    done = refreshed(old, Gallery(NEW), {"1": seen(3), "2": LOST}, 0.5)
    assert done.lost == ("2",) and done.dropped == ("b", "shared")
    assert {one.label.tag: one.pictures for one in done.gallery} == {"a": ("1",), "c": ("1",)}


def test_what_came_from_a_booru_is_told_apart() -> None:
    hydrus, post = f"hydrus:{'0f' * 32}", "szurubooru:12"
    old = Gallery(OLD, [enrolled("a", "1", hydrus, boxes=HEADS[:2]), enrolled("b", post)])
    assert pictures_of(old) == ["1"]
    done = refreshed(old, Gallery(NEW), {"1": seen(3)}, 0.5)
    assert done.fetched == {("a", "hydrus"): 1, ("b", "szurubooru"): 1} and done.dropped == ("b",)
    assert (done.lost, done.unclear) == ((), ())
    assert {one.label.tag: one.pictures for one in done.gallery} == {"a": ("1",)}
    assert booru_of("hydrus:notes.png") is None


def test_a_picture_is_looked_at_once(tiny_bundle: Path, tmp_path: Path) -> None:
    tagger = Tagger(TaggerOptions(tiny_bundle, gallery=None))
    picture, cache = tmp_path / "a.png", tmp_path / "cache" / "looks.sqlite3"
    paint([Painted(10, 10, 90), Painted(150, 20, 80, "cirno", "blue", "blue")]).save(picture)

    def look() -> SeenFaces:
        reader = FaceReader(tagger, cache)
        viewed = [Viewed.file(picture, Limits()), Viewed.file(tmp_path / "missing.png", Limits())]
        found = reader.look_at_all(viewed, SerialExecutor())
        reader.close()
        assert found[str(tmp_path / "missing.png")].error is not None
        return found[str(picture)]

    first, again = look(), look()
    assert first.new and not again.new and first.faces == again.faces
    assert {face.character and face.character.tag for face in first.faces} == {"hatsune_miku", "cirno"}
    assert np.array_equal(first.embeddings, again.embeddings)
    assert np.linalg.norm(first.embeddings, axis=1) == pytest.approx(1, abs=1e-5)
    paint([]).save(picture)
    assert look().new and len(look()) == 0
