"""Lists watched folders: at the beginning, where events are missing, and at intervals to poll them."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from booru_tagger.files.stamps import FileState, state_of
from booru_tagger.types import TagResult
from booru_tagger.watch.root import Root

POLL_SECONDS = 2.0
POLL_SHARE = 10
"""A folder that takes long to list is listed again only after this many times as long."""
OLD_SECONDS = 60.0
"""A file unchanged for this many seconds is taken without being watched. Clocks of file servers may
be wrong; by more than this, they cost a failed try."""
PORTION = 200

Looks = dict[str, FileState | None]


class FoundPicture(NamedTuple):
    """A picture that a listing came across, and whether it is plain that nobody is changing it."""

    path: str
    settled: bool


@dataclass(slots=True)
class _ListingPass:
    """``seen`` is how a polled folder looked the time before (``None``: it is the first time), ``looks`` how
    it looks now; ``looks`` is ``None`` where nobody is going to compare."""

    root: Root
    items: Iterator[Path | TagResult]
    seen: Looks | None
    looks: Looks | None
    seconds: float = 0.0


@dataclass(slots=True)
class _PolledFolder:
    looks: Looks = field(default_factory=dict)
    due: float = 0.0


class Listings:
    """Passages through folders, one after the other, a portion at a time. ``clock`` gives seconds of any
    origin, ``now`` those since 1970."""

    def __init__(self, clock: Callable[[], float], now: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._now = now
        self._passages: deque[_ListingPass] = deque()
        self._polled: dict[Root, _PolledFolder] = {}

    def __bool__(self) -> bool:
        """Whether there is more to go through at once."""
        return bool(self._passages)

    def add(self, root: Root) -> None:
        """Go through all of the folder, as if for the first time."""
        self.drop(root)
        looks: Looks | None = {} if root.polling else None
        self._passages.append(_ListingPass(root, root.pictures(root.path), None, looks))

    def add_folder(self, root: Root, folder: Path) -> None:
        """Go through a part of it that has just appeared."""
        self._passages.append(_ListingPass(root, root.pictures(folder), None, None))

    def drop(self, root: Root) -> None:
        """Forget what is known and planned of the folder."""
        self._polled.pop(root, None)
        self._passages = deque(passage for passage in self._passages if passage.root is not root)

    def next_due(self) -> float | None:
        """When the next folder is to be polled."""
        return min((polled.due for polled in self._polled.values()), default=None)

    def begin_due(self) -> None:
        """Begin to poll those folders whose time has come."""
        for root, polled in list(self._polled.items()):
            if polled.due <= self._clock():
                del self._polled[root]
                self._passages.append(_ListingPass(root, root.pictures(root.path), polled.looks, {}))

    def portion(self) -> list[FoundPicture | TagResult]:
        """Some more of what there is: in a polled folder, of what is new or changed."""
        if not self._passages:
            return []
        passage, begun = self._passages[0], self._clock()
        items = list(islice(passage.items, PORTION))
        found = [news for item in items if (news := self._news(passage, item)) is not None]
        passage.seconds += self._clock() - begun
        if len(items) < PORTION:
            self._passages.popleft()
            self._plan(passage)
        return found

    def _plan(self, passage: _ListingPass) -> None:
        if passage.looks is not None:
            pause = max(POLL_SECONDS, POLL_SHARE * passage.seconds)
            self._polled[passage.root] = _PolledFolder(passage.looks, self._clock() + pause)

    def _news(self, passage: _ListingPass, item: Path | TagResult) -> FoundPicture | TagResult | None:
        if isinstance(item, TagResult):
            return item
        path = str(item)
        state = state_of(path)
        if passage.looks is not None:
            passage.looks[path] = state
        if passage.seen is None:
            return FoundPicture(path, state is None or self._is_old(state))
        if path in passage.seen and passage.seen[path] == state:
            return None
        return FoundPicture(path, state is None)

    def _is_old(self, state: FileState) -> bool:
        # The time of the last status change cannot be set back, unlike that of the last modification.
        changed = max(state.mtime_ns, state.ctime_ns) / 1e9
        return self._now() - changed >= OLD_SECONDS
