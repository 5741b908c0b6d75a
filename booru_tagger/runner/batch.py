"""Pictures to workers, results to the output, outcomes to whoever listens: the one loop of a run.

Workers give raw results. Back in the main thread, what people said is laid over each, the policy is applied,
once, and the sink stores what comes of it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import TypeAlias

from booru_tagger.errors import ClusterError, OutputError
from booru_tagger.lazy_dataclass import dataclass
from booru_tagger.parallel import Executor
from booru_tagger.runner.files_sink import Sink, WriteOutcome
from booru_tagger.runner.interrupts import Interrupted, Interrupts
from booru_tagger.runner.report import Outcome, Reviewer, RunListener, RunReport
from booru_tagger.tagging.failures import attempt, failed
from booru_tagger.tagging.policy import Policy
from booru_tagger.types import Box, PictureError, TagResult

Item: TypeAlias = Path | TagResult
TagFunction: TypeAlias = Callable[[Path], TagResult]
_Job: TypeAlias = tuple[Path, TagResult | None]
"""A path to tag, or one whose result is known: it failed before it came to that, or was tagged before."""


def run(
    items: Iterable[Item | None],
    tag: TagFunction,
    *,
    executor: Executor,
    policy: Policy,
    output: Sink | None = None,
    reviewer: Reviewer | None = None,
    listener: RunListener = lambda outcome: None,
) -> RunReport:
    """Tag all ``items`` and give each result to ``output``; without one, nothing is written.

    What people said of faces, as ``reviewer`` knows it, outweighs what was found.

    Items are paths, results of what failed already, and ``None`` where the source may be long in coming (see
    :class:`Executor`). A picture that fails is part of the report, and the rest goes on. The run ends early,
    and its report says why, on SIGINT and SIGTERM (the write in progress is finished) and where nothing more
    can be written (disk full, journal lost). Other errors, such as a model's, are raised.
    """
    return _Run(tag, executor, policy, output, reviewer, listener).go(items)


@dataclass(frozen=True, slots=True)
class _Work:
    """In a worker, perhaps on another machine: nothing here writes, or raises for the sake of one picture."""

    tag: TagFunction

    def __call__(self, job: _Job) -> tuple[Path, TagResult]:
        path, known = job
        return path, attempt(functools.partial(self.tag, path), path) if known is None else known

    def lost(self, job: _Job, reason: str) -> tuple[Path, TagResult]:
        """The result of a picture that no worker survives."""
        path, _ = job
        return path, failed(path, ClusterError(f"{path}: {reason}; it may need too much memory"))


class _Run:
    def __init__(
        self,
        tag: TagFunction,
        executor: Executor,
        policy: Policy,
        output: Sink | None,
        reviewer: Reviewer | None,
        listener: RunListener,
    ) -> None:
        self._work, self._executor, self._policy = _Work(tag), executor, policy
        self._output, self._reviewer, self._listener = output, reviewer, listener
        self._report = RunReport()
        self._drawn = 0

    def go(self, items: Iterable[Item | None]) -> RunReport:
        source = iter(items)
        with Interrupts() as self._interrupts:
            try:
                with closing(self._executor.run(self._work, self._to_do(source))) as results:
                    for path, result in results:
                        with self._interrupts.shield():
                            self._tell(self._outcome(path, result))
                        if self._report.stopped is not None:
                            break
            except Interrupted as interruption:
                self._report.signal = interruption.signal
        self._report.not_done = self._drawn - self._report.seen
        if self._report.stopped is not None:
            self._report.not_done += _count(source)
        return self._report

    def _to_do(self, source: Iterator[Item | None]) -> Iterator[_Job | None]:
        """Leave out what was done before. Drawn from in the main thread, as the output demands."""
        for item in source:
            if item is None:
                yield None
                continue
            self._drawn += 1
            if isinstance(item, TagResult):
                yield Path(item.path), item
                continue
            try:
                done, known = self._look_up(item)
            except OutputError as error:
                self._report.stopped = error
                return
            if done:
                self._tell(Outcome(str(item), None))
            else:
                yield item, known

    def _look_up(self, path: Path) -> tuple[bool, TagResult | None]:
        """Whether all was done before, and else what was found before, if that still holds."""
        if self._output is None:
            return False, None
        with self._interrupts.shield():
            done = self._output.is_done(path)
            return done, None if done else self._output.found_before(path)

    def _outcome(self, path: Path, raw: TagResult) -> Outcome:
        """Back in the main thread, so that no two pictures are written at once."""
        if raw.error is not None:
            return Outcome(raw.path, raw)
        result, kept, waiting = raw, WriteOutcome(), tuple[Box, ...]()
        try:
            if self._reviewer is not None:
                result = self._reviewer.overlay(path, raw)
                waiting = self._reviewer.note(path, raw)  # once it is kept, no run comes back to a picture
            result = self._policy.applied(result)
            if self._output is not None:
                kept = self._output.keep(path, result, raw)
        except OutputError as error:  # of the journal
            kept = WriteOutcome(failures=[error], fatal=error)
        if kept.fatal is not None:
            self._report.stopped = kept.fatal
        if kept.failures:
            message = "; ".join(str(error) for error in kept.failures)
            said = PictureError(kept.failures[0].kind, message)
            result = TagResult(result.path, result.width, result.height, error=said, model=result.model)
        return Outcome(result.path, result, tuple(kept.changed), waiting)

    def _tell(self, outcome: Outcome) -> None:
        self._report.add(outcome)
        self._listener(outcome)


def _count(source: Iterator[Item | None]) -> int:
    """Items left, up to where the source would make us wait."""
    count = 0
    for item in source:
        if item is None:
            break
        count += 1
    return count
