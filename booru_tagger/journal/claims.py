"""Who is at which file: two processes on one folder take turns at each picture and each target."""

from __future__ import annotations

import os
import platform
import sqlite3
import time
from collections.abc import Collection

from booru_tagger.journal.database import Database

CLAIM_SECONDS = 60.0
"""A claim lasts while a picture's files are written. One this old was left by something that hangs."""
_POLL_SECONDS = 0.02


class Claims:
    """The claims of one holder: this open journal."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._holder = f"{platform.node()}:{os.getpid()}:{os.urandom(16).hex()}"

    def take(self, keys: Collection[bytes]) -> None:
        """Claim all of the files, waiting until nobody else holds one. Raises :class:`OutputError`."""
        while not self._database.write(lambda connection: self._try(connection, keys)):
            time.sleep(_POLL_SECONDS)

    def _try(self, connection: sqlite3.Connection, keys: Collection[bytes]) -> bool:
        now = time.time()
        for key in keys:
            row = connection.execute("SELECT holder, since FROM claims WHERE path = ?", (key,)).fetchone()
            if row is not None and row[0] != self._holder and _holds(row[0], now - row[1]):
                return False
        connection.executemany(
            "INSERT OR REPLACE INTO claims (path, holder, since) VALUES (?, ?, ?)",
            [(key, self._holder, now) for key in keys],
        )
        return True

    def drop(self, keys: Collection[bytes]) -> None:
        """Let others at the files. Raises :class:`OutputError`."""
        self._database.write(
            lambda connection: connection.executemany(
                "DELETE FROM claims WHERE path = ? AND holder = ?", [(key, self._holder) for key in keys]
            )
        )


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
