"""Takes out again what the tool wrote, and nothing else.

A sidecar that nobody touched since gets its old bytes back (or goes, where there was none). One that was
edited, or that several pictures share, or that is a picture, loses exactly the tags that are ours.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from booru_tagger.errors import BooruTaggerError
from booru_tagger.files.stamps import sha256_of_bytes
from booru_tagger.journal import Journal, Mark, Original
from booru_tagger.sources.listed import Walk
from booru_tagger.types import PictureError
from booru_tagger.writers.atomic import read_target, revise
from booru_tagger.writers.base import Revision, TagReader, Writer, Written, plain
from booru_tagger.writers.naming import WriterOptions
from booru_tagger.writers.registry import make_writer

_RESTORABLE = (Original.ABSENT, Original.KEPT)

Fate = Literal["restored", "deleted", "edited", "missing", "failed"]
"""``restored``: its old bytes are back. ``deleted``: there was no such file before, and there is none now.
``edited``: our tags were taken out of it. ``missing``: somebody has deleted it. ``failed``: see the error."""


@dataclass(frozen=True, slots=True)
class TargetUndo:
    """What became of one target; ``tags`` are those taken out, in its spelling."""

    target: Path
    writer: str
    fate: Fate
    tags: tuple[str, ...] = ()
    error: PictureError | None = None


@dataclass(frozen=True, slots=True)
class PictureUndo:
    """What became of all that was written for a picture; no targets where nothing is known of it."""

    picture: Path
    targets: tuple[TargetUndo, ...]

    @property
    def failed(self) -> bool:
        return any(undone.error is not None for undone in self.targets)


class _EditedSinceError(Exception):
    """The target is not as we left it, so its old bytes must not be put back."""


def written_for(paths: Iterable[Path], journal: Journal, walk: Walk) -> Iterator[Path]:
    """The pictures of ``paths`` for which tags of ours stand in some file, each once.

    Any path but a folder is yielded as it is, even where nothing is known of it. A folder stands for every
    picture in it that is known, gone ones too; ``walk`` says whether for those further below, too, and which
    patterns leave some out. Ignored folders count like others: what was written there is taken out.
    """
    seen: set[Path] = set()
    for path in paths:
        pictures = _in_folder(path, journal, walk) if path.is_dir() else [path]
        for picture in pictures:
            if picture not in seen:
                seen.add(picture)
                yield picture


def _in_folder(folder: Path, journal: Journal, walk: Walk) -> list[Path]:
    for item in walk.pictures(folder):
        if isinstance(item, Path):
            journal.knows(item)  # pictures that were moved here since are then known by their new place
    below = journal.written_below(folder, recursive=walk.recursive)
    root = Path(os.path.realpath(folder))
    return [picture for picture in below if not walk.ignored.names(picture.relative_to(root))]


def untag(
    picture: Path,
    journal: Journal,
    options: WriterOptions | None = None,
    *,
    dry_run: bool = False,
    forget_deletions: bool = False,
) -> PictureUndo:
    """Take out everything that was written for ``picture``; it then counts as never tagged.

    Tags of ours that a person had taken out stay out in later runs, unless ``forget_deletions``. ``options``
    help to find a writer's target again. A target that cannot be changed is reported as failed and can be
    tried again. Raises :class:`OutputError` where the journal cannot be used.
    """
    with journal.turn(picture, ()):  # settles what a killed run left open
        entry = journal.entry(picture)
    if entry is None:
        return PictureUndo(picture, ())
    task = _Task(picture, journal, options or WriterOptions(), forget_deletions)
    if dry_run:
        return PictureUndo(picture, tuple(task.foresee(mark) for mark in entry.marks if _is_open(mark)))
    with journal.turn(picture, [mark.target for mark in entry.marks]):
        entry = journal.entry(picture)  # again: another process may have been at it
        marks = entry.marks if entry is not None else ()
        done = tuple(task.take_out(mark) for mark in marks if _is_open(mark))
        for mark in marks:
            if not _is_open(mark):
                task.close(mark)
        return PictureUndo(picture, done)


def _is_open(mark: Mark) -> bool:
    """Whether there is something left to undo."""
    is_other = mark.original in _RESTORABLE and sha256_of_bytes(mark.content) != mark.left_sha256
    return bool(mark.owned) or is_other


@dataclass(frozen=True, slots=True)
class _Task:
    """One picture's undoing."""

    picture: Path
    journal: Journal
    options: WriterOptions
    forget_deletions: bool

    def foresee(self, mark: Mark) -> TargetUndo:
        """What :meth:`take_out` would do."""
        try:
            before = read_target(mark.target)
            if before is None:
                return TargetUndo(mark.target, mark.writer, "missing")
            if _is_as_left(mark, before):
                return TargetUndo(mark.target, mark.writer, _restored(mark), tuple(sorted(plain(mark.owned))))
            writer = self._writer(mark)
            stands = (
                set(writer.read(self.picture, mark.target)) if isinstance(writer, TagReader) else mark.owned
            )
            return TargetUndo(mark.target, mark.writer, "edited", tuple(sorted(plain(mark.owned) & stands)))
        except BooruTaggerError as error:
            return _failed(mark, error)

    def take_out(self, mark: Mark) -> TargetUndo:
        try:
            try:
                return self._restore(mark)
            except _EditedSinceError:
                return self._remove(mark)
        except BooruTaggerError as error:
            return _failed(mark, error)

    def close(self, mark: Mark) -> None:
        """Note that nothing of ours stands there: whatever does is a person's from now on."""
        self._record(mark, mark.deleted)

    def _restore(self, mark: Mark) -> TargetUndo:
        def old(before: bytes | None) -> Revision:
            if before is not None and not _is_as_left(mark, before):
                raise _EditedSinceError
            return Revision(None if before is None else mark.content, frozenset(), mark.deleted)

        def announce(written: Written) -> None:
            self.journal.announce_removal(
                self.picture, mark.target, mark.writer, self._deleted(mark.deleted), written.after_sha256
            )

        stood = revise(mark.target, old, announce=announce).before is not None
        self._record(mark, mark.deleted)
        if not stood:
            return TargetUndo(mark.target, mark.writer, "missing")
        return TargetUndo(mark.target, mark.writer, _restored(mark), tuple(sorted(plain(mark.owned))))

    def _remove(self, mark: Mark) -> TargetUndo:
        writer = self._writer(mark)
        self.journal.announce_removal(
            self.picture, mark.target, mark.writer, self._deleted(mark.deleted), None
        )
        written = writer.remove(self.picture, mark.target, mark.owned)
        self._record(mark, mark.deleted | written.deleted)
        tags = plain(mark.owned) - written.deleted
        fate: Fate = "edited" if written.after_sha256 else "deleted"
        return TargetUndo(mark.target, mark.writer, fate, tuple(sorted(tags)))

    def _record(self, mark: Mark, deleted: frozenset[str]) -> None:
        self.journal.record_removal(self.picture, mark.target, mark.writer, self._deleted(deleted))

    def _deleted(self, deleted: frozenset[str]) -> frozenset[str]:
        return frozenset() if self.forget_deletions else deleted

    def _writer(self, mark: Mark) -> Writer:
        return make_writer(mark.writer, self.options)


def _is_as_left(mark: Mark, content: bytes) -> bool:
    """Whether the old bytes undo what we wrote: they are known, and nothing else has changed since."""
    return mark.original in _RESTORABLE and not mark.shared and sha256_of_bytes(content) == mark.left_sha256


def _restored(mark: Mark) -> Fate:
    return "deleted" if mark.original == Original.ABSENT else "restored"


def _failed(mark: Mark, error: BooruTaggerError) -> TargetUndo:
    return TargetUndo(mark.target, mark.writer, "failed", error=PictureError(error.kind, str(error)))
