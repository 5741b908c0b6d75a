"""The journal's pictures, targets and marks, row by row, inside the caller's transaction."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from sqlite3 import Connection

from booru_tagger.files.stamps import NO_STAMP, Stamp
from booru_tagger.journal import index
from booru_tagger.journal.packing import (
    deflated,
    inflated,
    packed,
    packed_raw,
    packed_tags,
    tags_of,
    unpacked,
    unpacked_raw,
)
from booru_tagger.journal.paths import after, path_of
from booru_tagger.journal.values import (
    Change,
    JournalEntry,
    Mark,
    Original,
    Ownership,
    RawResult,
)
from booru_tagger.types import TagResult

UNTAGGED = ""
"""Fingerprint of a picture that is known for its marks alone."""


def touch(connection: Connection, picture: int, stamp: Stamp) -> None:
    connection.execute(
        "UPDATE pictures SET size = ?, mtime_ns = ? WHERE id = ?", (stamp.size, stamp.mtime_ns, picture)
    )
    index.touch(connection, picture, stamp.mtime_ns / 1e9)


def put_picture(
    connection: Connection,
    picture: bytes,
    stamp: Stamp,
    sha256: str | None,
    fingerprint: str,
    now: float,
    result: TagResult | None,
    raw: RawResult | None = None,
) -> int:
    """Insert or replace the picture's row, with none of its marks being the latest any more; its id."""
    old = connection.execute("SELECT id, sha256 FROM pictures WHERE path = ?", (picture,)).fetchone()
    if old is not None and old[1] != sha256:
        index.drop(connection, old[0])  # embeddings are of the content
    found = (
        None if result is None else packed(result),
        *((None, None) if raw is None else (packed_raw(raw.result), raw.fingerprint)),
    )
    number = put_row(connection, picture, (*stamp, sha256, fingerprint, now, *found))
    index.put(connection, number, result, stamp, now)
    return number


def put_row(connection: Connection, picture: bytes, row: Sequence[object]) -> int:
    """Insert or replace the row alone, with none of the picture's marks being the latest any more; its id.

    ``row``: size, mtime_ns, sha256, fingerprint, tagged_at, result, raw, raw_fingerprint.
    """
    (number,) = connection.execute(
        "INSERT INTO pictures"
        " (path, size, mtime_ns, sha256, fingerprint, tagged_at, result, raw, raw_fingerprint)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (path) DO UPDATE SET size = excluded.size,"
        " mtime_ns = excluded.mtime_ns, sha256 = excluded.sha256, fingerprint = excluded.fingerprint,"
        " tagged_at = excluded.tagged_at, result = excluded.result, raw = excluded.raw,"
        " raw_fingerprint = excluded.raw_fingerprint RETURNING id",
        (picture, *row),
    ).fetchone()
    connection.execute("UPDATE marks SET latest = 0 WHERE picture = ?", (number,))
    return int(number)


def raw(connection: Connection, picture: int, fingerprint: str) -> TagResult | None:
    """What was found under ``fingerprint``, if that is the last that was found in the picture."""
    row = connection.execute(
        "SELECT raw FROM pictures WHERE id = ? AND raw_fingerprint = ?", (picture, fingerprint)
    ).fetchone()
    return None if row is None else unpacked_raw(row[0])


def ownership(connection: Connection, target: bytes, picture: bytes) -> Ownership:
    row = connection.execute(
        "SELECT owned, deleted FROM marks JOIN targets ON targets.id = target"
        " JOIN pictures ON pictures.id = picture WHERE targets.path = ? AND pictures.path = ?",
        (target, picture),
    ).fetchone()
    return Ownership() if row is None else Ownership(tags_of(row[0]), tags_of(row[1]))


def _is_shared(connection: Connection, target: bytes, picture: bytes) -> bool:
    query = (
        "SELECT EXISTS (SELECT 1 FROM marks JOIN targets ON targets.id = target"
        " JOIN pictures ON pictures.id = picture"
        " WHERE targets.path = ? AND pictures.path != ? AND owned != CAST('[]' AS BLOB))"
    )
    return bool(connection.execute(query, (target, picture)).fetchone()[0])


