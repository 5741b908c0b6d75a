"""Bringing files to where they are to stand, after that was announced in the journal.

Copies wait for others. They stand beside their targets until there are enough of them, are flushed to the
disk together, and get their names then: the journal may not say of a file that it is there before it would
outlast a power failure, and a flush after each one would take most of the time.
"""

from __future__ import annotations

import errno
import os
import sys
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from booru_tagger.errors import OutputError
from booru_tagger.files import bringing
from booru_tagger.files.bringing import PreparedCopy
from booru_tagger.files.replace import flush_folder, output_error
from booru_tagger.journal import Journal
from booru_tagger.journal.placements import Placement, Placements, Way

_WAYS: dict[Way, Callable[[Path, Path], None]] = {
    "hardlink": bringing.hard_link,
    "link": bringing.soft_link,
    "copy": bringing.copy,
    "move": bringing.move,
}
_BATCH = 1 if sys.platform == "win32" else 64
"""Copies that are flushed together, or a few more. Windows flushes each when it is made."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    """Copies of a picture and its companions, each with what was announced of it; those with a name are
    ``put``. Methods raise :class:`OutputError`."""

    copies: list[tuple[Placement, PreparedCopy]]
    put: list[Placement]

    @property
    def picture(self) -> Path:
        return self.copies[0][0].picture

    def flush(self) -> None:
        for one, copy in self.copies:
            with _telling(one):
                copy.flush()

    def name(self) -> None:
        """Give them their names, the picture last."""
        for one, copy in reversed(self.copies):
            with _telling(one):
                copy.put()
            self.put.append(one)


class Carrier:
    """Brings files to their targets, never over another file, and lets the journal know."""

    def __init__(self, journal: Journal, placements: Placements) -> None:
        self._journal, self._placements = journal, placements
        self._waiting: list[_Waiting] = []
        self._places: dict[Path, Path] = {}

    @property
    def holds_back(self) -> bool:
        """Whether copies wait for more of them."""
        return 0 < len(self._places) < _BATCH

    def place_now(self, target: Path) -> Path:
        """Where the file is that stands at ``target``, or that waits for that name."""
        return self._places.get(target, target)

    def bring(self, placements: Sequence[Placement]) -> None:
        """Bring a picture, the first of them, and its companions; copies wait. Raises :class:`OutputError`.

        The companions come first: that the picture stands there tells that the rest does.
        """
        if placements[0].way == "copy":
            self._prepare(placements)
            return
        done: list[Placement] = []
        try:
            for one in reversed(placements):
                with _telling(one):
                    _WAYS[one.way](one.source, one.target)
                done.append(one)
        except OutputError:
            self._give_up(placements, done)
            raise
        finally:
            self.follow(done)
            self._placements.finish(done)

    def bring_again(self, one: Placement) -> None:
        """Do to the end what a killed run had announced; or give it up, and raise :class:`OutputError`."""
        try:
            with _telling(one):
                if one.way == "move":
                    bringing.move(one.source, one.target, again=True)
                else:
                    _WAYS[one.way](one.source, one.target)
            self.follow([one])
            self._placements.finish([one])
        except OutputError:
            self._give_up([one])
            raise

    def commit(self) -> dict[Path, OutputError]:
        """Have the waiting copies stand at their targets. By picture, what went wrong with a file of it."""
        everyone, self._waiting, self._places = self._waiting, [], {}
        failures: dict[Path, OutputError] = {}
        with ExitStack() as stack:
            for waiting in everyone:
                for _, copy in waiting.copies:
                    stack.callback(copy.discard)
            try:
                self._commit(everyone, failures)
            except OutputError as error:  # of the journal: what was announced is seen to by the next run
                failures |= {waiting.picture: error for waiting in everyone}
        return failures

    def _commit(self, everyone: Sequence[_Waiting], failures: dict[Path, OutputError]) -> None:
        for step in (_Waiting.flush, _Waiting.name):
            for waiting in everyone:
                if waiting.picture not in failures:
                    with _collecting(failures, waiting.picture):
                        step(waiting)
        put = [one for waiting in everyone for one in waiting.put]
        self._give_up([one for waiting in everyone for one, _ in waiting.copies], put)
        self._placements.finish(_named_for_good(put, failures))

    def follow(self, placements: Sequence[Placement], *, back: bool = False) -> None:
        """Let the journal know what was moved by its new paths: pictures and their tag files."""
        places = {}
        for one in placements:
            old, new = (one.target, one.source) if back else (one.source, one.target)
            if one.way == "move" and os.path.lexists(new) and not os.path.lexists(old):
                places[old] = new
        if places:
            family = self._placements.of(placements[0].picture)
            self._journal.moved(places, [path for one in family for path in (one.source, one.target)])

    def _prepare(self, placements: Sequence[Placement]) -> None:
        waiting = _Waiting([], [])
        try:
            with ExitStack() as stack:
                for one in placements:
                    with _telling(one):
                        copy = PreparedCopy(one.source, one.target)
                    stack.callback(copy.discard)
                    waiting.copies.append((one, copy))
                stack.pop_all()
        except OutputError:
            self._give_up(placements)
            raise
        self._waiting.append(waiting)
        self._places |= {one.target: copy.path for one, copy in waiting.copies}

    def _give_up(self, placements: Iterable[Placement], done: Collection[Placement] = ()) -> None:
        self._placements.forget({one.target for one in placements} - {one.target for one in done})


def carrying_error(one: Placement, error: OSError) -> OutputError:
    """The typed error for a file that could not be brought."""
    if error.errno == errno.EXDEV:
        return OutputError(
            f"{one.target}: {one.source} is on another file system, where no hard link leads; "
            "use --by copy, link or move"
        )
    if error.errno == errno.ENOENT and not os.path.lexists(one.source):
        return OutputError(f"{one.source}: is gone")
    return output_error(one.target, error)


@contextmanager
def _telling(one: Placement) -> Iterator[None]:
    """Raises :class:`OutputError` for what goes wrong with a file."""
    try:
        yield
    except FileExistsError as error:
        raise OutputError(f"{one.target}: stands there already and was left alone") from error
    except OSError as error:
        raise carrying_error(one, error) from error


@contextmanager
def _collecting(failures: dict[Path, OutputError], picture: Path) -> Iterator[None]:
    try:
        yield
    except OutputError as error:
        failures[picture] = error


def _named_for_good(put: Iterable[Placement], failures: dict[Path, OutputError]) -> list[Placement]:
    """Those of them whose names are on the disk. The others stay announced: the next run sees to them."""
    folders: defaultdict[Path, list[Placement]] = defaultdict(list)
    for one in put:
        folders[one.target.parent].append(one)
    lasting = []
    for folder, placements in folders.items():
        try:
            flush_folder(folder)
            lasting += placements
        except OutputError as error:
            failures |= {one.picture: error for one in placements}
    return lasting
