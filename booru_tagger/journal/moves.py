"""Pictures that were moved together with their sidecars keep their history."""

from __future__ import annotations

import os
import sqlite3

from booru_tagger.journal.database import Database
from booru_tagger.journal.places import Stamp, path_of, sha256_of


def adopt(database: Database, picture: bytes, stamp: Stamp) -> bool:
    """Give an unknown picture the history of the one that it was; whether there is such a one.

    That is a picture of the same name, size, time and content which is gone from where it was. Targets that
    moved along, keeping their place relative to it, are known by their new paths from then on.
    """
    candidates = database.read(lambda connection: _candidates(connection, picture, stamp))
    if not candidates:
        return False
    content = sha256_of(path_of(picture))
    for number, old, sha256 in candidates:
        if sha256 == content and not os.path.lexists(old):
            database.write(lambda connection: _move(connection, number, old, picture))  # noqa: B023 - called here
            return True
    return False


def _candidates(connection: sqlite3.Connection, picture: bytes, stamp: Stamp) -> list[tuple[int, bytes, str]]:
    rows = connection.execute(
        "SELECT id, path, sha256 FROM pictures WHERE mtime_ns = ? AND size = ? AND sha256 IS NOT NULL",
        (stamp.mtime_ns, stamp.size),
    )
    return [row for row in rows if os.path.basename(row[1]) == os.path.basename(picture)]  # noqa: PTH119 - bytes


def _move(connection: sqlite3.Connection, number: int, old: bytes, new: bytes) -> None:
    connection.execute("UPDATE OR IGNORE pictures SET path = ? WHERE id = ?", (new, number))
    connection.execute("UPDATE OR IGNORE intents SET picture = ? WHERE picture = ?", (new, old))
    targets = connection.execute(
        "SELECT targets.id, path FROM marks JOIN targets ON targets.id = target WHERE picture = ?", (number,)
    ).fetchall()
    for target, path in targets:
        moved = _beside(path, old, new)
        if os.path.lexists(moved) and not os.path.lexists(path):
            connection.execute("UPDATE OR IGNORE targets SET path = ? WHERE id = ?", (moved, target))
            connection.execute("UPDATE OR IGNORE intents SET target = ? WHERE target = ?", (moved, path))


def _beside(target: bytes, old: bytes, new: bytes) -> bytes:
    """Where ``target`` stands as seen from ``new``, as it stood seen from ``old``."""
    relative = os.path.relpath(target, os.path.dirname(old))  # noqa: PTH120 - bytes
    return os.path.normpath(os.path.join(os.path.dirname(new), relative))  # noqa: PTH118, PTH120 - bytes
