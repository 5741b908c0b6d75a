"""The endless source: pictures below some folders, each when it has come or changed and then settled."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeAlias

from booru_tagger.files.stamps import state_of
from booru_tagger.types import TagResult
from booru_tagger.watch.inbox import FolderChanges, Inbox
from booru_tagger.watch.listing import Listings
from booru_tagger.watch.retries import Retries
from booru_tagger.watch.root import Root, Walk
from booru_tagger.watch.settling import Settler
from booru_tagger.watch.watched_names import WatchedNames

Item: TypeAlias = Path | TagResult

SETTLE_SECONDS = 0.5
SETTLE_POLLING_SECONDS = 3.0
"""Network file systems report sizes late, commonly by up to three seconds."""

_CHECK_SECONDS = 2.0
_LOSS_SECONDS = 1.0
"""From the first lost event to the listing: most of what is going on shall be over."""
_BURST = 2_000
_BURST_SECONDS = 1.0
_BURST_PAUSE_SECONDS = 600.0
"""After so many events, and so long a quiet, the folders are listed: not every system says when its queue
overflows. But a folder in which something else never rests is not listed all the time."""
_MAX_UNSETTLED = 10_000
_MAX_IN_FLIGHT = 1_000
_MAX_UNREADABLE = 10_000

_log = logging.getLogger("booru_tagger.watch")


class Watch:
    """Iterating gives the pictures below ``folders``: first all that are there, then each that comes or
    changes, once it has settled. It never ends, but with ``once``: then it does when all has been given.

    Among them come failed results (of folders that cannot be read), and ``None`` whenever the next picture
    may be long in coming: what was given so far must be dealt with before the next item is asked for.
    A picture may be given again although nothing about it has changed; whoever keeps a journal skips it.

    ``settle`` is how many seconds a picture must have stayed the same. To be used from one thread.
    """

    def __init__(
        self,
        folders: Sequence[Path],
        walk: Walk,
        names: WatchedNames,
        *,
        recursive: bool = True,
        file_links: bool = True,
        polling: bool = False,
        once: bool = False,
        settle: float | None = None,
        retries: Retries | None = None,
        inbox: Inbox | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if settle is None:
            settle = SETTLE_POLLING_SECONDS if polling else SETTLE_SECONDS
        self._once = once
        self._clock = clock
        self._inbox = Inbox() if inbox is None else inbox
        self._settler = Settler(settle)
        self._retries = Retries() if retries is None else retries
        self._listings = Listings(clock)
        self._roots = [
            Root(
                folder, walk, names, self._inbox, recursive=recursive, file_links=file_links, polling=polling
            )
            for folder in folders
        ]
        self._in_flight: set[str] = set()
        self._unreadable: dict[str, bool] = {}
        self._check_due = self._resume = clock()
        self._burst, self._last_news, self._last_beginning = 0, clock(), clock()
        self._loss_due: float | None = None

    def __iter__(self) -> Generator[Item | None, None, None]:
        try:
            if self._once:
                for root in self._roots:
                    self._listings.add(root)
            while True:
                yield from self._pause()
                if not self._once:
                    self._look_around()
                yield from self._give(self._settled())
                yield from self._give(self._listed())
                if not self._may_list():
                    yield None
                    self._in_flight.clear()
                    if self._once and not self._listings and not self._settler:
                        return
                    self._inbox.wait(self._next_due() - self._clock())
        finally:
            for root in self._roots:
                root.close()

    def begin_again(self, seconds: float = 0.0) -> None:
        """Give nothing for so long, and then all pictures as at the beginning: some that were given could not
        be dealt with."""
        self._resume = self._clock() + seconds
        for root in self._roots:
            root.close()
        self._check_due = self._resume

    def failed(self, path: str, reason: str) -> None:
        """Say that what was given failed. A picture is given some more times, later and later, and then set
        aside until it changes; what has gone is forgotten."""
        state, what = state_of(path), {"path": path, "reason": reason}
        delay = None if state is None or self._once else self._retries.failed(path, state, self._clock())
        if delay is not None:
            _log.info("%s; next try in %g s", reason, delay, extra={"event": "retry", **what})
        elif os.path.lexists(path):
            aside = "" if self._once else "; set aside until it changes"
            _log.warning("%s%s", reason, aside, extra={"event": "failed", **what})

    def _pause(self) -> Iterator[None]:
        while self._clock() < self._resume:
            yield None
            self._inbox.wait(self._resume - self._clock())
            self._inbox.take()  # all is going to be listed

    def _look_around(self) -> None:
        now = self._clock()
        self._read(self._inbox.take(), now)
        if (due := self._begin_again_due()) is not None and due <= now:
            self._loss_due, self._burst, self._last_beginning = None, 0, now
            self.begin_again()  # with new observers: a folder that came with a lost event is not watched
        if now >= self._check_due:
            self._check_due = now + _CHECK_SECONDS
            if self._has_opened():
                self.begin_again()
            for root in self._roots:
                self._check(root)
        for path in self._retries.due(now):
            self._settler.touch(path, now)
        self._listings.begin_due()

    def _check(self, root: Root) -> None:
        if root.check():
            self._listings.add(root)
        elif not root.is_here:
            self._listings.drop(root)

    def _read(self, news: FolderChanges, now: float) -> None:
        if news.events:
            self._burst += news.events
            self._last_news = now
        if news.lost is not None and self._loss_due is None:
            self._loss_due = now + _LOSS_SECONDS
            _log.warning("events were lost (%s); listing all again", news.lost, extra={"event": "lost"})
        for path, writing in news.files.items():
            self._settler.touch(path, now, writing=writing)
        if news.folders:
            self._read_folders(news.folders)

    def _read_folders(self, folders: Iterable[str]) -> None:
        topmost: list[Path] = []
        for folder in sorted(map(Path, folders)):
            if not (topmost and folder.is_relative_to(topmost[-1])):
                topmost.append(folder)
        for root in self._roots:
            if root.is_here and not root.polling:
                self._list_folders(root, [folder for folder in topmost if folder.is_relative_to(root.path)])

    def _list_folders(self, root: Root, folders: list[Path]) -> None:
        if folders and not root.check_limit():
            self._listings.add(root)
            return
        for folder in folders:
            self._listings.add_folder(root, folder)

    def _begin_again_due(self) -> float | None:
        if self._loss_due is not None or self._burst < _BURST:
            return self._loss_due
        return max(self._last_news + _BURST_SECONDS, self._last_beginning + _BURST_PAUSE_SECONDS)

    def _next_due(self) -> float:
        dues = [self._settler.next_due()]
        if not self._once:
            dues += [self._check_due, self._retries.next_due(), self._listings.next_due()]
            dues += [self._begin_again_due()]
        return min(due for due in dues if due is not None)

    def _settled(self) -> list[str]:
        return self._settler.ready(self._clock())

    def _may_list(self) -> bool:
        """Whether there is something to list, and not so much unsettled that it has to wait."""
        return bool(self._listings) and len(self._settler) < _MAX_UNSETTLED

    def _listed(self) -> Iterator[str | TagResult]:
        if not self._may_list():
            return
        for found in self._listings.portion():
            if isinstance(found, TagResult):
                yield from self._unreported(found)
            elif found.settled:
                yield found.path
            else:
                self._settler.touch(found.path, self._clock())

    def _unreported(self, failure: TagResult) -> Iterator[TagResult]:
        """Each folder that cannot be read is told of once, however often it is come across."""
        if failure.path not in self._unreadable and len(self._unreadable) < _MAX_UNREADABLE:
            self._unreadable[failure.path] = _is_open(failure.path)
            yield failure

    def _has_opened(self) -> bool:
        """Whether somebody gave us access to a folder that could not be read. No event tells of that."""
        opened = [
            folder for folder, was_open in self._unreadable.items() if not was_open and _is_open(folder)
        ]
        for folder in opened:
            del self._unreadable[folder]
        return bool(opened)

    def _give(self, items: Iterable[str | TagResult]) -> Iterator[Item | None]:
        for item in items:
            if isinstance(item, TagResult):
                yield item
                continue
            if item in self._in_flight or len(self._in_flight) >= _MAX_IN_FLIGHT:
                yield None  # what changes while it is worked on comes after that work, not beside it
                self._in_flight.clear()
            state = state_of(item)
            if state is None or not self._retries.is_set_aside(item, state):
                self._in_flight.add(item)
                yield Path(item)


def _is_open(folder: str) -> bool:
    return os.access(folder, os.R_OK | os.X_OK)
