"""Items in this process: one after the other, or several at once in threads, since decoding and inference
release Python's lock.
"""

from __future__ import annotations

import contextlib
import math
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from booru_tagger.parallel.base import I, Meanwhile, R, rest, stream


class SerialExecutor:
    """One item after the other, in the caller's thread. See :class:`booru_tagger.parallel.base.Executor`."""

    def run(
        self, function: Callable[[I], R], items: Iterable[I | None], meanwhile: Meanwhile = rest
    ) -> Generator[R, None, None]:
        for item in items:
            if item is not None:
                meanwhile(again=False)
                yield function(item)


class ThreadExecutor:
    """See :class:`booru_tagger.parallel.base.Executor`.

    ``jobs`` items are worked on at once, and at most ``in_flight`` (twice that, unless told) are drawn but
    not handed out yet, so that a slow item in front does not leave the other threads idle.
    """

    def __init__(self, jobs: int, in_flight: int | None = None) -> None:
        if jobs < 1:
            raise ValueError(f"jobs must be at least 1, not {jobs}")
        self.jobs = jobs
        self.in_flight = max(jobs, in_flight or 2 * jobs)

    def run(
        self, function: Callable[[I], R], items: Iterable[I | None], meanwhile: Meanwhile = rest
    ) -> Generator[R, None, None]:
        # ThreadPoolExecutor.map would draw all items before the first result.
        pool = ThreadPoolExecutor(self.jobs, thread_name_prefix="booru-tagger")
        flying: deque[Future[R]] = deque()

        def begin(item: I) -> Iterator[R]:
            flying.append(pool.submit(function, item))
            while len(flying) >= self.in_flight or (flying and flying[0].done()):
                yield _awaited(flying.popleft(), meanwhile)

        try:
            yield from stream(items, begin, lambda: _drain(flying, meanwhile))
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _drain(flying: deque[Future[R]], meanwhile: Meanwhile) -> Iterator[R]:
    while flying:
        yield _awaited(flying.popleft(), meanwhile)


def _awaited(future: Future[R], meanwhile: Meanwhile) -> R:
    while not future.done():
        pause = meanwhile(again=True)
        with contextlib.suppress(TimeoutError):  # the function's own is returned here, not raised
            future.exception(None if pause == math.inf else pause)
    return future.result()
