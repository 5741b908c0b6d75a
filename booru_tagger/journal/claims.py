"""Who is at which file: two processes on one folder take turns at each picture and each target."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Collection, Iterable
from sqlite3 import Connection

from booru_tagger.journal.database import Database, places

CLAIM_SECONDS = 60.0
"""A claim lasts while a picture's files are written. One this old was left by something that hangs."""
_POLL_SECONDS = 0.02


class Claims:
    """The claims of one holder: this open journal."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._holder = f"{platform.node()}:{os.getpid()}:{os.urandom(16).hex()}"
        self._held: set[bytes] = set()

    def take(self, keys: Collection[bytes]) -> None:
        """Claim all of the files, waiting until nobody else holds one. Raises :class:`OutputError`."""
        while not self._database.write(lambda connection: self._try(connection, keys)):
            time.sleep(_POLL_SECONDS)
        self._held.update(keys)

    def _try(self, connection: Connection, keys: Collection[bytes]) -> bool:
        now = time.time()
        standing = connection.execute(
            f"SELECT holder, since FROM claims WHERE path IN ({places(keys)}) AND holder != ?",
            (*keys, self._holder),
        )
        if any(_holds(holder, now - since) for holder, since in standing):
            return False
        connection.executemany(
            "INSERT OR REPLACE INTO claims (path, holder, since) VALUES (?, ?, ?)",
            [(key, self._holder, now) for key in keys],
        )
        return True

    def release(self, connection: Connection, keys: Iterable[bytes]) -> None:
        """Let others at the files, as part of a change of the journal; to be followed by :meth:`forget`."""
        connection.executemany(
            "DELETE FROM claims WHERE path = ? AND holder = ?", [(key, self._holder) for key in keys]
        )

    def forget(self, keys: Iterable[bytes]) -> None:
        """Know that they were released."""
        self._held.difference_update(keys)

    def drop(self, keys: Collection[bytes]) -> None:
        """Let others at those of the files that are held still. Raises :class:`OutputError`."""
        held = self._held.intersection(keys)
        if held:
            self._database.write(lambda connection: self.release(connection, held))
            self.forget(held)


def _holds(holder: str, age: float) -> bool:
    """Whether a claim still stands: it is young and its process lives, as far as can be told."""
    if not 0 <= age <= CLAIM_SECONDS:
        return False
    host, _, rest = holder.rpartition(":")[0].rpartition(":")
    if host != platform.node() or os.name == "nt":  # there, os.kill would end it
        return True
    try:
        os.kill(int(rest), 0)
    except PermissionError:  # it lives, and is another user's
        return True
    except (ProcessLookupError, ValueError, OverflowError):
        return False
    return True
