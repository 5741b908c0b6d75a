"""Pictures of all requests in one short queue, before as many threads as there are cores, and its bounds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from booru_tagger.errors import BooruTaggerError


@dataclass(frozen=True, slots=True)
class RequestLimits:
    """``body``: bytes of one request. ``files``: pictures in it. ``jobs``: pictures tagged at once.
    ``waiting``: pictures that may wait for that; with more, the server says that it is busy. ``seconds``: for
    a request to arrive, and for its answer to be found.
    """

    body: int = 50_000_000
    files: int = 32
    jobs: int = 1
    waiting: int = 64
    seconds: float = 60.0


T = TypeVar("T")


class BusyError(BooruTaggerError):
    """More pictures wait than the bounds allow."""

    kind = "busy"


class LateError(BooruTaggerError):
    """The answer was not found in the time that the bounds allow."""

    kind = "late"


class Pool:
    """Runs functions in threads; belongs to one event loop.

    Each thread runs a network on one picture: on processors several of these outdo larger batches, and they
    share the loaded networks.
    """

    def __init__(self, bounds: RequestLimits) -> None:
        self._bounds = bounds
        self._threads = ThreadPoolExecutor(bounds.jobs, thread_name_prefix="booru-tagger-serve")
        self.held = 0
        """Pictures that are worked on or wait for it."""

    async def run(self, functions: list[Callable[[], T]]) -> list[T]:
        """The results of all functions, in their order.

        Raises :class:`BusyError` at once where they do not fit into the queue, and :class:`LateError`. Those
        not begun by then are dropped; those that were end in peace, and count until they do.
        """
        if self.held + len(functions) > self._bounds.jobs + self._bounds.waiting:
            raise BusyError("too many pictures wait already; try again in a moment")
        loop = asyncio.get_running_loop()
        futures = [self._threads.submit(function) for function in functions]
        self.held += len(futures)
        for future in futures:
            future.add_done_callback(lambda _: loop.call_soon_threadsafe(self._let_go))
        try:
            async with asyncio.timeout(self._bounds.seconds):
                return list(await asyncio.gather(*(asyncio.wrap_future(future) for future in futures)))
        except TimeoutError as error:
            raise LateError(f"no answer within {self._bounds.seconds:g} seconds") from error
        finally:
            for future in futures:
                future.cancel()

    def _let_go(self) -> None:
        self.held -= 1

    def close(self) -> None:
        """Wait for what was begun and drop the rest."""
        self._threads.shutdown(wait=True, cancel_futures=True)
