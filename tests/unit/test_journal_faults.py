"""What the journal survives: kills, damage, a full disk, other versions and other processes."""

from __future__ import annotations

import multiprocessing
import os
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from booru_tagger.errors import ConfigError, OutputError
from booru_tagger.journal import Journal, Ownership, claims, intents, pushes
from booru_tagger.journal.pushes import Pushed
from booru_tagger.journal.schema import VERSION
from tests.support.command import TIMEOUT
from tests.support.journaling import account, result_for, tag


class TestKilled:
    """Between the announcement of a change and its record."""

    def announce(self, journal: Journal, picture: Path, after: bytes = b"mine, blue_hair\n") -> Path:
        target = picture.with_name("a.txt")
        target.write_bytes(b"mine\n")
        assert not journal.is_done(picture, "f")
        with journal.turn(picture, [target]):
            journal.announce(picture, "txt", account(target, b"mine\n", after, {"blue_hair"}))
        return target

    def test_after_the_swap_the_tags_are_ours(self, place: Path, picture: Path) -> None:
        with Journal.open(place) as journal:
            target = self.announce(journal, picture)
            target.write_bytes(b"mine, blue_hair\n")
        with Journal.open(place) as journal:
            assert not journal.is_done(picture, "f")
            with journal.turn(picture, [target]):
                assert journal.ownership(target, picture).owned == {"blue_hair"}
            entry = journal.entry(picture)
        assert entry is not None
        assert entry.marks[0].content == b"mine\n", "and the old bytes are still known"

    def test_before_the_swap_nothing_is(self, place: Path, picture: Path) -> None:
        with Journal.open(place) as journal:
            target = self.announce(journal, picture)
        with Journal.open(place) as journal, journal.turn(picture, [target]):
            assert journal.ownership(target, picture) == Ownership()

    def test_a_person_who_edited_it_since_keeps_all_that_stands_there(
        self, place: Path, picture: Path
    ) -> None:
        with Journal.open(place) as journal:
            target = self.announce(journal, picture)
            target.write_bytes(b"mine, blue_hair, typed by hand\n")
        with Journal.open(place) as journal, journal.turn(picture, [target]):
            assert journal.ownership(target, picture) == Ownership()

    def test_an_earlier_record_does_not_count_as_done_then(self, place: Path, picture: Path) -> None:
        with Journal.open(place) as journal:
            target = tag(journal, picture)
            journal.announce(picture, "txt", account(target, b"blue_hair\n", b"red_hair\n", {"red_hair"}))
        with Journal.open(place) as journal:
            assert not journal.is_done(picture, "f")

    def test_a_shared_list_is_settled_before_another_picture_changes_it(
        self, place: Path, picture: Path
    ) -> None:
        target, other = picture.with_name("metadata.jsonl"), picture.with_name("b.png")
        with Journal.open(place) as journal:
            report = account(target, None, b"1\n", {"blue_hair"}, restorable=False)
            journal.announce(picture, "jsonl", report)
            target.write_bytes(b"1\n")
        with Journal.open(place) as journal:
            with journal.turn(other, [target]):
                target.write_bytes(b"1\n2\n")
            assert journal.ownership(target, picture).owned == {"blue_hair"}

    def test_a_record_leaves_nothing_to_settle(self, journal: Journal, picture: Path) -> None:
        target = self.announce(journal, picture)
        target.write_bytes(b"mine, blue_hair\n")
        report = account(target, b"mine\n", b"mine, blue_hair\n", {"blue_hair"})
        journal.record(picture, "f", result_for(picture), [("txt", report)])
        assert journal.is_done(picture, "f")


class TestPowerCut:
    """What was announced is on the disk before what it announces: a power cut takes the last entries of the
    journal and may leave the files."""

    @pytest.fixture
    def levels(self, monkeypatch: pytest.MonkeyPatch) -> list[int]:
        """How far SQLite flushes at the end of each announcement: from 2 on, to the disk."""
        found: list[int] = []

        def noting(real: Any) -> Any:
            def put(connection: sqlite3.Connection, *rest: Any) -> None:
                found.extend(connection.execute("PRAGMA synchronous").fetchone())
                real(connection, *rest)

            return put

        monkeypatch.setattr(intents, "put", noting(intents.put))
        monkeypatch.setattr(pushes, "_write", noting(pushes._write))
        return found

    def test_a_removal_is_announced_on_the_disk(
        self, journal: Journal, picture: Path, levels: list[int]
    ) -> None:
        target = tag(journal, picture)
        levels.clear()
        journal.announce_removal(picture, target, "txt", frozenset(), None)
        assert levels == [2]

    def test_a_push_is_announced_on_the_disk(self, journal: Journal, levels: list[int]) -> None:
        journal.pushes("p").announce("1", ["x"])
        journal.pushes("p").record("1", Pushed("f"))
        assert levels == [2, 1], "what was recorded alone may be lost: it is announced still"

    def test_a_change_is_announced_on_the_disk(
        self, journal: Journal, picture: Path, levels: list[int]
    ) -> None:
        target = picture.with_name("a.txt")
        with journal.turn(picture, [target]):
            journal.announce(picture, "txt", account(target, None, b"blue_hair\n", {"blue_hair"}))
        assert levels == [2]


