"""A journal that version 0.1 made goes on: what it says holds, what it does not say is not known."""

from __future__ import annotations

import json
import os
import sqlite3
import zlib
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from booru_tagger.journal import Journal, RawResult
from booru_tagger.journal.schema import VERSION
from booru_tagger.runner.undo import untag
from booru_tagger.types import Box, CharacterMatch, FaceResult, Reading, ScoredTag, Tag, TagResult, Verdict
from tests.support.journaling import sha256
from tests.support.old_journal import make_old

ONE, TWO, DRAWN = Box(0, 0, 10, 10), Box(20, 0, 30, 10), Box(40, 0, 50, 10)
MIKU = FaceResult(ONE, 0.9, CharacterMatch("hatsune_miku", 0.95))
STRANGER = FaceResult(TWO, 0.8, candidates=(ScoredTag("cirno", 0.4),))


def said(face: FaceResult, kind: str = "named", *, drawn: bool = False) -> Verdict:
    return Verdict(kind, "my_oc" if kind == "named" else "", face, 60, 20, drawn, 1.0)  # type: ignore[arg-type]


def written(*faces: FaceResult) -> TagResult:
    return TagResult("a.png", 60, 20, faces, (Tag("miku", "character", 0.95, "recogniser"),), model="m")


@pytest.fixture
def picture(picture: Path) -> Path:
    """It was tagged."""
    picture.with_name("a.png.txt").write_bytes(b"miku\n")
    return picture


def old_journal(path: Path, picture: Path, result: TagResult, *verdicts: Verdict) -> Path:
    """What 0.1 had after it tagged the picture, and after a review of it."""
    make_old(path)
    status, key = picture.stat(), os.fsencode(picture.resolve())
    target = os.fsencode(picture.resolve()) + b".txt"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        packed = zlib.compress(json.dumps(result.to_json()).encode())
        connection.execute(
            "INSERT INTO pictures VALUES (1, ?, ?, ?, ?, 'f', 1.0, ?)",
            (key, status.st_size, status.st_mtime_ns, sha256(b"picture"), packed),
        )
        connection.execute("INSERT INTO targets VALUES (1, ?, ?, 1, NULL)", (target, sha256(b"miku\n")))
        connection.execute("INSERT INTO marks VALUES (1, 1, 'txt', ?, ?, 1, 1.0)", (b'["miku"]', b"[]"))
        if verdicts:
            packed = json.dumps([verdict.to_json() for verdict in verdicts]).encode()
            connection.execute("INSERT INTO reviews VALUES (?, 0, ?, 1.0)", (key, packed))
    return path


def test_what_is_done_stays_done(tmp_path: Path, picture: Path) -> None:
    path = old_journal(tmp_path / "journal.sqlite3", picture, written(MIKU, STRANGER))
    with Journal.open(path) as journal:
        assert journal.warnings == ()
        assert journal.is_done(picture, "f") and not journal.is_done(picture, "g")
        entry = journal.entry(picture)
        assert entry is not None and entry.result == written(MIKU, STRANGER)
        assert entry.raw is None and journal.raw(picture, "f") is None
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (VERSION,)
    with Journal.open(path) as journal:
        assert journal.is_done(picture, "f")


def test_its_tags_can_be_taken_back(tmp_path: Path, picture: Path) -> None:
    path = old_journal(tmp_path / "journal.sqlite3", picture, written(MIKU))
    with Journal.open(path) as journal:
        (undone,) = untag(picture, journal).targets
    assert (undone.fate, undone.tags) == ("deleted", ("miku",))
    assert not picture.with_name("a.png.txt").exists()


def test_the_faces_are_those_that_the_program_found(tmp_path: Path, picture: Path) -> None:
    """A named face had the name in the result, one that is none was left out, a drawn one was added."""
    named = replace(STRANGER, character=CharacterMatch("my_oc", 1.0, "review"))
    drawn = FaceResult(DRAWN, 1.0)
    verdicts = (said(STRANGER), said(MIKU, "not_a_face"), said(drawn, "unknown", drawn=True))
    result = written(named, drawn)
    path = old_journal(tmp_path / "journal.sqlite3", picture, result, *verdicts)
    with Journal.open(path) as journal:
        (tagged,) = journal.reviews.tagged(picture.parent)
        assert tagged.raw is None and tagged.result == result and tagged.verdicts == verdicts
        assert set(tagged.found.faces) == {STRANGER, MIKU}


def test_a_new_run_makes_it_complete(tmp_path: Path, picture: Path) -> None:
    path = old_journal(tmp_path / "journal.sqlite3", picture, written(MIKU))
    name = Tag("hatsune_miku", "character", 0.95, "recogniser")
    reading = Reading(MIKU, (name,), unspoken=frozenset({"twintails"}), hair=ScoredTag("aqua_hair", 0.5))
    general = Tag("1girl", "general", 0.9, "tagger")
    raw = replace(written(MIKU), tags=(name, general), readings=(reading,), whole_picture=(general,))
    with Journal.open(path) as journal:
        journal.record(picture, "f", written(MIKU), [], RawResult(raw, "tagger"))
        entry = journal.entry(picture)
        assert entry is not None and (entry.result, entry.raw) == (written(MIKU), RawResult(raw, "tagger"))
        assert journal.raw(picture, "tagger") == raw and journal.raw(picture, "other tagger") is None
        picture.write_bytes(b"another picture")
        assert journal.raw(picture, "tagger") is None
