"""The journal's pictures, targets and marks, row by row, inside the caller's transaction."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from sqlite3 import Connection
from typing import NamedTuple

from booru_tagger.files.stamps import NO_STAMP, Stamp
from booru_tagger.journal import index
from booru_tagger.journal.database import places
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


class Row(NamedTuple):
    """What is to be known of a picture."""

    path: bytes
    stamp: Stamp
    sha256: str | None
    fingerprint: str
    tagged_at: float
    result: TagResult | None = None
    raw: RawResult | None = None


def put_pictures(connection: Connection, rows: Sequence[Row]) -> dict[bytes, int]:
    """Insert or replace pictures' rows, with none of their marks being the latest any more; their ids."""
    keys = [row.path for row in rows]
    query = f"SELECT path, id, sha256 FROM pictures WHERE path IN ({places(keys)})"
    old = {path: (number, sha256) for path, number, sha256 in connection.execute(query, keys)}
    for row in rows:
        if row.path in old and old[row.path][1] != row.sha256:
            index.drop(connection, old[row.path][0])  # embeddings are of the content
    columns = {
        row.path: (
            *row.stamp,
            row.sha256,
            row.fingerprint,
            row.tagged_at,
            None if row.result is None else packed(row.result),
            *((None, None) if row.raw is None else (packed_raw(row.raw.result), row.raw.fingerprint)),
        )
        for row in rows
    }
    numbers = put_rows(connection, columns, {path: number for path, (number, _) in old.items()})
    index.put(
        connection,
        [index.Entry(numbers[row.path], row.result, row.stamp, row.tagged_at) for row in rows],
        new={numbers[path] for path in keys if path not in old},
    )
    return numbers


def put_rows(
    connection: Connection, rows: Mapping[bytes, Sequence[object]], old: Mapping[bytes, int]
) -> dict[bytes, int]:
    """As :func:`put_pictures`, but the rows alone.

    ``old`` are the ids of those that are there. Rows have size, mtime_ns, sha256, fingerprint, tagged_at,
    result, raw, raw_fingerprint.
    """
    connection.executemany(
        "INSERT INTO pictures"
        " (path, size, mtime_ns, sha256, fingerprint, tagged_at, result, raw, raw_fingerprint)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (path) DO UPDATE SET size = excluded.size,"
        " mtime_ns = excluded.mtime_ns, sha256 = excluded.sha256, fingerprint = excluded.fingerprint,"
        " tagged_at = excluded.tagged_at, result = excluded.result, raw = excluded.raw,"
        " raw_fingerprint = excluded.raw_fingerprint",
        [(path, *row) for path, row in rows.items()],
    )
    connection.executemany(
        "UPDATE marks SET latest = 0 WHERE picture = ?", [(number,) for number in old.values()]
    )
    keys = [path for path in rows if path not in old]
    query = f"SELECT path, id FROM pictures WHERE path IN ({places(keys)})"
    return {**old, **(dict(connection.execute(query, keys)) if keys else {})}


def raw(connection: Connection, picture: int, fingerprint: str) -> TagResult | None:
    """What was found under ``fingerprint``, if that is the last that was found in the picture."""
    row = connection.execute(
        "SELECT raw FROM pictures WHERE id = ? AND raw_fingerprint = ?", (picture, fingerprint)
    ).fetchone()
    return None if row is None else unpacked_raw(row[0])


def ownerships(connection: Connection, pictures: Collection[bytes]) -> dict[tuple[bytes, bytes], Ownership]:
    """Whose the tags are that were written for ``pictures``, by target and picture."""
    rows = connection.execute(
        "SELECT targets.path, pictures.path, owned, deleted FROM pictures"
        " CROSS JOIN marks ON marks.picture = pictures.id CROSS JOIN targets ON targets.id = target"
        f" WHERE pictures.path IN ({places(pictures)})",
        tuple(pictures),
    )
    return {(row[0], row[1]): Ownership(tags_of(row[2]), tags_of(row[3])) for row in rows}


def ownership(connection: Connection, target: bytes, picture: bytes) -> Ownership:
    return ownerships(connection, [picture]).get((target, picture), Ownership())


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
    number = row[0] if row is not None else put_untagged(connection, picture, now)
    apply_all(connection, [(number, picture, target, change)], now)


def put_untagged(connection: Connection, picture: bytes, now: float) -> int:
    """Know a picture for its marks alone; its id."""
    return put_pictures(connection, [Row(picture, NO_STAMP, None, UNTAGGED, now)])[picture]


def apply_all(
    connection: Connection, changes: Sequence[tuple[int, bytes, bytes, Change]], now: float
) -> None:
    """As :func:`apply`, for many: the id and the key of the picture, the target, and the change."""
    connection.executemany(
        "INSERT INTO targets (path, left_sha256, original, bytes) VALUES (?, ?, ?, ?) ON CONFLICT (path)"
        " DO UPDATE SET left_sha256 = excluded.left_sha256, original = excluded.original,"
        " bytes = excluded.bytes",
        [
            (target, change.after_sha256, change.original, deflated(change.content))
            for _, _, target, change in changes
        ],
    )
    connection.executemany(
        "INSERT OR REPLACE INTO marks (picture, target, writer, owned, deleted, latest, written_at)"
        " SELECT ?, id, ?, ?, ?, 1, ? FROM targets WHERE path = ?",
        [
            (number, change.writer, packed_tags(change.owned), packed_tags(change.deleted), now, target)
            for number, _, target, change in changes
        ],
    )
    connection.executemany(
        "DELETE FROM intents WHERE picture = ? AND target = ?",
        [(picture, target) for _, picture, target, _ in changes],
    )


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
