"""Runs of several threads as one: what waits while a device is busy goes to it together."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from booru_tagger.models.session import Array, Session, Source
from booru_tagger.providers import PROVIDERS


@dataclass(slots=True, eq=False)
class _Call:
    """One thread's inputs and, once ``done``, its answer or what went wrong."""

    feeds: Mapping[str, Array]
    done: bool = False
    answer: dict[str, Array] = field(default_factory=dict)
    error: Exception | None = None

    @property
    def form(self) -> tuple[object, ...]:
        """Calls of the same form can be laid on top of each other."""
        return tuple((name, value.shape[1:], value.dtype) for name, value in self.feeds.items())

    @property
    def rows(self) -> int:
        return len(next(iter(self.feeds.values())))


class CombiningSession(Session):
    """A session for a device that wants large batches; each thread gives it one and gets its own rows back.

    Nobody waits for others to come: a thread that finds the device free uses it at once. Up to ``batch`` of
    the calls that gather meanwhile are run together by one of their threads.
    """

    def __init__(self, source: Source, **options: Any) -> None:
        super().__init__(source, **options)
        self._turn = threading.Condition()
        self._waiting: list[_Call] = []
        self._busy = False

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """As :meth:`Session.run`; all inputs and outputs have the same first dimension."""
        call = _Call(feeds)
        with self._turn:
            self._waiting.append(call)
        while not call.done:
            if together := self._take(call):
                try:
                    self._run_together(together)
                finally:
                    with self._turn:
                        self._busy = False
                        self._turn.notify_all()
        if call.error is not None:
            raise call.error
        return call.answer

    def _take(self, call: _Call) -> list[_Call]:
        """What to run now, once the device is free; nothing if ``call`` was done by then."""
        with self._turn:
            self._turn.wait_for(lambda: call.done or not self._busy)
            if call.done:
                return []
            self._busy = True
            form = self._waiting[0].form
            together = [item for item in self._waiting if item.form == form][: self._most()]
            self._waiting = [item for item in self._waiting if item not in together]
            return together

    def _most(self) -> int:
        """One where the network was exported for a batch of fixed size."""
        first = next(iter(self.inputs.values()))
        return 1 if first and isinstance(first[0], int) else self.batch

    def _run_together(self, calls: list[_Call]) -> None:
        try:
            names = calls[0].feeds
            stacked = {name: np.concatenate([call.feeds[name] for call in calls]) for name in names}
            answer = super().run(stacked if len(calls) > 1 else names)
            start = 0
            for call in calls:
                end = start + call.rows
                call.answer = {name: value[start:end] for name, value in answer.items()}
                start = end
        except Exception as error:
            for call in calls:
                call.error = error
        finally:
            for call in calls:
                call.done = True


def open_session(source: Source, *, name: str, threads: int, provider: str, network: str = "") -> Session:
    """A session as suits the provider: one that gathers runs where it wants several pictures at once.

    ``network`` as for :class:`Session`. Raises :class:`ConfigError` for an unknown ``provider``.
    """
    known = PROVIDERS.get(provider)
    kind = CombiningSession if known is not None and known.batch > 1 else Session
    return kind(source, name=name, threads=threads, provider=provider, network=network)
