"""When a file has stopped changing, decided from its looks alone. No clock and no disk of its own."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass

from booru_tagger.files.stamps import FileState, state_of

PATIENCE = 30.0
"""Seconds without a change after which a file is taken even though its writer has not closed it."""


@dataclass(slots=True)
class _Unsettled:
    state: FileState
    since: float
    due: float
    writing: bool


class Settler:
    """Holds files back until they have looked the same for ``quiet`` seconds.

    A file that somebody is known to write to, or that is still empty, is held ``patience`` seconds instead: a
    slow copy may pause, and browsers make an empty file first. Times are of any one clock, in seconds.
    """

    def __init__(
        self, quiet: float, patience: float = PATIENCE, look: Callable[[str], FileState | None] = state_of
    ) -> None:
        self._quiet = quiet
        self._patience = max(quiet, patience)
        self._look = look
        self._files: dict[str, _Unsettled] = {}
        self._queue: list[tuple[float, str]] = []

    def __len__(self) -> int:
        return len(self._files)

    def touch(self, path: str, now: float, *, writing: bool = False) -> None:
        """Something happened to the file; ``writing`` if its writer is not done, as far as is known."""
        state = self._look(path)
        if state is None:
            return  # and if we hold it, it will be missed when it is due
        if path not in self._files:
            heapq.heappush(self._queue, (now + self._quiet, path))
        self._files[path] = _Unsettled(state, now, now + self._quiet, writing)

    def next_due(self) -> float | None:
        """When to call :meth:`ready` again; it may then find that it is too early still."""
        return self._queue[0][0] if self._queue else None

    def ready(self, now: float) -> list[str]:
        """Files that have settled by ``now``, which are then forgotten. So are those that went away."""
        settled = []
        while self._queue and self._queue[0][0] <= now:
            _, path = heapq.heappop(self._queue)
            if self._is_settled(path, self._files[path], now):
                settled.append(path)
        return settled

    def _is_settled(self, path: str, file: _Unsettled, now: float) -> bool:
        if file.due <= now:
            state = self._look(path)
            if state is None:
                del self._files[path]
                return False
            if state != file.state:
                file.state, file.since = state, now
            elif now - file.since >= self._needed(file):
                del self._files[path]
                return True
            file.due = now + self._quiet
        heapq.heappush(self._queue, (file.due, path))
        return False

    def _needed(self, file: _Unsettled) -> float:
        return self._patience if file.writing or file.state.size == 0 else self._quiet
