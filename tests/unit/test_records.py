"""Results as one data set: JSON Lines, Parquet, and back into a journal."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from booru_tagger.errors import MissingExtraError, OutputError
from booru_tagger.journal import Journal, RawResult
from booru_tagger.runner import Sink
from booru_tagger.runner.records import Records, read_records
from booru_tagger.types import (
    Box,
    CharacterMatch,
    Conflict,
    FaceResult,
    Moving,
    PictureError,
    Reading,
    ScoredTag,
    Tag,
    TagResult,
    TimeRange,
)

needs_parquet = pytest.mark.skipif(
    importlib.util.find_spec("pyarrow") is None, reason="pyarrow is not installed: it is in [cluster]"
)

Open = Callable[..., AbstractContextManager[Sink]]


def lines(path: Path, fingerprint: str = "f", **options: Any) -> AbstractContextManager[Sink]:
    return Records(path, fingerprint, **options)


def rows(path: Path, fingerprint: str = "f", **options: Any) -> AbstractContextManager[Sink]:
    from booru_tagger.runner.parquet import ParquetRecords

    return ParquetRecords(path, fingerprint, raw_fingerprint="raw", **options)


both = pytest.mark.parametrize(
    ("name", "opened"), [("a.jsonl", lines), pytest.param("a.parquet", rows, marks=needs_parquet)]
)


def result_of(picture: Path) -> TagResult:
    face = FaceResult(
        Box(1, 2, 3, 4),
        0.5,
        CharacterMatch("cirno", 0.75),
        (ScoredTag("cirno", 0.75), ScoredTag("rumia", 0.25)),
        ScoredTag("blue_hair", 0.5),
        None,
        at=1.5,
        times=(TimeRange(0.0, 2.0), TimeRange(4.0, 5.5)),
    )
    stranger = FaceResult(Box(5, 6, 7, 8), 0.25)
    reading = Reading(face, (Tag("cirno", "character", 0.75, "recogniser"),), hair=face.hair_color)
    return TagResult(
        str(picture),
        10,
        20,
        (face, stranger),
        (Tag("cirno", "character", 0.75, "recogniser"),),
        (Conflict("cirno", "blue_eyes", "red_eyes", 0.5),),
        model="m",
        readings=(reading, Reading.of(stranger)),
        moving=Moving(6.0, 12),
    )


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    found = [tmp_path / f"{number}.png" for number in range(3)]
    for path in found:
        path.write_bytes(path.name.encode())
    return found


@both
def test_what_is_written_is_read_back(tmp_path: Path, pictures: list[Path], name: str, opened: Open) -> None:
    path = tmp_path / name
    with opened(path) as sink:
        for picture in pictures:
            sink.keep(picture, result_of(picture), result_of(picture))
    found = list(read_records(path))
    assert [record.path for record in found] == [str(picture) for picture in pictures]
    assert [record.result.to_json() for record in found] == [
        result_of(picture).to_json() for picture in pictures
    ]
    assert found[0].stamp is not None
    if name.endswith("parquet"):
        assert found[0].raw == RawResult(result_of(pictures[0]), "raw")


@both
def test_a_later_run_adds_what_is_missing_and_the_last_of_a_picture_counts(
    tmp_path: Path, pictures: list[Path], name: str, opened: Open
) -> None:
    path = tmp_path / name
    with opened(path) as sink:
        sink.keep(pictures[0], result_of(pictures[0]), result_of(pictures[0]))
        assert sink.is_done(pictures[0])
    with opened(path) as sink:
        assert sink.is_done(pictures[0])
        assert not sink.is_done(pictures[1])
        sink.keep(pictures[1], result_of(pictures[1]), result_of(pictures[1]))
    with opened(path, "another model") as sink:
        assert not sink.is_done(pictures[0])
        changed = TagResult(str(pictures[0]), 99, 99)
        sink.keep(pictures[0], changed, changed)
    last = {record.path: record.result.width for record in read_records(path)}
    assert last == {str(pictures[0]): 99, str(pictures[1]): 10}


@needs_parquet
def test_a_killed_run_goes_on_and_leaves_one_file(tmp_path: Path, pictures: list[Path]) -> None:
    path = tmp_path / "a.parquet"
    with rows(path) as sink:
        sink.keep(pictures[0], result_of(pictures[0]), result_of(pictures[0]))
    before = path.read_bytes()
    killed = rows(path)
    sink = killed.__enter__()
    sink.keep(pictures[1], result_of(pictures[1]), result_of(pictures[1]))
    killed._lines._stream.close()  # type: ignore[attr-defined]  # as the system does for a dead process
    assert path.read_bytes() == before
    with rows(path) as sink:
        assert sink.is_done(pictures[0])
        assert sink.is_done(pictures[1])
        sink.keep(pictures[2], result_of(pictures[2]), result_of(pictures[2]))
    assert [Path(record.path).name for record in read_records(path)] == ["0.png", "1.png", "2.png"]
    assert [left.name for left in tmp_path.glob("a.parquet*")] == ["a.parquet"]


@needs_parquet
def test_a_parquet_file_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"path": ["a"]}), path)
    before = path.read_bytes()
    with pytest.raises(OutputError, match=r"a\.parquet"):
        rows(path)
    (tmp_path / "b.parquet").write_bytes(b"PAR1")
    with pytest.raises(OutputError, match=r"b\.parquet"):
        rows(tmp_path / "b.parquet")
    assert path.read_bytes() == before
    with pytest.raises(OutputError, match="no such file"):
        list(read_records(tmp_path / "missing.parquet"))


def test_the_extra_is_named_where_it_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "booru_tagger.runner.parquet", raising=False)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtraError, match=r"booru-tagger\[cluster\]"):
        rows(tmp_path / "a.parquet")


def test_lines_of_before_and_failures_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    failed = TagResult("/b.png", error=PictureError("damaged", "/b.png: damaged"))
    old = [{**one.to_json(), "fingerprint": "f"} for one in (TagResult("/a.png", 1, 2), failed)]
    path.write_text("".join(f"{json.dumps(record)}\n" for record in old) + '{"path": "/c', "utf-8")
    found = list(read_records(path))
    assert [(record.path, record.stamp, record.raw) for record in found] == [
        ("/a.png", None, None),
        ("/b.png", None, None),
    ]
    assert found[1].result.error == failed.error


@both
def test_a_journal_knows_afterwards_what_was_found_unless_it_knew(
    tmp_path: Path, pictures: list[Path], name: str, opened: Open
) -> None:
    path, picture = tmp_path / name, pictures[0]
    with opened(path) as sink:
        sink.keep(picture, result_of(picture), result_of(picture))
    (record,) = read_records(path)
    with Journal.open(tmp_path / "journal.sqlite3") as journal:
        assert journal.adopt(picture, record.result, record.stamp, record.raw)
        assert journal.is_unchanged(picture)
        assert not journal.is_done(picture, "f"), "nothing was written for it yet"
        assert not journal.adopt(picture, record.result, record.stamp, record.raw)
        entry = journal.entry(picture)
        assert entry is not None
        assert entry.result == record.result
        if record.raw is not None:
            assert journal.raw(picture, "raw") == result_of(picture)
