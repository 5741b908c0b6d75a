"""The journal's questions and answers."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Collection, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from booru_tagger.journal.places import key
from booru_tagger.journal.values import Ownership, Plan, Report
from booru_tagger.types import TagResult

_SCHEMA = """
CREATE TABLE IF NOT EXISTS pictures (
    path BLOB PRIMARY KEY, size INTEGER, mtime_ns INTEGER, fingerprint TEXT, tagged_at REAL, result TEXT
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS marks (
    target BLOB, picture BLOB, writer TEXT, owned TEXT, deleted TEXT, PRIMARY KEY (target, picture)
) WITHOUT ROWID;
"""


class Journal:
    """An open journal; a context manager that closes it."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.warnings: tuple[str, ...] = ()

    @classmethod
    def open(cls, path: Path) -> Journal:
        """Open the journal at ``path``, making it and its folder where they are missing."""
        path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(path, timeout=30, isolation_level=None)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.executescript(_SCHEMA)
        return cls(connection)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._connection.close()

    def is_done(self, picture: Path, fingerprint: str) -> bool:
        """Whether this very file was tagged under ``fingerprint`` and all that was written still stands."""
        try:
            status = picture.stat()
        except OSError:
            return False
        row = self._connection.execute(
            "SELECT size, mtime_ns, fingerprint FROM pictures WHERE path = ?", (key(picture),)
        ).fetchone()
        return row == (status.st_size, status.st_mtime_ns, fingerprint)

    def begin(self, picture: Path, fingerprint: str, plans: Sequence[Plan]) -> None:
        """Say what is about to be written, before it is."""

    def ownership(self, target: Path, picture: Path | None = None) -> Ownership:
        """Which tags of ``target`` are ours."""
        rows = self._connection.execute("SELECT owned, deleted FROM marks WHERE target = ?", (key(target),))
        owned: set[str] = set()
        deleted: set[str] = set()
        for row in rows:
            owned.update(json.loads(row[0]))
            deleted.update(json.loads(row[1]))
        return Ownership(frozenset(owned), frozenset(deleted))

    def record(
        self, picture: Path, fingerprint: str, result: TagResult, written: Sequence[tuple[str, Report]]
    ) -> None:
        """Remember what was found in ``picture`` and what each writer wrote."""
        status, name = picture.stat(), key(picture)
        self._connection.execute("BEGIN IMMEDIATE")
        self._connection.execute(
            "INSERT OR REPLACE INTO pictures VALUES (?, ?, ?, ?, ?, ?)",
            (
                name,
                status.st_size,
                status.st_mtime_ns,
                fingerprint,
                time.time(),
                json.dumps(result.to_json()),
            ),
        )
        self._connection.executemany(
            "INSERT OR REPLACE INTO marks VALUES (?, ?, ?, ?, ?)",
            [
                (key(report.target), name, writer, _packed(report.owned), _packed(report.deleted))
                for writer, report in written
            ],
        )
        self._connection.execute("COMMIT")


def _packed(tags: Collection[str]) -> str:
    return json.dumps(sorted(tags))
