"""Where news from the file system waits: merged, bounded, and safe between threads."""

from __future__ import annotations

from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from threading import Lock

MAX_PATHS = 50_000
"""Files and folders that wait at most. What comes on top is lost, and said to be."""


@dataclass(slots=True)
class FolderChanges:
    """What happened since the last time.

    ``files`` tells of each file whether its writer is still at it, as far as is known. ``folders`` appeared
    with all that is in them. ``events`` counts all events, those of no interest too. Where ``lost`` gives a
    reason, there were more.
    """

    files: dict[str, bool] = field(default_factory=dict)
    folders: set[str] = field(default_factory=set)
    events: int = 0
    lost: str | None = None


class Inbox:
    """Filled by the observers' threads, emptied by one reader."""

    def __init__(self, max_paths: int = MAX_PATHS) -> None:
        self._max_paths = max_paths
        self._lock = Lock()
        self._news = FolderChanges()
        self._bell: SimpleQueue[None] = SimpleQueue()  # unlike a condition's, its wait ends on a signal
        self._rung = False

    def count(self) -> None:
        """An event of no interest; it took its place in the system's queue all the same."""
        with self._lock:
            self._news.events += 1

    def put_file(self, path: str, *, writing: bool) -> None:
        """The last word on a file counts, so one that is written in a million pieces takes one place."""
        with self._lock:
            self._news.events += 1
            if self._has_room(path in self._news.files):
                self._news.files[path] = writing
            self._ring()

    def put_folder(self, path: str) -> None:
        with self._lock:
            self._news.events += 1
            if self._has_room(path in self._news.folders):
                self._news.folders.add(path)
            self._ring()

    def put_loss(self, reason: str) -> None:
        """Events were lost."""
        with self._lock:
            self._news.lost = reason
            self._ring()

    def _has_room(self, known: bool) -> bool:
        if known or len(self._news.files) + len(self._news.folders) < self._max_paths:
            return True
        self._news.lost = f"more than {self._max_paths} changes at once"
        return False

    def _ring(self) -> None:
        if not self._rung:
            self._rung = True
            self._bell.put(None)

    def wait(self, timeout: float) -> None:
        """Sleep until there is news worth it, ``timeout`` seconds at most."""
        try:
            self._bell.get(timeout=max(0.0, timeout))
        except Empty:
            return

    def take(self) -> FolderChanges:
        """All the news, leaving none."""
        with self._lock:
            news, self._news = self._news, FolderChanges()
            self._rung = False
            while not self._bell.empty():
                self._bell.get()
        return news
