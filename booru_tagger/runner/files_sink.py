"""The only place that changes files: writers, with the journal that knows which tags are theirs."""

from __future__ import annotations

import errno
import hashlib
import logging
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import field, replace
from functools import partial
from pathlib import Path
from typing import Protocol

from booru_tagger.errors import BooruTaggerError, OutputError
from booru_tagger.journal import Journal, JournalEntry, Mark, Ownership, RawResult
from booru_tagger.lazy_dataclass import dataclass
from booru_tagger.types import TagResult
from booru_tagger.writers.base import Job, Writer, Written
from booru_tagger.writers.naming import Naming, WriterOptions, refuse_rival
from booru_tagger.writers.registry import make_writer, refuse_same_target
from booru_tagger.writers.sidecar import Sidecar

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_log = logging.getLogger(__name__)
_INCOMPLETE = ""
"""Fingerprint of a picture for which some writer failed: never asked for, so the picture is done again."""


@dataclass(slots=True)
class WriteOutcome:
    """What became of one picture's files.

    ``failures`` are those of single writers. ``fatal`` is set where further writes would fail, too.
    """

    changed: list[Path] = field(default_factory=list)
    failures: list[BooruTaggerError] = field(default_factory=list)
    fatal: BooruTaggerError | None = None


class Sink(Protocol):
    """Where a run's results go: files, or a booru. Used from one thread."""

    def is_done(self, picture: Path, /) -> bool:
        """Whether an earlier run did all there is to do. Raises OutputError where no more can be done."""
        ...

    def found_before(self, picture: Path, /) -> TagResult | None:
        """The raw result of an earlier run, where it would come out the same again.

        Raises OutputError where no more can be done.
        """
        ...

    def keep(self, picture: Path, result: TagResult, raw: TagResult, /) -> WriteOutcome:
        """Store ``result``, which was made of ``raw``. What goes wrong is in the answer."""
        ...


def may_collide(writers: Sequence[Writer], naming: Naming) -> bool:
    """Whether two pictures may share a sidecar."""
    shared = naming.scheme != "full" or naming.output is not None
    return shared and any(isinstance(writer, Sidecar) for writer in writers)


