"""The part of the journal that knows which files were sorted into a folder, and from where."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from sqlite3 import Connection
from typing import Literal

from booru_tagger.files.stamps import stamp_of
from booru_tagger.journal.database import Database
from booru_tagger.journal.paths import PathKeys, path_of

Way = Literal["hardlink", "link", "copy", "move"]
_FOLDER = "folder"
_NOBODY = b""
_PAGE = 1_000
_LAST = b"\xff" * 16
"""Behind every key, for keys are absolute paths."""


@dataclass(frozen=True, slots=True)
class Placement:
    """A file that was put at ``target``, or is about to be, where it is not ``done``.

    It belongs to the ``picture`` of that path before, which may be the ``source`` itself. ``inode``, ``size``
    and ``mtime_ns`` are the target's as we left it.
    """

    picture: Path
    source: Path
    target: Path
    way: Way
    done: bool = False
    inode: int = 0
    size: int = -1
    mtime_ns: int = 0

    def is_as_left(self) -> bool:
        """Whether nobody has replaced or changed the target since."""
        try:
            status = os.lstat(self.target)
        except OSError:
            return False
        return (status.st_ino, status.st_size, status.st_mtime_ns) == (self.inode, self.size, self.mtime_ns)

    def is_at_source(self) -> bool:
        """Whether what was left at the target stands at its old place now, by its size and date."""
        return stamp_of(self.source) == (self.size, self.mtime_ns)


def _placement(picture: bytes, source: bytes, target: bytes, way: Way, done: int, *left: int) -> Placement:
    return Placement(path_of(picture), path_of(source), path_of(target), way, bool(done), *left)


class Placements:
    """What was put into one tree of folders. Methods raise :class:`OutputError` for an unusable journal."""

    def __init__(self, database: Database, keys: PathKeys, tree: Path) -> None:
        self._database, self._keys = database, keys
        self._tree = os.fsencode(os.path.realpath(tree))

    def of(self, picture: Path) -> list[Placement]:
        """Where the files of a picture were put, by the path that it had before."""
        return self._select("AND picture = ?", (self._keys(picture),))

    def open(self) -> list[Placement]:
        """What was announced and never recorded as done."""
        return self._select("AND done = 0", ())

    def all(self) -> Iterator[Placement]:
        """Everything, the last path first. May be forgotten meanwhile."""
        before = _LAST
        # Without the sign each page would be sorted out of all rows of the tree.
        while page := self._select(
            "AND target < ? ORDER BY target DESC LIMIT ?", (before, _PAGE), tree="+tree"
        ):
            yield from page
            before = self._keys(page[-1].target)

    def _select(self, condition: str, values: tuple[object, ...], *, tree: str = "tree") -> list[Placement]:
        query = (
            "SELECT picture, source, target, way, done, inode, size, mtime_ns FROM placements"
            f" WHERE {tree} = ? AND way != '{_FOLDER}' {condition}"
        )
        rows = self._database.read(
            lambda connection: connection.execute(query, (self._tree, *values)).fetchall()
        )
        return [_placement(*row) for row in rows]

    def announce(self, placements: Iterable[Placement]) -> None:
        """Note what is about to be done."""
        rows = [
            (self._keys(one.target), self._tree, self._keys(one.picture), self._keys(one.source), one.way)
            for one in placements
        ]
        self._write_all(
            "INSERT OR REPLACE INTO placements"
            " (target, tree, picture, source, way, done, inode, size, mtime_ns)"
            " VALUES (?, ?, ?, ?, ?, 0, 0, -1, 0)",
            rows,
        )

    def finish(self, placements: Iterable[Placement]) -> None:
        """Note that it is done, and what the targets are like now; of those that are gone again, nothing."""
        rows = []
        for one in placements:
            try:
                status = os.lstat(one.target)
            except FileNotFoundError:
                continue
            rows.append((status.st_ino, status.st_size, status.st_mtime_ns, self._keys(one.target)))
        self._write_all(
            "UPDATE placements SET done = 1, inode = ?, size = ?, mtime_ns = ? WHERE target = ?", rows
        )

    def forget(self, targets: Iterable[Path]) -> None:
        """Note that nothing of ours is there any more."""
        self._write_all("DELETE FROM placements WHERE target = ?", [(self._keys(path),) for path in targets])

    def announce_folders(self, folders: Iterable[Path]) -> None:
        """Note that folders are about to be made."""
        rows = [(os.fsencode(folder), self._tree, _NOBODY, _NOBODY, _FOLDER) for folder in folders]
        self._write_all(
            "INSERT OR REPLACE INTO placements"
            " (target, tree, picture, source, way, done, inode, size, mtime_ns)"
            " VALUES (?, ?, ?, ?, ?, 1, 0, -1, 0)",
            rows,
        )

    def folders(self) -> list[Path]:
        """The folders that were made, inner ones first."""
        rows = self._database.read(
            lambda connection: connection.execute(
                f"SELECT target FROM placements WHERE tree = ? AND way = '{_FOLDER}' ORDER BY target DESC",
                (self._tree,),
            ).fetchall()
        )
        return [path_of(row[0]) for row in rows]

    def forget_folders(self, folders: Iterable[Path]) -> None:
        """Note that folders are gone, or somebody else's now."""
        self._write_all(
            "DELETE FROM placements WHERE target = ?", [(os.fsencode(folder),) for folder in folders]
        )

    def _write_all(self, statement: str, rows: Sequence[tuple[object, ...]]) -> None:
        def work(connection: Connection) -> None:
            connection.executemany(statement, rows)

        if rows:
            self._database.write(work)
