"""Changes of files that are announced right before they are made, so that a killed process loses none.

What takes a connection runs inside the caller's transaction.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Sequence
from sqlite3 import Connection
from typing import TypeAlias

from booru_tagger.files.stamps import sha256_of, sha256_of_bytes
from booru_tagger.journal import ledger
from booru_tagger.journal.database import Database, places
from booru_tagger.journal.packing import deflated, inflated, packed_tags, tags_of
from booru_tagger.journal.paths import path_of
from booru_tagger.journal.values import Change, Original, WriteReport

_KEPT_BYTES = 1 << 20
"""Originals larger than this are not kept: they are pictures, or lists that several pictures share."""


_Standing: TypeAlias = tuple[str, int, bytes | None]
"""Of a target: the hash as we last left it, what is known of its original, and that one's bytes as kept."""


def changes_of(connection: Connection, reports: Sequence[tuple[bytes, str, WriteReport]]) -> list[Change]:
    """What the journal is to say once the writes are done that ``reports`` describe, one after the
    other: target, writer and account of each."""
    keys = [target for target, _, report in reports if report.restorable]
    query = f"SELECT path, left_sha256, original, bytes FROM targets WHERE path IN ({places(keys)})"
    rows = connection.execute(query, keys) if keys else ()
    standing: dict[bytes, _Standing] = {path: (left, original, kept) for path, left, original, kept in rows}
    changes = []
    for target, writer, report in reports:
        change = _change_of(writer, report, standing.get(target))
        standing[target] = report.after_sha256, change.original, deflated(change.content)
        changes.append(change)
    return changes


def _change_of(writer: str, report: WriteReport, standing: _Standing | None) -> Change:
    before = sha256_of_bytes(report.before)
    original, content = _original(before, report, standing)
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
    before_sha256: str, report: WriteReport, standing: _Standing | None
) -> tuple[Original, bytes | None]:
    """The target as it was before our first write, seen from one more write."""
    if not report.restorable:
        return Original.UNKNOWN, None
    untouched = standing is None or standing[1] == Original.UNTOUCHED
    if untouched and not report.changed:
        return Original.UNTOUCHED, None
    if report.before is None:
        return Original.ABSENT, None
    if untouched and len(report.before) <= _KEPT_BYTES:
        return Original.KEPT, report.before
    if standing is not None and not untouched and standing[0] == before_sha256:  # nobody edited it since
        return Original(standing[1]), inflated(standing[2])
    return Original.UNKNOWN, None


def put(connection: Connection, rows: Iterable[tuple[bytes, bytes, Change]], now: float) -> None:
    """Announce changes: picture, target and change of each."""
    connection.executemany(
        "INSERT OR REPLACE INTO intents (picture, target, writer, owned, deleted, before_sha256,"
        " after_sha256, original, bytes, begun_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                picture,
                target,
                change.writer,
                packed_tags(change.owned),
                packed_tags(change.deleted),
                change.before_sha256,
                change.after_sha256,
                change.original,
                deflated(change.content),
                now,
            )
            for picture, target, change in rows
        ],
    )


def announced(connection: Connection, target: bytes, picture: bytes) -> frozenset[str]:
    """Tags that are ours in the target if a change that was announced, and never recorded, was made."""
    query = "SELECT owned FROM intents WHERE target = ? AND picture = ?"
    row = connection.execute(query, (target, picture)).fetchone()
    return frozenset() if row is None else tags_of(row[0])


def announced_for(connection: Connection, picture: bytes) -> dict[bytes, frozenset[str]]:
    """The same for all targets of a picture."""
    rows = connection.execute("SELECT target, owned FROM intents WHERE picture = ?", (picture,))
    return {target: tags_of(owned) for target, owned in rows}


def touching(connection: Connection, keys: Collection[bytes]) -> list[tuple[bytes, bytes, Change]]:
    """Announced changes that touch one of the pictures or targets: picture, target and change."""
    marks = places(keys)
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


def drop(connection: Connection, picture: bytes, target: bytes) -> None:
    connection.execute("DELETE FROM intents WHERE picture = ? AND target = ?", (picture, target))


def settle(database: Database, keys: Collection[bytes]) -> None:
    """Find out which announced changes were made, from what stands in their targets."""
    for picture, target, change in database.read(lambda connection: touching(connection, keys)):
        content = sha256_of(path_of(target))
        if content is None:
            continue
        _settle_one(database, picture, target, change, content)


def _settle_one(database: Database, picture: bytes, target: bytes, change: Change, content: str) -> None:
    def work(connection: Connection) -> None:
        if content == change.before_sha256:
            drop(connection, picture, target)
        elif content == change.after_sha256 or change.after_sha256 is None:
            done = change._replace(after_sha256=content)
            ledger.apply(connection, picture, target, done, time.time())
        else:  # a person was faster than we: what is not ours for certain is theirs
            still = change.owned & ledger.ownership(connection, target, picture).owned
            edited = change._replace(
                owned=still, after_sha256=content, original=Original.UNKNOWN, content=None
            )
            ledger.apply(connection, picture, target, edited, time.time())

    database.write(work)
