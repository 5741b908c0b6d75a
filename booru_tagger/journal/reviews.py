"""The part of the journal that is about people: faces that wait for them, and what they said."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from sqlite3 import Connection
from typing import NamedTuple

from booru_tagger.journal import ledger
from booru_tagger.journal.database import LOOK_SECONDS, DamagedError, Database
from booru_tagger.journal.packing import unpacked, unpacked_raw
from booru_tagger.journal.paths import PathKeys, after, path_of, prefix_of
from booru_tagger.types import TagResult, Verdict

_PAGE = 256
"""Pictures read in one go: a folder may hold more than should be in memory at once."""
_NONE = b"[]"
_LAST = b"\xff" * 16
"""Behind every key, for keys are absolute paths."""


class TaggedPicture(NamedTuple):
    """A picture, what was written for it, what people said, and what the tagger gave: see JournalEntry."""

    picture: Path
    result: TagResult
    verdicts: tuple[Verdict, ...]
    raw: TagResult | None = None

    @property
    def found(self) -> TagResult:
        """What the program itself found; of an earlier version's entry only the faces are restored."""
        return self.raw if self.raw is not None else _without(self.verdicts, self.result)


class _Answer(NamedTuple):
    """The row of one picture, as it was read last, and how long that serves."""

    key: bytes = b""
    row: tuple[int, bytes] = (0, _NONE)
    writes: int = -1
    until: float = 0.0


class Reviews:
    """Reads and keeps verdicts. Every method raises :class:`OutputError` where the journal cannot be used."""

    def __init__(self, database: Database, keys: PathKeys) -> None:
        self._database = database
        self._keys = keys
        self._last = _Answer()

    def verdicts(self, picture: Path) -> tuple[Verdict, ...]:
        """What people said of the picture's faces."""
        return unpacked_verdicts(self._row(self._keys(picture))[1])

    def _row(self, key: bytes) -> tuple[int, bytes]:
        """How many faces wait, and what was said. An answer serves for :data:`LOOK_SECONDS`, unless something
        is changed through the same database: each picture is asked about several times in a row."""
        database, now = self._database, time.monotonic()
        last = self._last
        if last.key == key and last.writes == database.writes and now < last.until:
            return last.row
        query = "SELECT uncertain, verdicts FROM reviews WHERE picture = ?"
        writes = database.writes
        row = database.read(lambda connection: connection.execute(query, (key,)).fetchone()) or (0, _NONE)
        self._last = _Answer(key, row, writes, now + LOOK_SECONDS)
        return row[0], row[1]

    def decide(self, picture: Path, verdicts: Sequence[Verdict], uncertain: int = 0) -> None:
        """Replace what people said of the picture's faces, of which ``uncertain`` ones still wait.

        The picture counts as not done until its new tags are recorded: killed in between, the next run does
        it again, and heeds the verdicts.
        """
        key, packed = self._keys(picture), packed_verdicts(verdicts)

        def work(connection: Connection) -> None:
            _put(connection, key, packed, uncertain)
            connection.execute("UPDATE pictures SET fingerprint = ? WHERE path = ?", (ledger.UNTAGGED, key))

        self._database.write(work)

    def refresh(self, picture: Path, verdicts: Sequence[Verdict]) -> None:
        """Keep the same verdicts with what the program says of those faces now."""
        key, packed = self._keys(picture), packed_verdicts(verdicts)
        self._database.write(lambda connection: _put(connection, key, packed, None))

    def wait(self, picture: Path, uncertain: int) -> None:
        """Note how many faces of the picture wait for a person."""
        key = self._keys(picture)

        def work(connection: Connection) -> None:
            connection.execute(
                "INSERT INTO reviews (picture, uncertain, verdicts, changed_at) VALUES (?, ?, ?, ?)"
                " ON CONFLICT (picture) DO UPDATE SET uncertain = excluded.uncertain",
                (key, uncertain, _NONE, time.time()),
            )
            _forget_empty(connection, key)

        if self._row(key)[0] != uncertain:  # most pictures have none, and need no write
            self._database.write(work)

    def waiting(self) -> list[Path]:
        """All pictures with faces that wait for a person, the oldest first."""
        rows = self._database.read(
            lambda connection: connection.execute(
                "SELECT picture FROM reviews WHERE uncertain > 0 ORDER BY changed_at, picture"
            ).fetchall()
        )
        return [path_of(row[0]) for row in rows]

    def decided(self) -> list[tuple[Path, tuple[Verdict, ...]]]:
        """All pictures of whose faces people said something, wherever they lie."""

        def work(connection: Connection) -> list[tuple[Path, tuple[Verdict, ...]]]:
            query = "SELECT picture, verdicts FROM reviews WHERE verdicts != ? ORDER BY picture"
            return [
                (path_of(key), unpacked_verdicts(packed))
                for key, packed in connection.execute(query, (_NONE,))
            ]

        return self._database.read(work)

    def tagged(self, folder: Path | None = None) -> Iterator[TaggedPicture]:
        """All pictures that were tagged, gone ones too: those below ``folder``, or wherever they lie."""
        prefix = b"" if folder is None else prefix_of(folder)
        end, last = (_LAST, b"") if not prefix else (after(prefix), prefix)
        while page := self._page(last, end):
            yield from (tagged for _, tagged in page if tagged is not None)
            last = page[-1][0]

    def _page(self, last: bytes, end: bytes) -> list[tuple[bytes, TaggedPicture | None]]:
        def work(connection: Connection) -> list[tuple[bytes, TaggedPicture | None]]:
            rows = connection.execute(
                "SELECT path, result, verdicts, raw FROM pictures LEFT JOIN reviews ON picture = path"
                " WHERE path > ? AND path < ? AND result IS NOT NULL ORDER BY path LIMIT ?",
                (last, end, _PAGE),
            ).fetchall()
            return [(row[0], _tagged(*row)) for row in rows]

        return self._database.read(work)


