"""What was sent to a booru: which of its tags are ours, and which of ours a person took out there."""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from sqlite3 import Connection
from typing import Any

from booru_tagger.journal.database import DamagedError, Database


@dataclass(frozen=True, slots=True)
class Pushed:
    """What is known of one picture on a booru.

    ``owned`` are the tags that are there because of us, ``deleted`` those of ours that a person took out.
    ``pending`` were about to be sent by a run that did not come to tell whether they were.
    """

    fingerprint: str = ""
    owned: frozenset[str] = frozenset()
    deleted: frozenset[str] = frozenset()
    pending: frozenset[str] = frozenset()


class Pushes:
    """The pushes to one place: a booru, and the service on it. All methods raise :class:`OutputError`."""

    def __init__(self, database: Database, place: str) -> None:
        self._database = database
        self._place = place

    def known(self, item: str) -> Pushed:
        """What is known of ``item``; nothing is, where it was never pushed."""
        row = self._database.read(
            lambda connection: connection.execute(
                "SELECT fingerprint, owned, deleted, pending FROM pushes WHERE place = ? AND item = ?",
                (self._place, item),
            ).fetchone()
        )
        return Pushed() if row is None else Pushed(str(row[0]), *map(_tags, row[1:]))

    def announce(self, item: str, tags: Collection[str]) -> None:
        """Note the tags that are about to be sent, so that they are known for ours if we are killed then."""
        known = self.known(item)
        self._put(
            item, Pushed("", known.owned, known.deleted, known.pending | set(tags)), durable=True
        )  # for what is sent no power cut takes back

    def record(self, item: str, pushed: Pushed) -> None:
        """Remember what a push came to."""
        self._put(item, pushed)

    def _put(self, item: str, pushed: Pushed, *, durable: bool = False) -> None:
        self._database.write(
            lambda connection: _write(connection, self._place, item, pushed, time.time()), durable=durable
        )


def _tags(text: object) -> frozenset[str]:
    try:
        tags = json.loads(text) if isinstance(text, str | bytes) else None
    except ValueError as error:
        raise DamagedError(f"not a list of tags: {error}") from error
    if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        raise DamagedError("not a list of tags")
    return frozenset(tags)


def merge_pushes(connection: Connection, rows: Iterable[tuple[Any, ...]]) -> None:
    """Take over what another journal knows of pushes: whatever is later, and what is ours by either."""
    for place, item, fingerprint, *lists, pushed_at in rows:
        known = connection.execute(
            "SELECT fingerprint, owned, deleted, pending, pushed_at FROM pushes WHERE place = ? AND item = ?",
            (place, item),
        ).fetchone()
        theirs = Pushed(fingerprint, *map(_tags, lists))
        if known is not None:
            mine = Pushed(known[0], *map(_tags, known[1:4]))
            earlier, later = (mine, theirs) if pushed_at >= known[4] else (theirs, mine)
            deleted = (earlier.deleted | later.deleted) - later.owned
            owned = (earlier.owned | later.owned) - deleted
            theirs = Pushed(later.fingerprint, owned, deleted, earlier.pending | later.pending)
            pushed_at = max(pushed_at, known[4])
        _write(connection, place, item, theirs, pushed_at)


def _write(connection: Connection, place: str, item: str, pushed: Pushed, at: float) -> None:
    lists = [json.dumps(sorted(tags)) for tags in (pushed.owned, pushed.deleted, pushed.pending)]
    connection.execute(
        "INSERT OR REPLACE INTO pushes VALUES (?, ?, ?, ?, ?, ?, ?)",
        (place, item, pushed.fingerprint, *lists, at),
    )
