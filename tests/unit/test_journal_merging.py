"""Journals of several machines become one, and nothing that people said or that is ours is lost."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from booru_tagger.errors import ConfigError
from booru_tagger.journal import Journal, Original
from booru_tagger.journal.merging import PathMap, combined
from booru_tagger.journal.pushes import Pushed
from booru_tagger.journal.reviews import TaggedPicture
from booru_tagger.types import Box, Embedding, FaceResult, TagResult, Verdict
from tests.support.journaling import result_for, tag, write
from tests.support.old_journal import age


@pytest.fixture
def ours(tmp_path: Path) -> Iterator[Journal]:
    with Journal.open(tmp_path / "ours.sqlite3") as journal:
        yield journal


@pytest.fixture
def theirs(tmp_path: Path) -> Iterator[Journal]:
    with Journal.open(tmp_path / "theirs.sqlite3") as journal:
        yield journal


def content(journal: Journal) -> list[str]:
    with closing(sqlite3.connect(journal.path)) as connection:
        return list(connection.iterdump())


def verdict(x: float, tag: str, said_at: float) -> Verdict:
    return Verdict("named", tag, FaceResult(Box(x, 0, x + 10, 10), 0.9), 10, 20, said_at=said_at)


def test_what_only_the_other_knows_is_known_here_from_then_on(
    ours: Journal, theirs: Journal, picture: Path
) -> None:
    target = tag(theirs, picture)
    report = ours.merge(theirs.path)
    assert (report.added, report.renewed, report.left) == (1, 0, 0)
    assert ours.is_done(picture, "f")
    assert ours.ownership(target, picture).owned == {"blue_hair"}
    entry, original = ours.entry(picture), theirs.entry(picture)
    assert entry == original
    assert entry is not None


def test_twice_is_as_good_as_once_and_the_other_stays_as_it_is(
    ours: Journal, theirs: Journal, picture: Path, tmp_path: Path
) -> None:
    tag(theirs, picture)
    theirs.reviews.decide(picture, [verdict(0, "cirno", 5.0)])
    theirs.pushes("hydrus").record("1", Pushed("f", frozenset({"a"})))
    tag(ours, tmp_path / "art" / "a.png", "g")
    before = content(theirs)
    ours.merge(theirs.path)
    once = content(ours)
    ours.merge(theirs.path)
    assert content(ours) == once
    assert content(theirs) == before


def test_the_later_state_of_a_picture_wins_whichever_way_it_goes(
    ours: Journal, theirs: Journal, picture: Path
) -> None:
    tag(ours, picture, "earlier")
    tag(theirs, picture, "later")
    assert ours.merge(theirs.path).renewed == 1
    assert ours.is_done(picture, "later")
    tag(ours, picture, "latest")
    assert ours.merge(theirs.path).left == 1
    assert ours.is_done(picture, "latest")


def test_tags_that_both_wrote_into_one_file_are_ours_and_what_stood_there_before_either_is_known(
    ours: Journal, theirs: Journal, picture: Path
) -> None:
    target = picture.with_name("a.png.txt")
    target.write_bytes(b"mine\n")
    for journal, text, owned in ((ours, b"mine\none\n", {"one"}), (theirs, b"mine\none\ntwo\n", {"two"})):
        with journal.turn(picture, [target]):
            journal.record(picture, "f", result_for(picture), [("txt", write(target, text, owned))])
        time.sleep(0.01)
    ours.merge(theirs.path)
    entry = ours.entry(picture)
    assert entry is not None
    (mark,) = entry.marks
    assert mark.owned == {"one", "two"}
    assert (mark.original, mark.content) == (Original.KEPT, b"mine\n")


def test_a_file_that_a_person_edited_between_the_two_is_never_set_back(
    ours: Journal, theirs: Journal, picture: Path
) -> None:
    target = tag(ours, picture)
    target.write_bytes(b"blue_hair\nby hand\n")
    with theirs.turn(picture, [target]):
        account = write(target, b"blue_hair\nby hand\nred_eyes\n", {"red_eyes"})
        theirs.record(picture, "f", result_for(picture), [("txt", account)])
    ours.merge(theirs.path)
    entry = ours.entry(picture)
    assert entry is not None
    assert entry.marks[0].original is Original.UNKNOWN
    assert entry.marks[0].owned == {"blue_hair", "red_eyes"}


def test_verdicts_of_both_are_kept_and_a_picture_written_without_them_is_to_be_done_again(
    ours: Journal, theirs: Journal, picture: Path
) -> None:
    ours.reviews.decide(picture, [verdict(0, "cirno", 1.0)])
    tag(ours, picture)
    theirs.reviews.decide(picture, [verdict(0, "hatsune_miku", 2.0), verdict(50, "rumia", 2.0)])
    tag(theirs, picture)
    assert ours.merge(theirs.path).verdicts == 1
    assert {one.tag for one in ours.reviews.verdicts(picture)} == {"hatsune_miku", "rumia"}
    assert ours.is_done(picture, "f"), "the other journal's picture was written with just these verdicts"
    theirs.merge(ours.path)
    ours.reviews.decide(picture, [*ours.reviews.verdicts(picture), verdict(90, "daiyousei", 3.0)])
    theirs.merge(ours.path)
    assert len(theirs.reviews.verdicts(picture)) == 3
    assert not theirs.is_done(picture, "f")


def test_the_later_word_on_a_face_counts() -> None:
    early, late = verdict(0, "cirno", 1.0), verdict(1, "rumia", 2.0)
    assert combined([early], [late]) == combined([late], [early]) == (late,)
    of_another_size = replace(late, width=99)
    assert combined([early], [of_another_size]) == (early, of_another_size)


def test_verdicts_on_pictures_that_were_untagged_are_kept(
    ours: Journal, theirs: Journal, picture: Path
) -> None:
    theirs.reviews.decide(picture, [verdict(0, "cirno", 1.0)])
    ours.merge(theirs.path)
    assert [one.tag for one in ours.reviews.verdicts(picture)] == ["cirno"]


def test_folders_may_be_called_otherwise_here(
    ours: Journal, theirs: Journal, picture: Path, tmp_path: Path
) -> None:
    target = tag(theirs, picture)
    theirs.reviews.decide(picture, [verdict(0, "cirno", 1.0)])
    tag(theirs, picture)
    here = tmp_path / "nas"
    os.rename(picture.parent, here)  # noqa: PTH104 - the folder keeps its times
    ours.merge(theirs.path, PathMap([(os.fsencode(tmp_path / "art"), os.fsencode(here))]))
    assert ours.is_done(here / "a.png", "f")
    assert ours.ownership(here / target.name, here / "a.png").owned == {"blue_hair"}
    assert ours.reviews.verdicts(here / "a.png") != ()
    assert ours.entry(picture) is None


def test_a_folder_is_no_prefix_of_another_name() -> None:
    moved = PathMap([(b"/art", b"/nas"), (b"/art/new", b"/new/")])
    assert [moved(key) for key in (b"/art/a", b"/artist/a", b"/art/new/a", b"/art")] == [
        b"/nas/a",
        b"/artist/a",
        b"/new/a",
        b"/nas",
    ]


def test_embeddings_and_what_find_asks_come_along(ours: Journal, theirs: Journal, picture: Path) -> None:
    embedding = Embedding("space", bytes(range(8)))
    face = FaceResult(Box(0, 0, 10, 10), 0.9, embedding=embedding)
    result = TagResult(str(picture), 10, 20, faces=(face,))
    theirs.record(picture, "f", result, [])
    ours.merge(theirs.path)
    with closing(sqlite3.connect(ours.path)) as connection:
        assert connection.execute("SELECT vector FROM embeddings").fetchall() == [(embedding.vector,)]
        assert connection.execute("SELECT heads FROM summaries").fetchall() == [(1,)]


def test_pushes_of_both_are_ours(ours: Journal, theirs: Journal) -> None:
    ours.pushes("p").record("1", Pushed("old", frozenset({"a"}), frozenset({"x"}), frozenset({"q"})))
    theirs.pushes("p").record("1", Pushed("new", frozenset({"b"}), frozenset({"y"})))
    theirs.pushes("p").record("2", Pushed("new", frozenset({"c"})))
    ours.merge(theirs.path)
    expected = Pushed("new", frozenset({"a", "b"}), frozenset({"x", "y"}), frozenset({"q"}))
    assert ours.pushes("p").known("1") == expected
    assert ours.pushes("p").known("2").owned == {"c"}


def test_many_pictures_go_page_by_page(ours: Journal, theirs: Journal, tmp_path: Path) -> None:
    for number in range(300):
        theirs.record(tmp_path / f"{number}.png", "f", result_for(tmp_path), [])
    assert ours.merge(theirs.path).added == 300
    found = [one.picture for one in ours.reviews.tagged() if isinstance(one, TaggedPicture)]
    assert len(found) == 300


def test_the_journal_of_an_older_version_is_read(ours: Journal, picture: Path, tmp_path: Path) -> None:
    old = tmp_path / "old.sqlite3"
    with Journal.open(old) as journal:
        target = tag(journal, picture)
    age(old)
    before = old.read_bytes()
    assert ours.merge(old).added == 1
    assert ours.is_done(picture, "f")
    assert ours.ownership(target, picture).owned == {"blue_hair"}
    assert old.read_bytes() == before


@pytest.mark.parametrize("kind", ["missing", "text", "other program"])
def test_what_is_no_journal_is_refused(ours: Journal, tmp_path: Path, kind: str) -> None:
    other = tmp_path / "other.sqlite3"
    if kind == "text":
        other.write_bytes(b"no database" * 100)
    elif kind == "other program":
        with closing(sqlite3.connect(other)) as connection:
            connection.execute("CREATE TABLE things (a)")
    before = content(ours)
    with pytest.raises(ConfigError, match=r"other\.sqlite3"):
        ours.merge(other)
    assert content(ours) == before
