"""Ctrl-C and SIGTERM that let a write finish first."""

from __future__ import annotations

import signal
import threading
from contextlib import AbstractContextManager
from types import FrameType
from typing import Self


class Interrupted(KeyboardInterrupt):
    """The user or the system wants the program to end. ``signal`` is the number of what was sent."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.signal = number

    @property
    def exit_code(self) -> int:
        """What shells expect of a program that a signal ended."""
        return 128 + self.signal


class Interrupts:
    """While open, SIGINT and SIGTERM raise :class:`Interrupted` in the main thread, but not inside a shield.

    What arrives in a shield is raised when it ends; only a second one there goes through at once, for the
    case that the write hangs. Outside the main thread signals cannot be taken, and this does nothing.
    """

    def __init__(self) -> None:
        self._shield = _Shield()
        self._former: dict[int, object] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._former[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._former.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
        self._former.clear()

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self._shield.depth and self._shield.pending is None:
            self._shield.pending = number
            return
        raise Interrupted(number)

    def shield(self) -> AbstractContextManager[None]:
        """A stretch that signals do not cut short."""
        return self._shield


class _Shield(AbstractContextManager[None]):
    """One for all stretches, as a run over pictures that are done takes one for each of them.

    What arrives in the outermost stretch is raised at its end, unless an error ends it.
    """

    def __init__(self) -> None:
        self.depth = 0
        self.pending: int | None = None

    def __enter__(self) -> None:
        self.depth += 1

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.depth -= 1
        if kind is None and not self.depth and self.pending is not None:
            number, self.pending = self.pending, None
            raise Interrupted(number)
