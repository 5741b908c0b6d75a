"""Whether a picture is done: what the journal knows of it, read ahead where pictures come in order."""

from __future__ import annotations

import time
from collections.abc import Iterable
from sqlite3 import Connection
from typing import Any, NamedTuple

from booru_tagger.files.stamps import Stamp
from booru_tagger.journal.database import LOOK_SECONDS, Database

_MOST = 256
"""Pictures read at once; more would gain nothing."""


class KnownPicture(NamedTuple):
    """The part of what is known of a picture that tells whether it is done."""

    id: int
    stamp: Stamp
    sha256: str | None
    fingerprint: str
    unsettled: bool
    """Whether a write to one of its targets was announced and never recorded."""
    targets: tuple[bytes, ...]
    """Keys of the files that the last tagging of the picture left behind."""


_KNOWN = """
    SELECT path, id, size, mtime_ns, sha256, fingerprint, path IN (SELECT picture FROM intents),
        -- All in one row: as many rows as there are targets take half as long again.
        (SELECT CAST(group_concat(targets.path, CAST(x'00' AS TEXT)) AS BLOB) FROM marks
            JOIN targets ON targets.id = marks.target
            WHERE marks.picture = pictures.id AND latest AND left_sha256 != '')
    FROM pictures
"""
_ONE = f"{_KNOWN} WHERE path = ?"
_FROM = f"{_KNOWN} WHERE path >= ? ORDER BY path LIMIT ?"


def known(connection: Connection, picture: bytes) -> KnownPicture | None:
    return _pictures(connection.execute(_ONE, (picture,))).get(picture)


def _pictures(rows: Iterable[tuple[Any, ...]]) -> dict[bytes, KnownPicture]:
    return {
        path: KnownPicture(
            number,
            Stamp(size, mtime_ns),
            sha256,
            fingerprint,
            bool(unsettled),
            () if targets is None else tuple(targets.split(b"\0")),
        )
        for path, number, size, mtime_ns, sha256, fingerprint, unsettled, targets in rows
    }


class _Batch(NamedTuple):
    """Pictures in the order of their paths that nobody has asked about yet, of ``size`` that were read."""

    rows: dict[bytes, KnownPicture]
    last: bytes = b""
    size: int = 0
    until: float = 0.0
    writes: int = -1


class KnownPictures:
    """What is known of pictures. Whoever asks in the order of the paths is answered from rows read before.

    Such an answer is :data:`LOOK_SECONDS` old at most, and not older than the last change through the same
    ``database``. May be used from any thread. Raises :class:`OutputError` where the journal cannot be used.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._batch = _Batch({})

    def __call__(self, key: bytes) -> KnownPicture | None:
        batch = self._batch
        is_fresh = batch.writes == self._database.writes and time.monotonic() < batch.until
        if is_fresh and (found := batch.rows.pop(key, None)) is not None:
            return found
        if is_fresh and key <= batch.last:  # asked before, or new since
            return self._database.read(lambda connection: known(connection, key))
        in_order = batch.size > 0 and 2 * len(batch.rows) <= batch.size  # most of the last were asked about
        return self._read(key, min(_MOST, 2 * batch.size) if in_order else 1).pop(key, None)

    def _read(self, key: bytes, size: int) -> dict[bytes, KnownPicture]:
        until, writes = time.monotonic() + LOOK_SECONDS, self._database.writes
        rows = self._database.read(lambda connection: _pictures(connection.execute(_FROM, (key, size))))
        self._batch = _Batch(rows, next(reversed(rows), key), len(rows), until, writes)
        return rows
