"""Caches in SQLite: files that may be deleted at any time, since what is in them can be made again."""

from __future__ import annotations

import sqlite3
from pathlib import Path

MAX_BYTES = 1 << 30


def open_cache(path: Path, table: str, columns: str) -> sqlite3.Connection:
    """The file of a cache with one table, to be shared between threads under a lock.

    ``columns`` are the table's in SQL, without ``key`` and ``day``, by which the older half goes where the
    file has more than ``MAX_BYTES``. It is begun anew where the file is something else, and in memory where
    none can be made.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            return _prepared(path, table, columns)
        except sqlite3.DatabaseError:
            path.unlink()
            return _prepared(path, table, columns)
    except (OSError, sqlite3.Error):
        return _prepared(None, table, columns)


def _prepared(path: Path | None, table: str, columns: str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        path or ":memory:", isolation_level=None, check_same_thread=False, timeout=10.0
    )
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = OFF")  # it is only a cache
        connection.execute(
            f"CREATE TABLE IF NOT EXISTS {table} (key BLOB PRIMARY KEY, {columns}, day INTEGER NOT NULL)"
        )
        _make_room(connection, table)
    except BaseException:
        connection.close()
        raise
    return connection


def _make_room(connection: sqlite3.Connection, table: str) -> None:
    """Drop the older half where the cache has grown too large."""
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    (size,) = connection.execute("PRAGMA page_size").fetchone()
    if pages * size > MAX_BYTES:
        (count,) = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
        connection.execute(
            f"DELETE FROM {table} WHERE key IN (SELECT key FROM {table} ORDER BY day LIMIT ?)", (count // 2,)
        )
        connection.execute("VACUUM")
