"""Pictures that were moved or copied together with their sidecars bring their history along."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Mapping
from typing import NamedTuple

from booru_tagger.files.stamps import Stamp, sha256_of
from booru_tagger.journal import index
from booru_tagger.journal.database import Database
from booru_tagger.journal.ledger import UNTAGGED
from booru_tagger.journal.paths import path_of


class _Mark(NamedTuple):
    """A mark of the picture as it was known, and where its target is to be found now."""

    target: int
    old: bytes
    new: bytes
    left_sha256: str
    latest: bool


def inherit(database: Database, picture: bytes, stamp: Stamp) -> bool:
    """Give an unknown picture the history of the one that it was moved or copied from; whether there is one.

    That is a picture of the same name, size, time and content. Its targets are looked for in the same places
    relative to it. A target counts as ours where it is as we left it, or where the one that it was is gone.
    What we know of the old place stays: a drive may come back.
    """
    candidates = database.read(lambda connection: _candidates(connection, picture, stamp))
    content = sha256_of(path_of(picture)) if candidates else None
    for number, old, sha256 in candidates:
        if sha256 == content:
            marks = database.read(lambda connection: _marks(connection, number, old, picture))  # noqa: B023
            brought = [mark for mark in marks if _is_ours(mark)]
            done = all(mark in brought for mark in marks if mark.latest)
            database.write(lambda connection: _copy(connection, number, picture, brought, done))  # noqa: B023
            return True
    return False


def carry_over(database: Database, old: bytes, new: bytes, targets: Mapping[bytes, bytes]) -> None:
    """Give the picture ``new`` the history of ``old``, which was moved there with some of its ``targets``.

    These are new keys by old ones. Where others of its targets stayed behind, it counts as not done.
    """

    def work(connection: sqlite3.Connection) -> None:
        row = connection.execute("SELECT id FROM pictures WHERE path = ?", (old,)).fetchone()
        if row is None:
            return
        places = {old: new, **targets}
        rows = connection.execute(
            "SELECT target, path, left_sha256, latest FROM marks JOIN targets ON targets.id = target"
            " WHERE picture = ?",
            row,
        ).fetchall()
        marks = [
            _Mark(target, path, places.get(path) or _beside(path, old, new), left, bool(latest))
            for target, path, left, latest in rows
        ]
        brought = [mark for mark in marks if mark.old in places or (not mark.left_sha256 and _is_ours(mark))]
        done = sum(latest for *_, latest in rows) == sum(mark.latest for mark in brought)
        _copy(connection, row[0], new, brought, done)

    database.write(work)


def _candidates(connection: sqlite3.Connection, picture: bytes, stamp: Stamp) -> list[tuple[int, bytes, str]]:
    rows = connection.execute(
        "SELECT id, path, sha256 FROM pictures WHERE mtime_ns = ? AND size = ? AND sha256 IS NOT NULL"
        " ORDER BY tagged_at DESC",
        (stamp.mtime_ns, stamp.size),
    )
    return [row for row in rows if os.path.basename(row[1]) == os.path.basename(picture)]  # noqa: PTH119 - bytes


def _marks(connection: sqlite3.Connection, number: int, old: bytes, new: bytes) -> list[_Mark]:
    rows = connection.execute(
        "SELECT target, path, left_sha256, latest FROM marks JOIN targets ON targets.id = target"
        " WHERE picture = ?",
        (number,),
    )
    found = []
    for target, path, left, latest in rows:
        place = _beside(path, old, new)
        known = connection.execute("SELECT left_sha256 FROM targets WHERE path = ?", (place,)).fetchone()
        found.append(_Mark(target, path, place, known[0] if known is not None else left, bool(latest)))
    return found


def _is_ours(mark: _Mark) -> bool:
    if not mark.left_sha256:  # there was no file, and there shall be none
        return not os.path.lexists(mark.new)
    if not os.path.lexists(mark.new) or mark.new == mark.old:
        return False
    return not os.path.lexists(mark.old) or sha256_of(path_of(mark.new)) == mark.left_sha256


def _copy(
    connection: sqlite3.Connection, number: int, picture: bytes, marks: list[_Mark], done: bool
) -> None:
    connection.execute(
        "INSERT OR IGNORE INTO pictures"
        " (path, size, mtime_ns, sha256, fingerprint, tagged_at, result, raw, raw_fingerprint)"
        " SELECT ?, size, mtime_ns, sha256, CASE WHEN ? THEN fingerprint ELSE ? END, tagged_at, result,"
        " raw, raw_fingerprint FROM pictures WHERE id = ?",
        (picture, done, UNTAGGED, number),
    )
    (copied,) = connection.execute("SELECT id FROM pictures WHERE path = ?", (picture,)).fetchone()
    index.copy(connection, number, copied)
    connection.execute(
        "INSERT OR IGNORE INTO reviews (picture, uncertain, verdicts, changed_at)"
        " SELECT ?, uncertain, verdicts, changed_at FROM reviews"
        " WHERE picture = (SELECT path FROM pictures WHERE id = ?)",
        (picture, number),
    )
    for mark in marks:
        connection.execute(
            "INSERT OR IGNORE INTO targets (path, left_sha256, original, bytes)"
            " SELECT ?, left_sha256, original, bytes FROM targets WHERE id = ?",
            (mark.new, mark.target),
        )
        connection.execute(
            "INSERT OR IGNORE INTO marks (picture, target, writer, owned, deleted, latest, written_at)"
            " SELECT (SELECT id FROM pictures WHERE path = ?), (SELECT id FROM targets WHERE path = ?),"
            " writer, owned, deleted, latest, written_at FROM marks WHERE picture = ? AND target = ?",
            (picture, mark.new, number, mark.target),
        )


def _beside(target: bytes, old: bytes, new: bytes) -> bytes:
    """Where ``target`` stands as seen from ``new``, as it stood seen from ``old``."""
    if target == old:
        return new
    relative = os.path.relpath(target, os.path.dirname(old))  # noqa: PTH120 - bytes
    return os.path.normpath(os.path.join(os.path.dirname(new), relative))  # noqa: PTH118, PTH120 - bytes
