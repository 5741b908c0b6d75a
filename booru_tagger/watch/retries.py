"""Files that failed: when to try them again, and when to leave them alone."""

from __future__ import annotations

import heapq
from collections import OrderedDict
from dataclasses import dataclass

from booru_tagger.files.stamps import FileState

DELAYS = (2.0, 10.0, 60.0)
"""Seconds before the second, third and fourth try of a file."""
MAX_FILES = 10_000
"""Failed files that are remembered. Of more, the oldest are forgotten: they would be tried once more if they
were come across again."""


@dataclass(slots=True)
class _Failed:
    state: FileState
    tries: int


class Retries:
    """Counts the tries of each file, anew whenever the file has changed. Times are of any one clock."""

    def __init__(self, delays: tuple[float, ...] = DELAYS, max_files: int = MAX_FILES) -> None:
        self._delays = delays
        self._max_files = max_files
        self._failed: OrderedDict[str, _Failed] = OrderedDict()
        self._queue: list[tuple[float, str]] = []

    def failed(self, path: str, state: FileState, now: float) -> float | None:
        """Note a failure. Seconds until the next try; ``None`` where the file is set aside."""
        known = self._failed.pop(path, None)
        tries = known.tries + 1 if known is not None and known.state == state else 1
        if len(self._queue) >= self._max_files:
            tries = len(self._delays) + 1
        self._failed[path] = _Failed(state, tries)
        if len(self._failed) > self._max_files:
            self._failed.popitem(last=False)
        if tries > len(self._delays):
            return None
        delay = self._delays[tries - 1]
        heapq.heappush(self._queue, (now + delay, path))
        return delay

    def is_set_aside(self, path: str, state: FileState) -> bool:
        """Whether the file failed for good, and has not changed since."""
        known = self._failed.get(path)
        return known is not None and known.state == state and known.tries > len(self._delays)

    def next_due(self) -> float | None:
        return self._queue[0][0] if self._queue else None

    def due(self, now: float) -> list[str]:
        """Files to be tried again."""
        paths = []
        while self._queue and self._queue[0][0] <= now:
            paths.append(heapq.heappop(self._queue)[1])
        return paths