def _tagged(key: bytes, result: bytes, verdicts: bytes | None, raw: bytes | None) -> TaggedPicture | None:
    written = unpacked(result)
    if written is None:
        return None
    return TaggedPicture(path_of(key), written, unpacked_verdicts(verdicts or _NONE), unpacked_raw(raw))


def _without(verdicts: Sequence[Verdict], written: TagResult) -> TagResult:
    """The faces as the program found them: a verdict keeps what it was said of."""
    judged = [
        verdict for verdict in verdicts if (verdict.width, verdict.height) == (written.width, written.height)
    ]
    places = {verdict.face.box.rounded() for verdict in judged}
    others = [face for face in written.faces if face.box.rounded() not in places]
    return replace(written, faces=(*others, *(verdict.face for verdict in judged if not verdict.drawn)))


def _put(connection: Connection, key: bytes, packed: bytes, uncertain: int | None) -> None:
    """``uncertain`` faces wait then, ``None``: as many as before."""
    connection.execute(
        "INSERT INTO reviews (picture, uncertain, verdicts, changed_at) VALUES (?1, ifnull(?2, 0), ?3, ?4)"
        " ON CONFLICT (picture) DO UPDATE SET verdicts = excluded.verdicts,"
        " changed_at = excluded.changed_at, uncertain = ifnull(?2, uncertain)",
        (key, uncertain, packed, time.time()),
    )
    _forget_empty(connection, key)


def _forget_empty(connection: Connection, key: bytes) -> None:
    connection.execute(
        "DELETE FROM reviews WHERE picture = ? AND uncertain = 0 AND verdicts = ?", (key, _NONE)
    )


def packed_verdicts(verdicts: Sequence[Verdict]) -> bytes:
    return json.dumps([verdict.to_json() for verdict in verdicts], separators=(",", ":")).encode()


def unpacked_verdicts(packed: bytes) -> tuple[Verdict, ...]:
    try:
        return tuple(Verdict.from_json(item) for item in json.loads(packed))
    except (ValueError, TypeError, KeyError) as error:
        raise DamagedError(f"a verdict cannot be read: {error}") from error