class TestDamage:
    def test_noise_is_set_aside(self, place: Path, picture: Path) -> None:
        place.parent.mkdir()
        place.write_bytes(os.urandom(5000))
        with Journal.open(place) as journal:
            assert "set aside as journal.sqlite3.damaged-1" in journal.warnings[0]
            tag(journal, picture)
            assert journal.is_done(picture, "f")
        assert place.with_name("journal.sqlite3.damaged-1").stat().st_size == 5000

    def test_each_damaged_one_is_kept(self, place: Path) -> None:
        place.parent.mkdir()
        for number in (1, 2):
            place.write_bytes(b"noise" * number * 1000)
            Journal.open(place).close()
        assert place.with_name("journal.sqlite3.damaged-2").stat().st_size == 10_000
        assert place.with_name("journal.sqlite3.damaged-1").stat().st_size == 5_000

    @pytest.mark.parametrize("keep", [0, 100, 4096, 6000])
    def test_a_cut_one(self, place: Path, picture: Path, keep: int) -> None:
        with Journal.open(place) as journal:
            tag(journal, picture)
        place.write_bytes(place.read_bytes()[:keep])
        with Journal.open(place) as journal:
            assert not journal.is_done(picture, "f")
            tag(journal, picture)
            assert journal.is_done(picture, "f")

    def test_noise_in_the_middle_is_noticed_when_it_is_met(self, place: Path, picture: Path) -> None:
        with Journal.open(place) as journal:
            tag(journal, picture)
        data = bytearray(place.read_bytes())
        data[4096:] = os.urandom(len(data) - 4096)
        place.write_bytes(data)
        with Journal.open(place) as journal:
            assert not journal.is_done(picture, "f")
            assert "set aside" in journal.warnings[0]
            tag(journal, picture)
            assert journal.is_done(picture, "f")

    def test_rows_that_do_not_read_are_damage(self, place: Path, picture: Path) -> None:
        with Journal.open(place) as journal:
            target = tag(journal, picture)
        with sqlite3.connect(place) as connection:
            connection.execute("UPDATE marks SET owned = CAST('[\"blue' AS BLOB)")
        connection.close()
        with Journal.open(place) as journal:
            assert journal.ownership(target, picture) == Ownership()
            assert "set aside" in journal.warnings[0]

    def test_removed_while_in_use(self, journal: Journal, place: Path, picture: Path) -> None:
        tag(journal, picture)
        place.unlink()
        other = picture.with_name("b.png")
        other.write_bytes(b"other")
        tag(journal, other)
        assert "removed or replaced" in journal.warnings[0]
        assert not journal.is_done(picture, "f")
        tag(journal, picture)
        with Journal.open(place) as again:
            assert again.is_done(picture, "f")

    def test_overwritten_while_in_use(self, place: Path, picture: Path) -> None:
        with Journal.open(place) as journal:
            tag(journal, picture)
            size = place.stat().st_size
            with place.open("r+b") as handle:
                handle.write(os.urandom(size))
            target = tag(journal, picture, "g")
        with Journal.open(place) as journal:
            journal.is_done(picture, "g")
            tag(journal, picture, "g")
            assert journal.is_done(picture, "g")
        assert target.read_bytes() == b"blue_hair\n"

    def test_two_processes_find_it_damaged_and_one_sets_it_aside(self, place: Path, picture: Path) -> None:
        with Journal.open(place) as first, Journal.open(place) as second:
            tag(first, picture)
            with sqlite3.connect(place) as connection:
                connection.execute("UPDATE marks SET owned = CAST('noise' AS BLOB)")
            connection.close()
            assert first.ownership(picture.with_name("a.png.txt"), picture) == Ownership()
            tag(first, picture)
            assert second.is_done(picture, "f")
        assert len(list(place.parent.glob("*.damaged-*"))) <= 3  # the file, and its log and index
        assert not place.with_name("journal.sqlite3.damaged-2").exists()

    def test_where_none_can_be_kept_one_in_memory_serves(self, tmp_path: Path, picture: Path) -> None:
        (tmp_path / "file").write_text("no folder")
        with Journal.open(tmp_path / "file" / "journal.sqlite3") as journal:
            assert "no journal can be kept" in journal.warnings[0]
            target = tag(journal, picture)
            assert journal.is_done(picture, "f")
            assert journal.ownership(target, picture).owned == {"blue_hair"}

    @pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
    def test_one_that_cannot_be_written(self, place: Path, picture: Path) -> None:
        Journal.open(place).close()
        place.chmod(0o400)
        with Journal.open(place) as journal:
            tag(journal, picture)
            assert "set aside" in journal.warnings[0]

    def test_a_full_disk_is_an_error_and_loses_nothing(
        self, place: Path, picture: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with Journal.open(place) as journal:
            target = tag(journal, picture)
        connect = sqlite3.connect

        def connect_to_full_disk(*args: object, **options: object) -> sqlite3.Connection:
            connection = connect(*args, **options)  # type: ignore[call-overload]
            connection.execute("PRAGMA max_page_count = 1")
            return connection  # type: ignore[no-any-return]

        monkeypatch.setattr("booru_tagger.journal.database.sqlite3.connect", connect_to_full_disk)
        with Journal.open(place) as journal:
            report = account(
                target, b"blue_hair\n", b"x" * 100_000, {f"tag_{n}_{'x' * 80}" for n in range(999)}
            )
            with pytest.raises(OutputError, match=r"free some space"):
                journal.announce(picture, "txt", report)
            assert journal.ownership(target, picture).owned == {"blue_hair"}
            assert journal.is_done(picture, "f")

    def test_a_newer_versions_journal_is_left_alone(self, place: Path) -> None:
        Journal.open(place).close()
        with sqlite3.connect(place) as connection:
            connection.execute(f"PRAGMA user_version = {VERSION + 1}")
        connection.close()
        before = place.read_bytes()
        with pytest.raises(ConfigError, match=r"newer version"):
            Journal.open(place)
        assert place.read_bytes() == before

    def test_another_programs_database_is_left_alone(self, tmp_path: Path) -> None:
        place = tmp_path / "photos.db"
        with sqlite3.connect(place) as connection:
            connection.execute("CREATE TABLE photos (name TEXT)")
        connection.close()
        before = place.read_bytes()
        with pytest.raises(ConfigError, match=r"another program"):
            Journal.open(place)
        assert place.read_bytes() == before

    def test_a_folder_is_no_journal(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match=r"is a folder"):
            Journal.open(tmp_path)


def _tag_all(place: Path, pictures: list[Path], seed: int) -> None:
    """In a process of its own: tag the pictures into one shared list, each adding its line."""
    with Journal.open(place) as journal:
        for picture in pictures[seed:] + pictures[:seed]:
            target = picture.with_name("list.txt")
            with journal.turn(picture, [target]):
                mine = journal.ownership(target, picture).owned
                lines = target.read_text().splitlines() if target.exists() else []
                assert (picture.name in lines) == (picture.name in mine)
                if picture.name not in lines:
                    lines.append(picture.name)
                text = "\n".join([*lines, ""]).encode()
                report = account(target, None, text, {picture.name}, restorable=False)
                journal.announce(picture, "list", report)
                target.write_bytes(text)
                journal.record(picture, "f", result_for(picture), [("list", report)])


class TestTwoProcesses:
    def test_take_turns_at_shared_files(self, place: Path, tmp_path: Path) -> None:
        pictures = [tmp_path / f"{number}.png" for number in range(12)]
        for picture in pictures:
            picture.write_bytes(b"x")
        context = multiprocessing.get_context("spawn")
        processes = [context.Process(target=_tag_all, args=(place, pictures, seed)) for seed in (0, 5, 9)]
        for process in processes:
            process.start()
        for process in processes:
            process.join(TIMEOUT)
        assert [process.exitcode for process in processes] == [0, 0, 0]
        lines = (tmp_path / "list.txt").read_text().splitlines()
        assert sorted(lines) == sorted(picture.name for picture in pictures)
        with Journal.open(place) as journal:
            assert all(journal.is_done(picture, "f") for picture in pictures)

    def test_the_second_waits_until_the_first_is_through(
        self, place: Path, picture: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        order: list[str] = []
        waits, sleep = threading.Event(), time.sleep

        def pause(seconds: float) -> None:
            waits.set()
            sleep(seconds)

        monkeypatch.setattr("booru_tagger.journal.claims.time.sleep", pause)

        def second() -> None:
            with Journal.open(place) as journal, journal.turn(picture, []):
                order.append("second")

        with Journal.open(place) as journal:
            with journal.turn(picture, []):
                thread = threading.Thread(target=second)
                thread.start()
                assert waits.wait(TIMEOUT)
                order.append("first")
            thread.join(TIMEOUT)
        assert order == ["first", "second"]

    @pytest.mark.skipif(os.name == "nt", reason="a dead process is told by its age there")
    def test_the_claim_of_a_killed_process_is_void(
        self, place: Path, picture: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        script = (
            "import os, sys; from pathlib import Path; from booru_tagger.journal import Journal\n"
            "journal = Journal.open(Path(sys.argv[1]))\n"
            "with journal.turn(Path(sys.argv[2]), []): os.kill(os.getpid(), 9)\n"
        )
        subprocess.run([sys.executable, "-c", script, place, picture], check=False)
        monkeypatch.setattr(
            "booru_tagger.journal.claims.time.sleep", lambda _: pytest.fail("it is waited for")
        )
        with Journal.open(place) as journal, journal.turn(picture, []):
            pass

    def test_a_claim_does_not_last_for_ever(
        self, place: Path, picture: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(claims, "CLAIM_SECONDS", 0.05)
        hanging = Journal.open(place)
        with hanging, hanging.turn(picture, []), Journal.open(place) as journal, journal.turn(picture, []):
            pass
