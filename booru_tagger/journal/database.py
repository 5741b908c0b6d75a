"""The SQLite file under the journal: opening it, short transactions, and what happens when it is damaged.

A journal can always be done without: losing it costs the time to tag again, never a tag. So a damaged one is
moved out of the way and a new one begun, and where no file can be kept, one in memory serves for the run.
One that merely cannot be written right now (no space, locked) is an error that says so: to go on would leave
tags in files that nobody knows to be ours.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import TypeVar

from booru_tagger.errors import ConfigError, OutputError
from booru_tagger.journal.schema import prepare

BUSY_SECONDS = 30.0
"""How long to wait for another process's transaction; each of ours takes a fraction of a millisecond."""

LOOK_SECONDS = 0.1
"""How often to look, when only asked, whether the file is still the same one."""

_DAMAGE = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT, sqlite3.SQLITE_MISMATCH}
_UNWRITABLE = {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH}
_LOCKED = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_PERHAPS_FULL = {sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN}
"""What SQLite says where the full disk has no room for its smaller files."""
_FAST = "PRAGMA synchronous = NORMAL"
"""With WAL this survives kill -9 whole; a power cut may cost what was not written durably."""
_MIN_ROOM = 65_536
_VARIABLES = 900
_T = TypeVar("_T")


class DamagedError(Exception):
    """A row of the journal holds what this program never puts there."""