def apply(connection: Connection, picture: bytes, target: bytes, change: Change, now: float) -> None:
    """Make the journal say what ``change`` does, and forget that it was announced."""
    row = connection.execute("SELECT id FROM pictures WHERE path = ?", (picture,)).fetchone()
    if row is None:
        row = (put_picture(connection, picture, NO_STAMP, None, UNTAGGED, now, None),)
    (number,) = connection.execute(
        "INSERT INTO targets (path, left_sha256, original, bytes) VALUES (?, ?, ?, ?) ON CONFLICT (path) DO"
        " UPDATE SET left_sha256 = excluded.left_sha256, original = excluded.original, bytes = excluded.bytes"
        " RETURNING id",
        (target, change.after_sha256, change.original, deflated(change.content)),
    ).fetchone()
    connection.execute(
        "INSERT OR REPLACE INTO marks (picture, target, writer, owned, deleted, latest, written_at)"
        " VALUES (?, ?, ?, ?, ?, 1, ?)",
        (row[0], number, change.writer, packed_tags(change.owned), packed_tags(change.deleted), now),
    )
    connection.execute("DELETE FROM intents WHERE picture = ? AND target = ?", (picture, target))


def forget_empty(connection: Connection, picture: bytes, target: bytes) -> None:
    """Drop what is known of a picture and a target where it says nothing any more."""
    connection.execute(
        "DELETE FROM marks WHERE owned = CAST('[]' AS BLOB) AND deleted = CAST('[]' AS BLOB)"
        " AND picture = (SELECT id FROM pictures WHERE path = ?)"
        " AND target = (SELECT id FROM targets WHERE path = ?)",
        (picture, target),
    )
    connection.execute(
        "DELETE FROM targets WHERE path = ? AND NOT EXISTS (SELECT 1 FROM marks WHERE target = targets.id)",
        (target,),
    )
    connection.execute(
        "DELETE FROM pictures WHERE path = ?"
        " AND NOT EXISTS (SELECT 1 FROM marks WHERE picture = pictures.id)",
        (picture,),
    )


def written_below(connection: Connection, prefix: bytes) -> list[bytes]:
    rows = connection.execute(
        "SELECT path FROM pictures WHERE path >= ?1 AND path < ?2 AND EXISTS"
        " (SELECT 1 FROM marks WHERE picture = pictures.id AND owned != CAST('[]' AS BLOB))"
        " UNION SELECT picture FROM intents WHERE picture >= ?1 AND picture < ?2 ORDER BY 1",
        (prefix, after(prefix)),
    )
    return [row[0] for row in rows]


def entry(connection: Connection, picture: bytes) -> JournalEntry | None:
    row = connection.execute(
        "SELECT id, fingerprint, tagged_at, result, raw, raw_fingerprint FROM pictures WHERE path = ?",
        (picture,),
    ).fetchone()
    if row is None:
        return None
    number, fingerprint, tagged_at, result, raw_result, raw_fingerprint = row
    found = unpacked_raw(raw_result)
    return JournalEntry(
        path_of(picture),
        fingerprint,
        tagged_at,
        unpacked(result),
        tuple(_marks(connection, number, picture)),
        None if found is None else RawResult(found, raw_fingerprint),
    )


def _marks(connection: Connection, number: int, picture: bytes) -> Iterator[Mark]:
    rows = connection.execute(
        "SELECT path, writer, owned, deleted, left_sha256, original, bytes, written_at FROM marks"
        " JOIN targets ON targets.id = target WHERE picture = ? ORDER BY path",
        (number,),
    ).fetchall()
    for row in rows:
        yield Mark(
            target=path_of(row[0]),
            writer=row[1],
            owned=tags_of(row[2]),
            deleted=tags_of(row[3]),
            left_sha256=row[4],
            original=Original(row[5]),
            content=inflated(row[6]),
            shared=_is_shared(connection, row[0], picture),
            written_at=row[7],
        )
