"""Whether a picture is done: what the journal knows of it, read ahead where pictures come in order."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import itemgetter
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
    SELECT pictures.path, pictures.id, size, mtime_ns, sha256, fingerprint,
        pictures.path IN (SELECT picture FROM intents), targets.path
    FROM (SELECT path, id, size, mtime_ns, sha256, fingerprint FROM pictures WHERE {}) AS pictures
    LEFT JOIN marks ON marks.picture = pictures.id AND latest
    LEFT JOIN targets ON targets.id = marks.target AND left_sha256 != ''
"""
_ONE = _KNOWN.format("path = ?")
_FROM = _KNOWN.format("path >= ? ORDER BY path LIMIT ?")


def known(connection: Connection, picture: bytes) -> KnownPicture | None:
    return next((one for _, one in _pictures(connection.execute(_ONE, (picture,)))), None)


def _pictures(rows: Iterable[tuple[Any, ...]]) -> Iterator[tuple[bytes, KnownPicture]]:
    for path, group in groupby(rows, itemgetter(0)):
        marked = tuple(group)
        _, number, size, mtime_ns, sha256, fingerprint, unsettled, _ = marked[0]
        targets = tuple([row[7] for row in marked if row[7] is not None])
        stamp = Stamp(size, mtime_ns)
        yield path, KnownPicture(number, stamp, sha256, fingerprint, bool(unsettled), targets)


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
        rows = self._database.read(lambda connection: dict(_pictures(connection.execute(_FROM, (key, size)))))
        self._batch = _Batch(rows, next(reversed(rows), key), len(rows), until, writes)
        return rows
