"""A run that is put together and ready to go: what comes in, who tags it, where results go."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from booru_tagger.errors import RemoteError
from booru_tagger.parallel import Executor
from booru_tagger.runner import Outcome, Reviewer, RunListener, RunReport, Sink, run
from booru_tagger.sources.listed import Item
from booru_tagger.tagging.policy import Policy
from booru_tagger.tagging.tagger import Tagger
from booru_tagger.types import TagResult


@dataclass(frozen=True, slots=True)
class Run:
    """All that a run over pictures needs.

    ``tag`` tags one of the ``items``. Without an ``output`` nothing is written. ``count`` tells how many
    pictures there are, where that can be told before they are read. ``also`` is called before the output.
    ``lost`` tells of a server that went away, also where that was found out at the last pictures.
    """

    tagger: Tagger
    policy: Policy
    executor: Executor
    items: Callable[[], Iterable[Item | None]]
    tag: Callable[[Path], TagResult]
    output: Sink | None = None
    reviewer: Reviewer | None = None
    count: Callable[[], int] | None = None
    also: RunListener = lambda outcome: None
    lost: Callable[[], RemoteError | None] = lambda: None

    def go(self, listener: RunListener = lambda outcome: None) -> RunReport:
        """Do it, to the end or until something ends it early, which the report then tells.

        ``listener`` is called for each picture. Raises what would be the same for every picture, such as a
        model's error.
        """
        broken: list[RemoteError] = []

        def tell(outcome: Outcome) -> None:
            self.also(outcome)
            listener(outcome)

        report = run(
            _until_broken(self.items(), broken),
            self.tag,
            executor=self.executor,
            policy=self.policy,
            output=self.output,
            reviewer=self.reviewer,
            listener=tell,
        )
        if report.stopped is None:
            report.stopped = broken[0] if broken else self.lost()
        return report


def _until_broken(items: Iterable[Item | None], broken: list[RemoteError]) -> Iterator[Item | None]:
    """A search that breaks off ends the run, and the report says so, with what was done before."""
    try:
        # Not "yield from", which would close a watch that goes on after this run.
        for item in items:  # noqa: UP028
            yield item
    except RemoteError as error:
        broken.append(error)
