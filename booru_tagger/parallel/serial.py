"""One item after the other, in the caller's thread."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from booru_tagger.parallel.base import I, R


class SerialExecutor:
    """See :class:`booru_tagger.parallel.base.Executor`."""

    def run(self, function: Callable[[I], R], items: Iterable[I | None]) -> Iterator[R]:
        for item in items:
            if item is not None:
                yield function(item)
