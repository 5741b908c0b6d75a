"""Ctrl-C and SIGTERM that let a write finish first."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
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
        self._depth = 0
        self._pending: int | None = None
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
        if self._depth and self._pending is None:
            self._pending = number
            return
        raise Interrupted(number)

    @contextmanager
    def shield(self) -> Iterator[None]:
        """A stretch that signals do not cut short."""
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1
        if not self._depth and self._pending is not None:
            number, self._pending = self._pending, None
            raise Interrupted(number)
