"""Questions to the journal about many pictures."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from booru_tagger.journal import Journal, RawResult
from booru_tagger.journal.finding import Query
from booru_tagger.types import Box, CharacterMatch, Embedding, FaceResult, ScoredTag, Tag, TagResult
from tests.support.old_journal import age

SPACE = "a recogniser"


def face(
    name: str | None, score: float = 0.9, *, hair: str = "", eyes: str = "", x: int = 0, vector: bytes = b""
) -> FaceResult:
    return FaceResult(
        Box(x, 0, x + 10, 10),
        0.8,
        CharacterMatch(name, score) if name else None,
        hair_color=ScoredTag(hair, 0.9) if hair else None,
        eye_color=ScoredTag(eyes, 0.9) if eyes else None,
        embedding=Embedding(SPACE, vector) if vector else None,
    )


def result(*faces: FaceResult, tags: str = "", series: str = "") -> TagResult:
    names = [
        Tag(one.character.tag, "character", one.character.score, "recogniser")
        for one in faces
        if one.character
    ]
    more = [Tag(name, "general", 0.7, "measured") for name in tags.split()]
    more += [Tag(name, "copyright", 0.9, "implied") for name in series.split()]
    return TagResult("", 100, 100, faces, (*names, *more), model="m")


def record(journal: Journal, picture: Path, found: TagResult, raw: RawResult | None = None) -> Path:
    picture.parent.mkdir(parents=True, exist_ok=True)
    if not picture.exists():
        picture.write_bytes(picture.name.encode())
    journal.is_done(picture, "")
    journal.record(picture, "f", found, [], raw)
    return picture


@pytest.fixture
def art(tmp_path: Path, journal: Journal) -> Path:
    folder = tmp_path / "art"
    miku = face("hatsune_miku", 0.95, hair="aqua_hair", eyes="aqua_eyes")
    rin = face("kagamine_rin", 0.7, hair="blonde_hair", eyes="blue_eyes", x=20)
    stranger = face(None, hair="red_hair", eyes="aqua_eyes", x=40)
    for name, found in {
        "both.png": result(miku, rin, tags="aqua_hair 2girls", series="vocaloid"),
        "miku.png": result(miku, tags="aqua_hair aqua_eyes", series="vocaloid"),
        "rin.png": result(rin, stranger, tags="red_hair", series="vocaloid"),
        "sub/stranger.png": result(stranger, tags="red_hair"),
        "sub/empty.png": result(tags="scenery"),
        "sub/tagged.png": replace(result(), tags=(Tag("hatsune_miku", "character", 0.5, "tagger"),)),
    }.items():
        record(journal, folder / name, found)
    return folder


def names(journal: Journal, query: Query) -> list[str]:
    return [Path(os.fsdecode(path)).name for _, path in journal.finder.find(query)]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (Query(), "both miku rin empty stranger tagged"),
        (Query(names=("hatsune_miku",)), "both miku tagged"),
        (Query(names=("Hatsune Miku", "kagamine*")), "both"),
        (Query(names=("hatsune_miku",), min_score=0.9), "both miku"),
        (Query(names=("kagamine_rin",), min_score=0.9), ""),
        (Query(names=("hatsune_miku",), hair="blonde_hair"), ""),
        (Query(hair="red_hair", eyes="aqua_eyes"), "rin stranger"),
        (Query(unnamed=True), "rin stranger"),
        (Query(min_score=0.9), "both miku"),
        (Query(tags=("aqua_eyes",)), "miku"),
        (Query(tags=("*hair",), without=("hatsune_miku",)), "rin stranger"),
        (Query(series=("vocaloid",)), "both miku rin"),
        (Query(series=("hatsune_miku",)), ""),
        (Query(heads=(2, None)), "both rin"),
        (Query(heads=(0, 0)), "empty tagged"),
        (Query(text=("STRANGER",)), "stranger"),
        (Query(text=("red hair",)), "rin stranger"),
        (Query(text=("sub", "red")), "stranger"),
        (Query(text=("ÄRT",)), ""),
        (Query(names=("nobody_at_all",)), ""),
    ],
)
def test_finds_what_all_conditions_hold_for(
    journal: Journal, art: Path, monkeypatch: pytest.MonkeyPatch, query: Query, expected: str
) -> None:
    assert names(journal, query) == [f"{name}.png" for name in expected.split()]
    monkeypatch.setattr("booru_tagger.journal.finding._FEW", 0)  # each condition goes through all pictures
    assert names(journal, query) == [f"{name}.png" for name in expected.split()]


def test_folders_and_dates(journal: Journal, art: Path) -> None:
    assert names(journal, Query(folders=(art / "sub",), unnamed=True)) == ["stranger.png"]
    assert names(journal, Query(folders=(art / "su",))) == []
    both = Query(folders=(art / "sub", art), without=("hatsune_miku",))
    assert names(journal, both) == names(journal, Query(without=("hatsune_miku",)))
    old = art / "old.png"
    old.write_bytes(b"old")
    os.utime(old, (1_000_000, 1_000_000))
    record(journal, old, result())
    assert names(journal, Query(until=2_000_000)) == ["old.png"]
    assert "old.png" not in names(journal, Query(since=2_000_000))
    assert len(names(journal, Query(tagged_since=2_000_000))) == 7
    os.utime(old, (3_000_000, 3_000_000))
    assert journal.is_done(old, "f")
    assert names(journal, Query(until=2_000_000)) == []


def test_many_pictures_come_in_the_same_order(
    journal: Journal, art: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = journal.finder.find(Query())
    monkeypatch.setattr("booru_tagger.journal.finding._FEW", 1)
    assert journal.finder.find(Query()) == few


def test_tells_what_is_misspelled(journal: Journal, art: Path) -> None:
    asked = Query(names=("hatsune_mku", "kagamine_rin"), tags=("aqua_hair", "qqqq"))
    assert journal.finder.misspelled(asked) == [("hatsune_mku", "hatsune_miku"), ("qqqq", None)]


def test_what_is_tagged_anew_is_found_by_its_new_tags_alone(journal: Journal, art: Path) -> None:
    record(journal, art / "miku.png", result(face("cirno")))
    assert names(journal, Query(names=("hatsune_miku",))) == ["both.png", "tagged.png"]
    assert names(journal, Query(names=("cirno",))) == ["miku.png"]
    assert names(journal, Query(tags=("aqua_eyes",))) == []


def test_what_is_untagged_is_not_found(journal: Journal, art: Path) -> None:
    journal.record_removal(art / "miku.png", art / "miku.png.txt", "txt", frozenset())
    assert "miku.png" not in names(journal, Query())


def test_a_moved_picture_is_found_where_it_is(journal: Journal, art: Path, tmp_path: Path) -> None:
    record(journal, art / "vector.png", result(face("cirno", vector=b"\x01\x02")))
    moved = tmp_path / "elsewhere" / "vector.png"
    moved.parent.mkdir()
    (art / "vector.png").rename(moved)
    assert journal.knows(moved)
    old, new = journal.finder.find(Query(names=("cirno",)))
    assert (old[1], new[1]) == (os.fsencode(art / "vector.png"), os.fsencode(moved))
    assert vectors(journal) == [b"\x01\x02", b"\x01\x02"]


def test_pictures_of_an_older_journal_are_indexed(journal: Journal, art: Path, place: Path) -> None:
    everything = [Query(), Query(tags=("*hair",)), Query(unnamed=True), Query(heads=(2, 2))]
    before = [names(journal, query) for query in everything]
    journal.close()
    age(place)
    with Journal.open(place) as older:
        assert names(older, Query()) == []
        record(older, art / "miku.png", result(face("cirno")))
        steps: list[None] = []
        older.finder.index(lambda: steps.append(None), at_once=2)
        assert len(steps) == 5  # of six, one was tagged again
        older.finder.index(lambda: steps.append(None))
        assert len(steps) == 5
        record(
            older,
            art / "miku.png",
            result(
                face("hatsune_miku", 0.95, hair="aqua_hair", eyes="aqua_eyes"),
                tags="aqua_hair aqua_eyes",
                series="vocaloid",
            ),
        )
        assert [names(older, query) for query in everything] == before


class TestEmbeddings:
    def test_are_kept_where_a_result_comes_from_memory(self, journal: Journal, tmp_path: Path) -> None:
        found = result(face("cirno", vector=b"\x01\x02"), face(None, x=30, vector=b"\x03\x04"))
        picture = record(journal, tmp_path / "a.png", found, RawResult(found, "r"))
        assert vectors(journal) == [b"\x01\x02", b"\x03\x04"]
        raw = journal.raw(picture, "r")
        assert raw is not None and raw == found and raw.faces[0].embedding is None
        record(journal, picture, replace(raw, faces=raw.faces[::-1]), RawResult(raw, "r"))
        assert sorted(vectors(journal)) == [b"\x01\x02", b"\x03\x04"]
        assert journal.finder.count_faces() == 2

    def test_are_not_those_of_another_content(self, journal: Journal, tmp_path: Path) -> None:
        picture = record(journal, tmp_path / "a.png", result(face("cirno", vector=b"\x01\x02")))
        picture.write_bytes(b"another picture")
        record(journal, picture, result(face("cirno")))
        assert vectors(journal) == []

    def test_know_whose_they_are(self, journal: Journal, tmp_path: Path) -> None:
        record(journal, tmp_path / "a.png", result(face(None), face(None, x=30, vector=b"\x03\x04")))
        (some,) = journal.finder.embedded(SPACE)
        (owner,) = journal.finder.faces(some.faces).values()
        (found,) = journal.finder.find(Query())
        assert owner == (found[0], 1)
        assert list(journal.finder.embedded("another")) == []


def vectors(journal: Journal) -> list[bytes]:
    return [vector for part in journal.finder.embedded(SPACE) for vector in part.vectors]


def test_leaves_nothing_behind(journal: Journal, art: Path, place: Path) -> None:
    for path in art.rglob("*.png"):
        journal.record_removal(path, path.with_suffix(".txt"), "txt", frozenset())
    journal.close()
    with closing(sqlite3.connect(place)) as connection:
        for table in ("summaries", "faces", "embeddings", "picture_tags", "unindexed"):
            assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,), table
