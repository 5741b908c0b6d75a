"""Journals as version 0.1 made them: tables of version 3, which hold of a result only what was written."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

_APPLICATION_ID = 0x62746A31
_TABLES = """
CREATE TABLE pictures (
    id INTEGER PRIMARY KEY, path BLOB NOT NULL UNIQUE, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
    sha256 TEXT, fingerprint TEXT NOT NULL, tagged_at REAL NOT NULL, result BLOB
);
CREATE INDEX pictures_by_stamp ON pictures (mtime_ns, size);
CREATE TABLE targets (
    id INTEGER PRIMARY KEY, path BLOB NOT NULL UNIQUE, left_sha256 TEXT NOT NULL, original INTEGER NOT NULL,
    bytes BLOB
);
CREATE TABLE marks (
    picture INTEGER NOT NULL REFERENCES pictures (id), target INTEGER NOT NULL REFERENCES targets (id),
    writer TEXT NOT NULL, owned BLOB NOT NULL, deleted BLOB NOT NULL, latest INTEGER NOT NULL,
    written_at REAL NOT NULL, PRIMARY KEY (picture, target)
) WITHOUT ROWID;
CREATE INDEX marks_by_target ON marks (target);
CREATE TABLE intents (
    picture BLOB NOT NULL, target BLOB NOT NULL, writer TEXT NOT NULL, owned BLOB NOT NULL,
    deleted BLOB NOT NULL, before_sha256 TEXT NOT NULL, after_sha256 TEXT, original INTEGER NOT NULL,
    bytes BLOB, begun_at REAL NOT NULL, PRIMARY KEY (picture, target)
) WITHOUT ROWID;
CREATE INDEX intents_by_target ON intents (target);
CREATE TABLE claims (path BLOB PRIMARY KEY, holder TEXT NOT NULL, since REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE pushes (
    place TEXT NOT NULL, item TEXT NOT NULL, fingerprint TEXT NOT NULL, owned BLOB NOT NULL,
    deleted BLOB NOT NULL, pending BLOB NOT NULL, pushed_at REAL NOT NULL, PRIMARY KEY (place, item)
) WITHOUT ROWID;
CREATE TABLE reviews (
    picture BLOB PRIMARY KEY, uncertain INTEGER NOT NULL, verdicts BLOB NOT NULL, changed_at REAL NOT NULL
) WITHOUT ROWID;
CREATE INDEX reviews_waiting ON reviews (changed_at) WHERE uncertain > 0;
"""


def make_old(path: Path) -> None:
    """An empty journal of that version."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.executescript(_TABLES)
        connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
        connection.execute("PRAGMA user_version = 3")


def age(path: Path) -> None:
    """Replace a closed journal by what that version would have made of the same runs."""
    new = path.with_name(f"{path.name}.new")
    path.rename(new)
    make_old(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("ATTACH ? AS new", (str(new),))
        for table in ("pictures", "targets", "marks", "intents", "pushes", "reviews"):
            columns = ", ".join(row[1] for row in connection.execute(f"PRAGMA main.table_info({table})"))
            connection.execute(f"INSERT INTO main.{table} SELECT {columns} FROM new.{table}")
    new.unlink()