class Database:
    """An open journal file. May be used from any thread, one transaction at a time.

    ``warnings`` grows where something happened that a person should hear of, ``writes`` with each transaction
    that may have changed something.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()  # the working folder may change
        self.warnings: list[str] = []
        self.writes = 0
        self._lock = threading.RLock()
        self._looked = time.monotonic()
        self._connection, self._identity = self._open()

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    def read(self, work: Callable[[sqlite3.Connection], _T]) -> _T:
        """The value of ``work``, which only asks. Raises :class:`OutputError`."""
        return self._guarded(work, LOOK_SECONDS)

    def write(self, work: Callable[[sqlite3.Connection], _T], *, durable: bool = False) -> _T:
        """The value of ``work``, all of whose changes are kept, or none. Raises :class:`OutputError`.

        ``durable`` changes are on the disk when this returns, with all that was written before; a power cut
        may cost others. It takes as long as to flush a file.
        """

        def transaction(connection: sqlite3.Connection) -> _T:
            self.writes += 1
            connection.execute("BEGIN IMMEDIATE")
            try:
                value = work(connection)
                connection.execute("COMMIT")
            except BaseException:
                with contextlib.suppress(sqlite3.Error):  # a full disk has already rolled it back
                    connection.execute("ROLLBACK")
                raise
            return value

        def flushed(connection: sqlite3.Connection) -> _T:
            connection.execute("PRAGMA synchronous = FULL")
            try:
                return transaction(connection)
            finally:
                connection.execute(_FAST)

        return self._guarded(flushed if durable else transaction, 0.0)

    def _guarded(self, work: Callable[[sqlite3.Connection], _T], patience: float) -> _T:
        with self._lock:
            if time.monotonic() >= self._looked + patience:
                self._follow()
            try:
                return work(self._connection)
            except (sqlite3.DatabaseError, DamagedError) as error:
                if not _is_damage(error):
                    raise self._unusable(error) from error
                self._replace(error)
            try:
                return work(self._connection)
            except (sqlite3.DatabaseError, DamagedError) as error:
                raise self._unusable(error) from error

    def _unusable(self, error: Exception) -> Exception:
        code = _code(error)
        if code is None:
            return error
        hint = "free some space there" if self._is_full(error) else "check its folder's permissions"
        if code in _LOCKED:
            hint = "another program is using it; stop that one"
        return OutputError(f"{self.path}: the journal cannot be used ({error}); {hint}, or use --journal")

    def _is_full(self, error: Exception) -> bool:
        code = _code(error)
        return code == sqlite3.SQLITE_FULL or (code in _PERHAPS_FULL and not _has_room(self.path.parent))

    def _follow(self) -> None:
        """Begin anew where the file was removed or replaced under us: what we write there is lost."""
        self._looked = time.monotonic()
        if self._identity is not None and _identity(self.path) != self._identity:
            self._connection.close()
            self.warnings.append(
                f"{self.path}: the journal was removed or replaced while in use; a new one was made"
            )
            self._connection, self._identity = self._open()

    def _replace(self, error: Exception) -> None:
        self._connection.close()
        self._set_aside(error, self._identity)
        self._connection, self._identity = self._open()

    def _open(self) -> tuple[sqlite3.Connection, tuple[int, int] | None]:
        if self.path.is_dir():
            raise ConfigError(
                f"{self.path}: the journal is a file, and this is a folder; give --journal a file"
            )
        for _ in range(2):
            try:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                return self._connect(str(self.path)), _identity(self.path)
            except OSError as error:
                return self._in_memory(error)
            except sqlite3.DatabaseError as error:
                if self._is_full(error) or not (_is_damage(error) or _code(error) in _UNWRITABLE):
                    raise self._unusable(error) from error
                if not self._set_aside(error, _identity(self.path)):
                    return self._in_memory(error)
        return self._in_memory("it is damaged again as soon as it is made")

    def _connect(self, name: str) -> sqlite3.Connection:
        deadline = time.monotonic() + BUSY_SECONDS
        while True:
            connection = sqlite3.connect(
                name, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            try:
                prepare(connection, self.path)
                connection.execute(_FAST)
                connection.execute("PRAGMA cell_size_check = ON")
                return connection
            except BaseException as error:
                connection.close()
                # The switch to WAL does not wait for others by itself.
                if not (isinstance(error, sqlite3.Error) and _code(error) in _LOCKED) or (
                    time.monotonic() > deadline
                ):
                    raise
            time.sleep(0.01)

    def _in_memory(self, reason: object) -> tuple[sqlite3.Connection, None]:
        self.warnings.append(
            f"{self.path}: no journal can be kept there ({reason}); this run will not be remembered, and "
            "untag will not know its tags. Check the folder's permissions, or use --journal"
        )
        return self._connect(":memory:"), None

    def _set_aside(self, error: Exception, identity: tuple[int, int] | None) -> bool:
        """Rename the journal's files out of the way; whether that is done (perhaps by another process)."""
        if identity is None:
            return False
        if _identity(self.path) != identity:
            return True
        number = 1
        while (aside := self.path.with_name(f"{self.path.name}.damaged-{number}")).exists():
            number += 1
        try:
            self.path.rename(aside)
            for suffix in ("-wal", "-shm"):
                with contextlib.suppress(FileNotFoundError):
                    Path(f"{self.path}{suffix}").rename(f"{aside}{suffix}")
        except OSError:
            return False
        self.warnings.append(
            f"{self.path}: the journal could not be used ({error}) and was set aside as {aside.name}; "
            "a new one was made, so pictures are tagged again"
        )
        return True


def in_parts(values: Iterable[_T]) -> Iterator[tuple[_T, ...]]:
    """The values, as many at a time as SQL takes as variables, two for each."""
    rest = iter(values)
    while part := tuple(islice(rest, _VARIABLES // 2)):
        yield part


def places(values: Collection[object]) -> str:
    """What stands for so many values in a statement."""
    return ", ".join("?" * len(values))


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = os.stat(path)  # noqa: PTH116 - asked for every picture, and twice as fast
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _has_room(folder: Path) -> bool:
    try:
        return shutil.disk_usage(folder).free >= _MIN_ROOM
    except OSError:
        return True


def _code(error: object) -> int | None:
    """SQLite's primary result code; ``None`` for an error of another kind."""
    code = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF


def _is_damage(error: Exception) -> bool:
    if isinstance(error, DamagedError):
        return True
    truncated = getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_IOERR_SHORT_READ
    return truncated or _code(error) in _DAMAGE or str(error).startswith("no such table")
