"""The journal's tables, row by row. Every function here runs inside the caller's transaction."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Collection, Iterator, Sequence
from sqlite3 import Connection
from typing import Any

from booru_tagger.files.stamps import NO_STAMP, Stamp, sha256_of_bytes
from booru_tagger.journal import index
from booru_tagger.journal.database import DamagedError
from booru_tagger.journal.paths import path_of
from booru_tagger.journal.values import (
    Change,
    JournalEntry,
    Mark,
    Original,
    Ownership,
    RawResult,
    WriteReport,
)
from booru_tagger.types import TagResult

KEPT_BYTES = 1 << 20
"""Originals larger than this are not kept: they are pictures, or lists that several pictures share."""

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
    number = put_row(connection, picture, (*stamp, sha256, fingerprint, now, *_columns(result, raw)))
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


def _columns(
    result: TagResult | None, raw: RawResult | None
) -> tuple[bytes | None, bytes | None, str | None]:
    packed = None if result is None else zlib.compress(_json(result.to_json()))
    if raw is None:
        return packed, None, None
    return packed, zlib.compress(_json(raw.result.to_raw_json())), raw.fingerprint


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


def announced(connection: Connection, target: bytes, picture: bytes) -> frozenset[str]:
    """Tags that are ours in the target if a change that was announced, and never recorded, was made."""
    query = "SELECT owned FROM intents WHERE target = ? AND picture = ?"
    row = connection.execute(query, (target, picture)).fetchone()
    return frozenset() if row is None else tags_of(row[0])


def change_of(
    connection: Connection, picture: bytes, target: bytes, writer: str, report: WriteReport
) -> Change:
    """What the journal is to say once the write that ``report`` describes is done."""
    before = sha256_of_bytes(report.before)
    original, content = _original(connection, picture, target, before, report)
    return Change(
        writer,
        frozenset(report.owned),
        frozenset(report.deleted),
        before,
        report.after_sha256,
        original,
        content,
    )


def _original(
    connection: Connection, picture: bytes, target: bytes, before_sha256: str, report: WriteReport
) -> tuple[Original, bytes | None]:
    """The target as it was before our first write, seen from one more write."""
    if not report.restorable:
        return Original.UNKNOWN, None
    row = connection.execute(
        "SELECT left_sha256, original, bytes FROM targets WHERE path = ?", (target,)
    ).fetchone()
    untouched = row is None or row[1] == Original.UNTOUCHED
    if untouched and not report.changed:
        return Original.UNTOUCHED, None
    if report.before is None:
        return Original.ABSENT, None
    if untouched and len(report.before) <= KEPT_BYTES:
        return Original.KEPT, report.before
    if not untouched and row[0] == before_sha256:  # nobody edited it since
        return Original(row[1]), inflated(row[2])
    return Original.UNKNOWN, None


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
        (target, change.after_sha256, change.original, _deflated(change.content)),
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


def after(prefix: bytes) -> bytes:
    """The first key behind all that begin with ``prefix``."""
    return prefix[:-1] + bytes([prefix[-1] + 1])


def put_intent(connection: Connection, picture: bytes, target: bytes, change: Change, now: float) -> None:
    connection.execute(
        "INSERT OR REPLACE INTO intents (picture, target, writer, owned, deleted, before_sha256,"
        " after_sha256, original, bytes, begun_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            picture,
            target,
            change.writer,
            packed_tags(change.owned),
            packed_tags(change.deleted),
            change.before_sha256,
            change.after_sha256,
            change.original,
            _deflated(change.content),
            now,
        ),
    )


def intents(connection: Connection, keys: Collection[bytes]) -> list[tuple[bytes, bytes, Change]]:
    """Announced changes that touch one of the pictures or targets: picture, target and change."""
    marks = ", ".join("?" * len(keys))
    rows = connection.execute(
        "SELECT picture, target, writer, owned, deleted, before_sha256, after_sha256, original, bytes"
        f" FROM intents WHERE picture IN ({marks}) OR target IN ({marks})",
        (*keys, *keys),
    )
    return [
        (
            row[0],
            row[1],
            Change(
                row[2], tags_of(row[3]), tags_of(row[4]), row[5], row[6], Original(row[7]), inflated(row[8])
            ),
        )
        for row in rows
    ]


def drop_intent(connection: Connection, picture: bytes, target: bytes) -> None:
    connection.execute("DELETE FROM intents WHERE picture = ? AND target = ?", (picture, target))


def entry(connection: Connection, picture: bytes) -> JournalEntry | None:
    row = connection.execute(
        "SELECT id, fingerprint, tagged_at, result, raw, raw_fingerprint FROM pictures WHERE path = ?",
        (picture,),
    ).fetchone()
    if row is None:
        return None
    number, fingerprint, tagged_at, result, packed, raw_fingerprint = row
    found = unpacked_raw(packed)
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


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def packed_tags(tags: Collection[str]) -> bytes:
    return _json(sorted(tags))


def tags_of(packed: bytes) -> frozenset[str]:
    try:
        return frozenset(map(str, json.loads(packed)))
    except (ValueError, TypeError) as error:
        raise DamagedError(f"a list of tags cannot be read: {error}") from error


def unpacked(packed: bytes | None) -> TagResult | None:
    """A result as it was written."""
    return _result(packed, TagResult.from_json)


def unpacked_raw(packed: bytes | None) -> TagResult | None:
    """A result as the tagger gave it, with its readings."""
    return _result(packed, TagResult.from_raw_json)


def _result(packed: bytes | None, made_of: Callable[[dict[str, Any]], TagResult]) -> TagResult | None:
    try:
        return None if packed is None else made_of(json.loads(zlib.decompress(packed)))
    except (zlib.error, ValueError, TypeError, KeyError) as error:
        raise DamagedError(f"a result cannot be read: {error}") from error


def _deflated(content: bytes | None) -> bytes | None:
    return None if content is None else zlib.compress(content)


def inflated(packed: bytes | None) -> bytes | None:
    try:
        return None if packed is None else zlib.decompress(packed)
    except (zlib.error, TypeError) as error:
        raise DamagedError(f"kept bytes cannot be read: {error}") from error
