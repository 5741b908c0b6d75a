"""What every executor promises."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterable, Iterator
from typing import Protocol, TypeVar

I = TypeVar("I")  # noqa: E741 - an item; the letter is the convention of this module alone
R = TypeVar("R")


class Meanwhile(Protocol):
    """Something to do in the caller's thread whenever no result is there."""

    def __call__(self, *, again: bool) -> float:
        """``again``: if no result comes, it is called again after as many seconds as it returns. Otherwise
        the caller's thread is busy for a time that nobody knows."""


def rest(*, again: bool) -> float:
    """Nothing to do meanwhile."""
    return math.inf


class Executor(Protocol):
    """Applies a function to items, perhaps several at once."""

    def run(
        self, function: Callable[[I], R], items: Iterable[I | None], meanwhile: Meanwhile = rest
    ) -> Generator[R, None, None]:
        """Yield ``function(item)`` for each item, in the order of the items.

        - ``items`` may be endless. It is drawn from in the caller's thread, while the result is iterated, and
          never more than a bounded number of items ahead of the results handed out.
        - ``None`` among the items has no result. It says that the next item may be long in coming: everything
          begun is finished and handed out first.
        - An exception of ``function`` is raised in its item's turn, one of ``items`` after the results of the
          items before it. Either ends the iteration.
        - What ``meanwhile`` raises ends the iteration, too.
        - When the iteration ends, for whatever reason, closing it early among them, items that were not begun
          are dropped, and those that were are waited for.
        """
        ...


def stream(
    items: Iterable[I | None], begin: Callable[[I], Iterable[R]], finish: Callable[[], Iterable[R]]
) -> Iterator[R]:
    """Draw ``items`` one by one, as :class:`Executor` promises.

    ``begin`` starts the work on an item and gives the results that are to be handed out before the next one
    is drawn; ``finish`` waits for all that was begun.
    """
    source = iter(items)
    failure: Exception | None = None
    while True:
        try:
            item = next(source)
        except StopIteration:
            break
        except Exception as error:
            failure = error
            break
        yield from finish() if item is None else begin(item)
    yield from finish()
    if failure is not None:
        raise failure
