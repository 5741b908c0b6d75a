"""Pictures that are asked about in order are read many at once, and nobody is told what is no longer so."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from sqlite3 import Connection

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from booru_tagger.files.stamps import Stamp
from booru_tagger.journal import known, ledger
from booru_tagger.journal.database import LOOK_SECONDS, Database
from booru_tagger.journal.known import KnownPictures
from tests.support.journaling import result_for

KEYS = [b"/art/%03d.png" % number for number in range(300)]


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(tmp_path / "journal.sqlite3")
    yield database
    database.close()


def put(database: Database, keys: list[bytes], fingerprint: str) -> None:
    result = result_for(Path("a"))

    def work(connection: Connection) -> None:
        ledger.put_pictures(
            connection, [ledger.Row(key, Stamp(1, 2), None, fingerprint, 0.0, result) for key in keys]
        )

    database.write(work)


def test_a_folder_takes_few_queries(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    put(database, KEYS, "f")
    monkeypatch.setattr("booru_tagger.journal.known.time.monotonic", lambda: 0.0)
    read, queries = database.read, list[object]()

    def counted(work: Callable[[Connection], object]) -> object:
        queries.append(work)
        return read(work)

    monkeypatch.setattr(database, "read", counted)
    ask = KnownPictures(database)
    assert [one.fingerprint for key in KEYS if (one := ask(key)) is not None] == ["f"] * len(KEYS)
    assert len(queries) <= 10
    queries.clear()
    assert all(ask(key) is not None for key in KEYS[::-40])
    assert len(queries) == len(KEYS[::-40])


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.tuples(st.integers(0, 11), st.sampled_from(["ask", "ask", "ask", "put"])), max_size=60))
def test_every_answer_is_the_journal_s(database: Database, steps: list[tuple[int, str]]) -> None:
    database.write(lambda connection: connection.execute("DELETE FROM pictures"))
    ask = KnownPictures(database)
    for number, (place, what) in enumerate(steps):
        if what == "put":
            put(database, [KEYS[place]], f"{number}")
        else:
            assert ask(KEYS[place]) == database.read(partial(known.known, picture=KEYS[place]))


def test_what_another_process_changes_is_seen(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(database, KEYS, "f")
    now = [100.0]
    monkeypatch.setattr("booru_tagger.journal.known.time.monotonic", lambda: now[0])
    ask = KnownPictures(database)
    for key in KEYS[:10]:
        ask(key)
    other = Database(tmp_path / "journal.sqlite3")
    put(other, KEYS, "g")
    other.close()
    now[0] += LOOK_SECONDS
    found = ask(KEYS[10])
    assert found is not None and found.fingerprint == "g"
