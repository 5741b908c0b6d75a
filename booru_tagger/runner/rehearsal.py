"""A run without writing: what the writers would refuse is refused, and nothing is touched."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from pathlib import Path

from booru_tagger.errors import BooruTaggerError
from booru_tagger.files.replace import output_error, refuse_read_only, status_of
from booru_tagger.runner.files_sink import may_collide
from booru_tagger.runner.sink import WriteOutcome
from booru_tagger.sources.storage import url_of
from booru_tagger.types import TagResult
from booru_tagger.writers.base import Job, Rehearsing, Writer
from booru_tagger.writers.naming import Naming, refuse_rival
from booru_tagger.writers.registry import refuse_same_target


class Rehearsal:
    """Takes the place of an :class:`~booru_tagger.runner.files_sink.Output`. It knows no journal, so every
    picture is looked at."""

    def __init__(self, writers: Sequence[Writer], naming: Naming) -> None:
        self._writers = writers
        self._naming = naming

    def is_done(self, picture: Path) -> bool:
        return False

    def found_before(self, picture: Path) -> TagResult | None:
        return None

    def keep(self, picture: Path, result: TagResult, raw: TagResult) -> WriteOutcome:
        """What would go wrong is in the answer; nothing is written beside pictures in storage."""
        if url_of(picture) is not None:
            return WriteOutcome()
        try:
            if may_collide(self._writers, self._naming):
                refuse_rival(picture, self._naming)
            targets = {writer.name: writer.target(picture) for writer in self._writers}
            refuse_same_target({name: target for name, target in targets.items() if target is not None})
        except BooruTaggerError as error:
            return WriteOutcome(failures=[error])
        kept = WriteOutcome()
        for writer in self._writers:
            target = targets[writer.name]
            if target is not None:
                try:
                    _rehearse(writer, Job(picture, target, result, result.tags))
                except BooruTaggerError as error:
                    kept.failures.append(error)
        return kept


def _rehearse(writer: Writer, job: Job) -> None:
    status = status_of(job.target)
    if status is not None:
        refuse_read_only(job.target, status)
    folder = job.target.parent
    if folder.is_dir() and not os.access(folder, os.W_OK | os.X_OK):
        raise output_error(job.target, PermissionError(errno.EACCES, os.strerror(errno.EACCES)))
    if isinstance(writer, Rehearsing):
        writer.rehearse(job)
