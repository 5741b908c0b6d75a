"""Pictures that were moved or copied together with their sidecars bring their history along."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Collection, Mapping
from typing import NamedTuple

from booru_tagger.files.stamps import Stamp, sha256_of
from booru_tagger.journal import index
from booru_tagger.journal.database import Database
from booru_tagger.journal.ledger import UNTAGGED
from booru_tagger.journal.paths import SEPARATOR, path_of


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


def follow(database: Database, places: Mapping[bytes, bytes], others: Collection[bytes] = ()) -> None:
    """Know files that this program has moved, pictures or their targets, by their new keys: by the old ones.

    What was known of a new key was about a file that is gone, and is forgotten. ``others`` come along later,
    or are there. A picture counts as not done where it leaves a target behind.
    """

    def work(connection: sqlite3.Connection) -> None:
        moved = [new for old, new in places.items() if _rename_picture(connection, old, new)]
        absent = [place for old, new in places.items() for place in _absent(connection, old, new)]
        for old, new in (*places.items(), *absent):
            _rename_target(connection, old, new)
            for column in ("picture", "target"):
                connection.execute(
                    f"UPDATE OR REPLACE intents SET {column} = ? WHERE {column} = ?", (new, old)
                )
        for picture in moved:
            if _leaves_behind(connection, picture, others):
                query = "UPDATE pictures SET fingerprint = ? WHERE path = ?"
                connection.execute(query, (UNTAGGED, picture))

    database.write(work)


def _rename_picture(connection: sqlite3.Connection, old: bytes, new: bytes) -> bool:
    """Whether there was such a picture."""
    number, stale = (
        connection.execute("SELECT id FROM pictures WHERE path = ?", (key,)).fetchone() for key in (old, new)
    )
    said = connection.execute("SELECT 1 FROM reviews WHERE picture = ?", (old,)).fetchone()
    if number is None and said is None:
        return False
    connection.execute("DELETE FROM reviews WHERE picture = ?", (new,))
    connection.execute("UPDATE reviews SET picture = ? WHERE picture = ?", (new, old))
    if number is None:
        return False
    if stale is not None:
        index.drop(connection, stale[0])
        connection.execute(
            "UPDATE OR IGNORE marks SET picture = ?, latest = 0 WHERE picture = ?", (*number, *stale)
        )
        connection.execute("DELETE FROM marks WHERE picture = ?", stale)
        connection.execute("DELETE FROM pictures WHERE id = ?", stale)
    connection.execute("UPDATE pictures SET path = ? WHERE id = ?", (new, *number))
    return True


def _absent(connection: sqlite3.Connection, old: bytes, new: bytes) -> list[tuple[bytes, bytes]]:
    """Old and new keys of the targets beside a moved picture that do not exist, and are known to be ours."""
    rows = connection.execute(
        "SELECT targets.path FROM marks JOIN targets ON targets.id = target"
        " JOIN pictures ON pictures.id = picture WHERE pictures.path = ? AND left_sha256 = ''",
        (new,),
    )
    return [
        (path, new + path[len(old) :])
        for (path,) in rows
        if path.startswith(old) and SEPARATOR not in path[len(old) :]
    ]


def _rename_target(connection: sqlite3.Connection, old: bytes, new: bytes) -> None:
    row = connection.execute("SELECT id FROM targets WHERE path = ?", (old,)).fetchone()
    if row is None:
        return
    query = "DELETE FROM marks WHERE target = (SELECT id FROM targets WHERE path = ?)"
    connection.execute(query, (new,))
    connection.execute("DELETE FROM targets WHERE path = ?", (new,))
    connection.execute("UPDATE targets SET path = ? WHERE id = ?", (new, *row))


def _leaves_behind(connection: sqlite3.Connection, picture: bytes, others: Collection[bytes]) -> bool:
    rows = connection.execute(
        "SELECT targets.path FROM marks JOIN targets ON targets.id = target"
        " JOIN pictures ON pictures.id = picture WHERE pictures.path = ? AND latest AND left_sha256 != ''",
        (picture,),
    )
    here = os.path.dirname(picture)  # noqa: PTH120 - bytes
    return any(os.path.dirname(path) != here and path not in others for (path,) in rows)  # noqa: PTH120


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
