"""What becomes of tags when the journal is lost, damaged or full, and when two runs meet."""

from __future__ import annotations

import os
import sqlite3
from functools import partial
from pathlib import Path

import pytest

from booru_tagger.errors import OutputError
from tests.support.bundles import Painted, paint
from tests.support.command import Home, make_home, snapshot
from tests.support.here import Here

WRITERS = [option for name in ("txt", "json", "jsonl", "xmp") for option in ("--writer", name)]


def fill(folder: Path, count: int) -> None:
    for number in range(count):
        picture = folder / f"{number % 2}" / f"{number:02}.png"
        picture.parent.mkdir(parents=True, exist_ok=True)
        paint([Painted(20, 20, 60 + number)]).save(picture)
    (folder / "0" / "00.png.txt").write_bytes(b"mine, my own")


@pytest.fixture
def home(
    tmp_path: Path, tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Here:
    work = tmp_path / "work"
    fill(work / "art", 4)
    return Here(work, tiny_bundle, monkeypatch, capsys)


def tag(home: Here, folder: str = "art") -> str:
    ended = home.run("tag", "--batch", folder, "--format", "none", *WRITERS)
    assert ended.code == 0, ended.err
    return ended.err


def lose(journal: Path) -> None:
    for path in journal.parent.iterdir():
        path.unlink()


def overwrite(journal: Path) -> None:
    journal.write_bytes(os.urandom(journal.stat().st_size))


def cut(journal: Path) -> None:
    journal.write_bytes(journal.read_bytes()[: journal.stat().st_size // 2])


@pytest.mark.parametrize("harm", [lose, overwrite, cut])
def test_a_harmed_journal_costs_time_and_never_tags(home: Here, harm: object) -> None:
    tag(home)
    before = snapshot(home.work)
    assert callable(harm)
    harm(home.journal)
    message = tag(home)
    assert "0 files written" in message
    assert snapshot(home.work) == before
    assert "4 unchanged" in tag(home)
    if harm is overwrite:
        assert "set aside as journal.sqlite3.damaged-1" in message


def test_a_renamed_folder_is_known_again(home: Here) -> None:
    tag(home)
    (home.work / "art").rename(home.work / "renamed")
    before = snapshot(home.work)
    assert "4 unchanged" in tag(home, "renamed")
    assert snapshot(home.work) == before
    assert home.run("untag", "--batch", "renamed").code == 0
    assert {path.suffix for path in (home.work / "renamed" / "1").iterdir()} == {".png"}


class FullDisk(sqlite3.Connection):
    """Takes no more rows."""

    def executemany(self, sql: str, *args: object) -> sqlite3.Cursor:
        if sql.startswith(("INSERT INTO pictures", "INSERT OR REPLACE INTO intents")):
            error = sqlite3.OperationalError("database or disk is full")
            error.sqlite_errorcode = sqlite3.SQLITE_FULL
            raise error
        return super().executemany(sql, *args)  # type: ignore[arg-type]


def test_where_the_journal_has_no_space_nothing_is_written(
    home: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    tag(home)
    paint([Painted(20, 20, 90)]).save(home.work / "art" / "0" / "new.png")
    before = snapshot(home.work)
    with monkeypatch.context() as patch:
        connect = partial(sqlite3.connect, factory=FullDisk)
        patch.setattr("booru_tagger.journal.database.sqlite3.connect", connect)
        ended = home.run("tag", "--batch", "art", "--format", "none", *WRITERS)
    assert ended.code == OutputError.exit_code
    assert "free some space" in ended.err and "Traceback" not in ended.err
    assert snapshot(home.work) == before
    assert "1 picture tagged" in tag(home)
    assert home.run("untag", "--batch").code == 0
    assert (home.work / "art" / "0" / "00.png.txt").read_bytes() == b"mine, my own"


def test_two_runs_at_once_do_what_one_does(tmp_path: Path, tiny_bundle: Path) -> None:
    homes = [make_home(tmp_path / name, BOORU_TAGGER_MODEL=str(tiny_bundle)) for name in ("one", "two")]
    for home in homes:
        fill(home.work, 12)
    original = {path: data for path, (data, _) in snapshot(homes[0].work).items()}
    args = ["tag", "--batch", "--format", "none", *WRITERS]
    pair = [homes[0].start(*args), homes[0].start(*args)]
    assert [process.wait(300) for process in pair] == [0, 0]
    assert homes[1].run(*args).code == 0
    together, alone = (content(home) for home in homes)
    lists = [name for name in alone if name.endswith(".jsonl")]
    assert together.keys() == alone.keys() and len(lists) == 2
    for name, data in alone.items():
        if name in lists:  # who comes first is chance
            assert sorted(together[name].splitlines()) == sorted(data.splitlines())
        else:
            assert together[name] == data, name
    assert homes[0].run("untag", "--batch", "--format", "none").code == 0
    assert {path: data for path, (data, _) in snapshot(homes[0].work).items()} == original


def content(home: Home) -> dict[str, bytes]:
    return {os.path.relpath(path, home.work): data for path, (data, _) in snapshot(home.work).items()}


def test_a_journal_of_a_newer_version_ends_the_run(home: Here) -> None:
    tag(home)
    with sqlite3.connect(home.journal) as connection:
        connection.execute("PRAGMA user_version = 999")
    connection.close()
    ended = home.run("tag", "--batch", "art")
    assert ended.code == 5 and "newer version" in ended.err
    assert ended.code != OutputError.exit_code
