"""Pictures to workers, results to the output, outcomes to whoever listens: the one loop of a run.

Workers give raw results. Back in the main thread, what people said is laid over each, the policy is applied,
once, and the sink stores what comes of it.
"""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from booru_tagger.errors import ClusterError, OutputError
from booru_tagger.parallel import Executor
from booru_tagger.runner.interrupts import Interrupted, Interrupts
from booru_tagger.runner.report import Outcome, Reviewer, RunListener, RunReport
from booru_tagger.runner.sink import BatchSink, PictureResult, Sink, WriteOutcome
from booru_tagger.tagging.failures import attempt, failed
from booru_tagger.tagging.policy import Policy
from booru_tagger.types import Box, PictureError, TagResult

HOLD_SECONDS = 0.05
"""How long a result may wait for others that are stored together with it."""

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


@dataclass(slots=True)
class _Judged:
    """A result that waits to be stored, as people and policy have it; ``kept`` where that failed already."""

    path: Path
    raw: TagResult
    result: TagResult
    waiting: tuple[Box, ...] = ()
    kept: WriteOutcome | None = None


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
        self._together = output if isinstance(output, BatchSink) else None
        self._most = self._together.batch if self._together is not None else 1
        self._held: list[tuple[Path, TagResult]] = []
        self._due = math.inf

    def go(self, items: Iterable[Item | None]) -> RunReport:
        source = iter(items)
        with Interrupts() as self._interrupts:
            try:
                self._work_off(source)
            except Interrupted as interruption:
                self._report.signal = interruption.signal
        self._report.not_done = self._drawn - self._report.seen
        if self._report.stopped is not None:
            self._report.not_done += _count(source)
        return self._report

    def _work_off(self, source: Iterator[Item | None]) -> None:
        try:
            with closing(self._executor.run(self._work, self._to_do(source), self._meanwhile)) as results:
                for path, result in results:
                    self._hold(path, result)
                    if self._report.stopped is not None:
                        break
        finally:
            self._store()

    def _hold(self, path: Path, raw: TagResult) -> None:
        """Take a result, and store it with those that wait, if there are enough of them or they have waited
        long enough."""
        if not self._held:
            self._due = time.monotonic() + HOLD_SECONDS
        self._held.append((path, raw))
        if len(self._held) >= self._most or time.monotonic() >= self._due:
            self._store()

    def _meanwhile(self, *, again: bool) -> float:
        """See :class:`~booru_tagger.parallel.Meanwhile`: nobody waits for a result that is there."""
        left = self._due - time.monotonic() if self._held else math.inf
        if self._held and (left <= 0 or not again):
            self._store()
            return math.inf
        return left

    def _store(self) -> None:
        """Store what waits, and tell of it, in its order."""
        if not self._held or self._report.stopped is not None:
            return
        with self._interrupts.shield():
            held, self._held = self._held, []
            judged = []
            for path, raw in held:
                judged.append(self._judged(path, raw))
                if judged[-1].kept is not None:  # the journal is lost, for those that follow, too
                    break
            for outcome in self._outcomes(judged):
                self._tell(outcome)

    def _to_do(self, source: Iterator[Item | None]) -> Iterator[_Job | None]:
        """Leave out what was done before. Drawn from in the main thread, as the output demands."""
        for item in source:
            if item is None:
                yield None
                self._store()  # the next item may be long in coming
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

    def _judged(self, path: Path, raw: TagResult) -> _Judged:
        """Back in the main thread. Once a picture is kept, no run comes back to it: its faces that wait are
        noted before."""
        judged = _Judged(path, raw, raw)
        if raw.error is not None:
            return judged
        try:
            if self._reviewer is not None:
                judged.result = self._reviewer.overlay(path, raw)
                judged.waiting = self._reviewer.note(path, raw)
            judged.result = self._policy.applied(judged.result)
        except OutputError as error:  # of the journal
            judged.kept = WriteOutcome(failures=[error], fatal=error)
        return judged

    def _outcomes(self, pictures: Sequence[_Judged]) -> Iterator[Outcome]:
        """Store the results, no two pictures at once; what became of each, up to one that ends the run."""
        kept = iter(self._keep([one for one in pictures if one.kept is None and one.raw.error is None]))
        for one in pictures:
            if one.raw.error is not None:
                yield Outcome(one.raw.path, one.raw)
                continue
            outcome = one.kept or next(kept)
            yield _told(one, outcome)
            if outcome.fatal is not None:
                self._report.stopped = outcome.fatal
                return

    def _keep(self, pictures: Sequence[_Judged]) -> list[WriteOutcome]:
        if self._output is None:
            return [WriteOutcome() for _ in pictures]
        if self._together is not None:
            return self._together.keep_all([PictureResult(one.path, one.result, one.raw) for one in pictures])
        return [self._output.keep(one.path, one.result, one.raw) for one in pictures]

    def _tell(self, outcome: Outcome) -> None:
        self._report.add(outcome)
        self._listener(outcome)


def _told(judged: _Judged, kept: WriteOutcome) -> Outcome:
    result = judged.result
    if kept.failures:
        message = "; ".join(str(error) for error in kept.failures)
        said = PictureError(kept.failures[0].kind, message)
        result = TagResult(result.path, result.width, result.height, error=said, model=result.model)
    return Outcome(result.path, result, tuple(kept.changed), judged.waiting)


def _count(source: Iterator[Item | None]) -> int:
    """Items left, up to where the source would make us wait."""
    count = 0
    for item in source:
        if item is None:
            break
        count += 1
    return count
