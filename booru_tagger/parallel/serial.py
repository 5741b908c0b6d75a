"""One item after the other, in the caller's thread."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable

from booru_tagger.parallel.base import I, R


class SerialExecutor:
    """See :class:`booru_tagger.parallel.base.Executor`."""

    def run(self, function: Callable[[I], R], items: Iterable[I | None]) -> Generator[R, None, None]:
        for item in items:
            if item is not None:
                yield function(item)