class Output:
    """Hands results to writers, and tells the journal. To be used from one thread.

    ``fingerprint`` stands for the model and all settings that shape what is written: a picture that the
    journal has under another one is done again, and under ``force`` each is. ``raw_fingerprint`` stands for
    the model and the settings that shape raw results: under the same one they are not found anew. Tags of
    ours that a person took out stay out, unless ``respect_deletions`` is false.
    """

    def __init__(
        self,
        writers: Sequence[Writer],
        naming: Naming,
        *,
        journal: Journal | None = None,
        fingerprint: str = "",
        raw_fingerprint: str = "",
        force: bool = False,
        respect_deletions: bool = True,
    ) -> None:
        self._writers = writers
        self._naming = naming
        self._journal = journal
        self._fingerprint = fingerprint
        self._raw_fingerprint = raw_fingerprint
        self._force = force
        self._respect_deletions = respect_deletions
        self._looks_for_rivals = may_collide(writers, naming)

    def is_done(self, picture: Path) -> bool:
        """Whether an earlier run did all there is to do. Raises OutputError where the journal is unusable."""
        if self._journal is None:
            return False
        try:
            targets = self._targets(picture) if self._naming.output is not None else {}
        except OutputError:  # no place for its sidecars; keep() will say so
            return False
        # Asked under force, too: the journal notes what the picture is like before it is read.
        return self._journal.is_done(picture, self._fingerprint_for(targets)) and not self._force

    def found_before(self, picture: Path) -> TagResult | None:
        """The raw result of an earlier run: another policy or writer does not make it look again."""
        if self._journal is None or self._force or not self._raw_fingerprint:
            return None
        raw = self._journal.raw(picture, self._raw_fingerprint)
        return None if raw is None else replace(raw, path=str(picture))

    def recall(self, picture: Path) -> TagResult | None:
        """What an earlier run wrote for the picture, where the journal knows it."""
        entry = self._journal.entry(picture) if self._journal is not None else None
        if entry is None or entry.result is None:
            return None
        return replace(entry.result, path=str(picture))

    def _targets(self, picture: Path) -> dict[str, Path]:
        """Where the tags of a picture go, by writer."""
        targets = {writer.name: writer.target(picture) for writer in self._writers}
        return {name: target for name, target in targets.items() if target is not None}

    def _fingerprint_for(self, targets: Mapping[str, Path]) -> str:
        """In a mirrored tree the same picture may have to go to another place than last time."""
        if self._naming.output is None:
            return self._fingerprint
        places = [str(targets.get(writer.name)) for writer in self._writers]
        return hashlib.sha256("\0".join([self._fingerprint, *places]).encode("utf-8", "replace")).hexdigest()

    def keep(self, picture: Path, result: TagResult, raw: TagResult | None = None) -> WriteOutcome:
        """Write ``result`` with every writer. What goes wrong is in the answer.

        The journal keeps it together with ``raw``, from which a later run may make another one.
        """
        try:
            if self._looks_for_rivals:
                refuse_rival(picture, self._naming)
            targets = self._targets(picture)
            refuse_same_target(targets)
        except OutputError as error:
            return WriteOutcome(failures=[error])
        return self.keep_at(picture, result, targets, raw)

    def keep_at(
        self, picture: Path, result: TagResult, targets: Mapping[str, Path], raw: TagResult | None = None
    ) -> WriteOutcome:
        """Write ``result`` to the ``targets`` of the writers. What goes wrong is in the answer."""
        kept = WriteOutcome()
        try:
            with self._turn(picture, list(targets.values())):
                written = self._write_all(picture, result, targets, kept)
                if self._journal is not None:
                    done = _INCOMPLETE if kept.failures else self._fingerprint_for(targets)
                    facts = None if raw is None else RawResult(raw, self._raw_fingerprint)
                    self._journal.record(picture, done, result, written, facts)
        except OutputError as error:  # of the journal: without it we would lose track of whose the tags are
            kept.failures.append(error)
            kept.fatal = error
        return kept

    def _turn(self, picture: Path, targets: Sequence[Path]) -> AbstractContextManager[None]:
        return nullcontext() if self._journal is None else self._journal.turn(picture, targets)

    def _write_all(
        self, picture: Path, result: TagResult, targets: Mapping[str, Path], kept: WriteOutcome
    ) -> list[tuple[str, Written]]:
        written = []
        for writer in self._writers:
            target = targets.get(writer.name)
            if target is None or kept.fatal is not None:
                continue
            try:
                job = self._job(picture, result, writer.name, target)
                account = _write(writer, job, despite_deletions=not self._respect_deletions)
            except BooruTaggerError as error:
                kept.failures.append(error)
                kept.fatal = error if _is_full(error) else None
            else:
                written.append((writer.name, account))
                kept.changed += [account.target] if account.changed else []
        return written

    def _job(self, picture: Path, result: TagResult, writer: str, target: Path) -> Job:
        if self._journal is None:
            return Job(picture, target, result, result.tags)
        mine: Ownership = self._journal.ownership(target, picture)
        announce = partial(self._journal.announce, picture, writer)
        return Job(picture, target, result, result.tags, mine.owned, mine.deleted, announce)


def _write(writer: Writer, job: Job, *, despite_deletions: bool) -> Written:
    """Writers come from other packages, too: a mistake in one must not end a run over ten thousand files."""
    try:
        return writer.write(_despite_deletions(writer, job) if despite_deletions else job)
    except BooruTaggerError:
        raise
    except Exception as error:
        _log.debug("unexpected error of the writer %s at %s", writer.name, job.picture, exc_info=True)
        reason = f"{type(error).__name__}: {error}"
        raise OutputError(
            f"{job.picture}: unexpected error of the writer {writer.name!r} ({reason})"
        ) from error


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


def rewrite(
    entry: JournalEntry,
    picture: Path,
    result: TagResult,
    raw: RawResult,
    journal: Journal,
    options: WriterOptions,
    otherwise: Sequence[Writer],
) -> WriteOutcome:
    """Write ``result`` wherever tags of the picture were written, by ``otherwise`` where that is nowhere.

    ``entry`` is what the journal knows of the picture; it counts as done for what it was done for before.
    ``raw`` is what ``result`` was made of.
    """
    marks = _last(entry)
    try:
        writers = [make_writer(mark.writer, options) for mark in marks]
    except BooruTaggerError as error:
        return WriteOutcome(failures=[error])
    output = Output(
        writers or otherwise,
        Naming(),
        journal=journal,
        fingerprint=entry.fingerprint,
        raw_fingerprint=raw.fingerprint,
    )
    if not marks:
        return output.keep(picture, result, raw.result)
    return output.keep_at(picture, result, {mark.writer: mark.target for mark in marks}, raw.result)


def _last(entry: JournalEntry) -> list[Mark]:
    """Each writer's newest target: an earlier run may have named its files otherwise."""
    newest: dict[str, Mark] = {}
    for mark in sorted(entry.marks, key=lambda mark: mark.written_at):
        newest[mark.writer] = mark
    return list(newest.values())
