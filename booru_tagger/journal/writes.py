"""What is noted around the writing of files, for many pictures at once: who is at it, what is about to be
done, and what was done.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from sqlite3 import Connection
from typing import NamedTuple

from booru_tagger.errors import OutputError
from booru_tagger.files.stamps import stamp_of
from booru_tagger.journal import intents, ledger
from booru_tagger.journal.claims import Claims
from booru_tagger.journal.database import LOOK_SECONDS, Database
from booru_tagger.journal.paths import PathKeys
from booru_tagger.journal.seen import SeenStamps
from booru_tagger.journal.values import Ownership, RawResult, WriteReport
from booru_tagger.types import TagResult


class Announcement(NamedTuple):
    """A change that a writer is about to make for a picture."""

    picture: Path
    writer: str
    report: WriteReport


class Tagging(NamedTuple):
    """What was found in a picture and what each writer wrote for it: name and account.

    ``result`` has the tags that were to be written, ``raw`` is what they were made of. ``fingerprint`` stands
    for all that shaped them.
    """

    picture: Path
    fingerprint: str
    result: TagResult
    written: Sequence[tuple[str, WriteReport]]
    raw: RawResult | None = None


class Writes:
    """Of one open journal. Methods raise :class:`OutputError` where it cannot be used."""

    def __init__(self, database: Database, keys: PathKeys, seen: SeenStamps) -> None:
        self._database, self._keys, self._seen = database, keys, seen
        self._claims = Claims(database)

    def _key(self, path: Path) -> bytes:
        """Within a turn, which has looked where the folder leads."""
        return self._keys(path, LOOK_SECONDS)

    @contextlib.contextmanager
    def turn(self, targets: Mapping[Path, Iterable[Path]]) -> Iterator[None]:
        """Hold pictures and the ``targets`` of each, so that another process waits before it reads or writes
        them.

        Settles first what a killed process left open there.
        """
        pictures = {self._keys(picture): picture for picture in targets}
        keys = sorted({*pictures, *(self._keys(target) for some in targets.values() for target in some)})
        self._claims.take(keys)
        try:
            intents.settle(self._database, keys)
            for key, picture in pictures.items():
                self._seen.look_again(key, picture)
            yield
        finally:
            with contextlib.suppress(OutputError):  # a claim ends by itself
                self._claims.drop(keys)

    def ownerships(self, pairs: Sequence[tuple[Path, Path]]) -> list[Ownership]:
        """Which tags we put there, and which of ours a person took out, for each target and picture.

        Where the target was deleted as a whole, nothing is ours, and nothing counts as taken out by that.
        """
        keys = [(self._key(target), self._key(picture)) for target, picture in pairs]
        known = self._database.read(
            lambda connection: ledger.ownerships(connection, {picture for _, picture in keys})
        )
        found = []
        for (target, _), pair in zip(pairs, keys, strict=True):
            mine = known.get(pair, Ownership())
            found.append(mine if stamp_of(target) is not None else Ownership(deleted=mine.deleted))
        return found

    def announce(self, announcements: Iterable[Announcement]) -> None:
        """Note changes right before they are made, so that they are known even if we are killed, or the power
        fails, right after.

        All of them are noted, or none.
        """
        planned = [(self._key(one.picture), self._key(one.report.target), one) for one in announcements]
        if not planned:
            return
        reports = [(target, one.writer, one.report) for _, target, one in planned]

        def work(connection: Connection) -> None:
            changes = intents.changes_of(connection, reports)
            rows = [(*pair[:2], change) for pair, change in zip(planned, changes, strict=True)]
            intents.put(connection, rows, time.time())

        self._database.write(work, durable=True)

    def record(self, taggings: Sequence[Tagging]) -> None:
        """Remember what was found and written; the turn at these files ends with it.

        A picture that changed while it was worked on counts as not done. On failure, whose the tags are is
        known even so, if the changes were announced.
        """
        now = time.time()
        pictures, reports = [], []
        for one in taggings:
            key = self._key(one.picture)
            mine = [(self._key(report.target), writer, report) for writer, report in one.written]
            stamp, content = self._seen.tagged(one.picture, key, mine, one.result.content)
            pictures.append(ledger.Row(key, stamp, content, one.fingerprint, now, one.result, one.raw))
            reports += [(key, *report) for report in mine]

        def work(connection: Connection) -> None:
            changes = intents.changes_of(connection, [report[1:] for report in reports])
            numbers = ledger.put_pictures(connection, pictures)
            ledger.apply_all(
                connection,
                [
                    (numbers[key], key, target, change)
                    for (key, target, _, _), change in zip(reports, changes, strict=True)
                ],
                now,
            )
            self._claims.release(connection, held)

        held = [*(one.path for one in pictures), *(report[1] for report in reports)]
        self._database.write(work)
        self._claims.forget(held)
