"""The files of one picture on their way into their places: many pictures take each step together.

Prepared, they are temporary files beside their targets; flushed, they outlast a power failure; announced, the
journal knows whose the tags in them are; and then they are put in their places.
"""

from __future__ import annotations

import errno
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from booru_tagger.errors import BooruTaggerError, OutputError
from booru_tagger.files.replace import SweptAwayError
from booru_tagger.journal.writes import Announcement
from booru_tagger.runner.sink import PictureResult, WriteOutcome
from booru_tagger.writers.atomic import ChangedMeanwhileError
from booru_tagger.writers.base import Job, Prepared, Preparing, Writer, Written

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_log = logging.getLogger(__name__)


class _Step(NamedTuple):
    """What one writer is to do, or has prepared."""

    writer: Writer
    job: Job
    change: Prepared | None


class PictureFiles:
    """Written by ``writers``, each to its one of ``targets``. What goes wrong is in ``kept``, and the other
    writers go on, unless it is fatal. ``written`` are the accounts of the others, by name."""

    def __init__(self, found: PictureResult, targets: Mapping[str, Path]) -> None:
        self.found, self.targets = found, targets
        self.kept = WriteOutcome()
        self.written: list[tuple[str, Written]] = []
        self._steps: list[_Step] = []

    @property
    def paths(self) -> set[Path]:
        """All that is read or written for the picture."""
        return {self.found.picture, *self.targets.values()}

    def prepare(self, writers: Sequence[Writer], job_of: Callable[[str, Path], Job], *, anew: bool) -> None:
        """Make ready what can be made ready; ``anew``, too, tags of ours that a person took out."""
        for writer in writers:
            target = self.targets.get(writer.name)
            if target is None or self.kept.fatal is not None:
                continue
            with self._noting(writer):
                job = job_of(writer.name, target)
                job = _despite_deletions(writer, job) if anew else job
                change = writer.prepare(job) if isinstance(writer, Preparing) else None
                self._steps.append(_Step(writer, job, change))

    def flush(self) -> None:
        """Have on the disk what was made ready."""
        for step in list(self._steps):
            if step.change is not None:
                with self._noting(step.writer, step):
                    step.change.flush()

    def announcements(self) -> list[Announcement]:
        """What is about to be put in its place; what was not made ready announces itself."""
        if self.kept.fatal is not None:
            return []
        return [
            Announcement(self.found.picture, step.writer.name, step.change.written)
            for step in self._steps
            if step.change is not None and step.change.written.changed
        ]

    def put(self) -> None:
        """Put all in its place; do anew what others have changed in between."""
        for step in self._steps:
            if self.kept.fatal is None:
                with self._noting(step.writer):
                    account = _done(step)
                    self.written.append((step.writer.name, account))
                    self.kept.changed += [account.target] if account.changed else []

    def discard(self) -> None:
        """Let go of what was made ready."""
        for step in self._steps:
            if step.change is not None:
                step.change.discard()

    @contextmanager
    def _noting(self, writer: Writer, step: _Step | None = None) -> Iterator[None]:
        """Notes what goes wrong, and gives up the ``step``.

        Writers come from other packages, too: a mistake in one must not end a run over ten thousand files.
        """
        try:
            yield
        except BooruTaggerError as error:
            self._fail(error, step)
        except Exception as error:
            picture = self.found.picture
            _log.debug("unexpected error of the writer %s at %s", writer.name, picture, exc_info=True)
            reason = f"{type(error).__name__}: {error}"
            told = OutputError(f"{picture}: unexpected error of the writer {writer.name!r} ({reason})")
            told.__cause__ = error
            self._fail(told, step)

    def _fail(self, error: BooruTaggerError, step: _Step | None) -> None:
        self.kept.failures.append(error)
        self.kept.fatal = error if _is_full(error) else self.kept.fatal
        if step is not None and step.change is not None:
            step.change.discard()
            self._steps.remove(step)


def _done(step: _Step) -> Written:
    if step.change is None:
        return step.writer.write(step.job)
    try:
        step.change.look()
        step.change.put()
    except (ChangedMeanwhileError, SweptAwayError):
        return step.writer.write(step.job)
    return step.change.written


class _CalledOffError(Exception):
    """Keeps a writer from swapping its file in; holds what it would have done."""

    def __init__(self, account: Written) -> None:
        super().__init__()
        self.account = account


def _call_off(account: Written) -> None:
    raise _CalledOffError(account)


def _despite_deletions(writer: Writer, job: Job) -> Job:
    """The job under which tags that a person took out are new, and so written again.

    Which of ours are gone, the writer alone can tell; it is asked, and called off before it changes anything.
    """
    known = replace(job, deleted=frozenset())
    if not job.owned:
        return known
    try:
        account = writer.write(replace(known, announce=_call_off))
    except _CalledOffError as called_off:
        account = called_off.account
    return replace(known, owned=job.owned - account.deleted)


def _is_full(error: BooruTaggerError) -> bool:
    cause = error.__cause__
    return isinstance(cause, OSError) and cause.errno in _FULL
