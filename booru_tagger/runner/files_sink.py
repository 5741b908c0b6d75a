"""The only place that changes files: writers, with the journal that knows which tags are theirs."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path

from booru_tagger.errors import BooruTaggerError, OutputError
from booru_tagger.journal import Journal, JournalEntry, Mark, Ownership, RawResult
from booru_tagger.journal.writes import Tagging
from booru_tagger.runner.picture_files import PictureFiles
from booru_tagger.runner.sink import PictureResult, WriteOutcome
from booru_tagger.types import TagResult
from booru_tagger.writers.base import Job, Preparing, Writer
from booru_tagger.writers.naming import Naming, WriterOptions, refuse_rival
from booru_tagger.writers.registry import make_writer, refuse_same_target
from booru_tagger.writers.sidecar import Sidecar

_BATCH = 16
"""Pictures whose files are flushed and recorded together: so few that another process soon has its turn."""
_INCOMPLETE = ""
"""Fingerprint of a picture for which some writer failed: never asked for, so the picture is done again."""


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
        self.batch = _BATCH if all(isinstance(writer, Preparing) for writer in writers) else 1
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
        return self.keep_all([PictureResult(picture, result, raw)])[0]

    def keep_at(
        self, picture: Path, result: TagResult, targets: Mapping[str, Path], raw: TagResult | None = None
    ) -> WriteOutcome:
        """Write ``result`` to the ``targets`` of the writers. What goes wrong is in the answer."""
        return self._keep_together([PictureFiles(PictureResult(picture, result, raw), targets)])[0]

    def keep_all(self, found: Sequence[PictureResult]) -> list[WriteOutcome]:
        """As :meth:`keep`, for each of them, up to one after which nothing more can be written."""
        outcomes: list[WriteOutcome] = []
        for group in self._apart(found):
            outcomes += self._keep_together(group)
            if outcomes[-1].fatal is not None:
                break
        return outcomes

    def _apart(self, found: Sequence[PictureResult]) -> Iterator[list[PictureFiles]]:
        """Groups in which no two pictures have a file in common."""
        group: list[PictureFiles] = []
        for one in found:
            files = self._files(one)
            if len(group) == self.batch or any(files.paths & others.paths for others in group):
                yield group
                group = []
            group.append(files)
        if group:
            yield group

    def _files(self, found: PictureResult) -> PictureFiles:
        try:
            if self._looks_for_rivals:
                refuse_rival(found.picture, self._naming)
            targets = self._targets(found.picture)
            refuse_same_target(targets)
        except OutputError as error:
            files = PictureFiles(found, {})
            files.kept.failures.append(error)
            return files
        return PictureFiles(found, targets)

    def _keep_together(self, group: Sequence[PictureFiles]) -> list[WriteOutcome]:
        todo = [files for files in group if not files.kept.failures]
        try:
            with self._turn(todo):
                self._record(self._write_all(todo))
        except OutputError as error:  # of the journal: without it we would lose track of whose the tags are
            for files in todo:
                files.kept.failures.append(error)
                files.kept.fatal = error
        finally:
            for files in todo:
                files.discard()
        return list(_up_to_fatal(files.kept for files in group))

    def _turn(self, group: Sequence[PictureFiles]) -> AbstractContextManager[None]:
        if self._journal is None:
            return nullcontext()
        return self._journal.writes.turn({files.found.picture: files.targets.values() for files in group})

    def _write_all(self, group: Sequence[PictureFiles]) -> list[PictureFiles]:
        """Take all steps, one after the other; those that were written. After the last of them, nothing more
        may be possible."""
        owned = self._ownerships(group)
        anew = not self._respect_deletions

        def prepare(files: PictureFiles) -> None:
            files.prepare(self._writers, partial(self._job, files.found, owned), anew=anew)

        for step in (prepare, PictureFiles.flush):
            group = _taken(step, group)
        if self._journal is not None:
            self._journal.writes.announce([one for files in group for one in files.announcements()])
        return _taken(PictureFiles.put, group)

    def _ownerships(self, group: Sequence[PictureFiles]) -> dict[tuple[Path, Path], Ownership]:
        """By target and picture."""
        pairs = [(target, files.found.picture) for files in group for target in files.targets.values()]
        if self._journal is None:
            return {}
        return dict(zip(pairs, self._journal.writes.ownerships(pairs), strict=True))

    def _job(
        self, found: PictureResult, owned: Mapping[tuple[Path, Path], Ownership], writer: str, target: Path
    ) -> Job:
        picture, result = found.picture, found.result
        if self._journal is None:
            return Job(picture, target, result, result.tags)
        mine = owned[target, picture]
        announce = partial(self._journal.announce, picture, writer)
        return Job(picture, target, result, result.tags, mine.owned, mine.deleted, announce)

    def _record(self, group: Sequence[PictureFiles]) -> None:
        if self._journal is not None and group:
            self._journal.writes.record([self._tagging(files) for files in group])

    def _tagging(self, files: PictureFiles) -> Tagging:
        picture, result, raw = files.found
        done = _INCOMPLETE if files.kept.failures else self._fingerprint_for(files.targets)
        facts = None if raw is None else RawResult(raw, self._raw_fingerprint)
        return Tagging(picture, done, result, files.written, facts)


def _taken(step: Callable[[PictureFiles], None], group: Sequence[PictureFiles]) -> list[PictureFiles]:
    """Those that took the step, up to one after which nothing more can be written."""
    taken = []
    for files in group:
        if files.kept.fatal is None:
            step(files)
        taken.append(files)
        if files.kept.fatal is not None:
            break
    return taken


def _up_to_fatal(outcomes: Iterable[WriteOutcome]) -> Iterator[WriteOutcome]:
    for outcome in outcomes:
        yield outcome
        if outcome.fatal is not None:
            return


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
