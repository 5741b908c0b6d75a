"""A file for each picture: what all such formats have in common, so that one is two functions of bytes."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from booru_tagger.errors import OutputError
from booru_tagger.writers.atomic import PreparedChange, prepare, read_target, revise
from booru_tagger.writers.base import CREATED, FormatError, Job, Revision, Written
from booru_tagger.writers.naming import WriterOptions


class Sidecar:
    """A :class:`Writer` for files that belong to one picture each, ``a.png`` + ``extension``.

    A format gives its name and extension and says how to read, merge and strip content; none of these three
    touches a file. They may raise :class:`FormatError` with the reason, and UnicodeDecodeError, where content
    is not in the format. The rest is done here: naming and reading the file, swapping it in whole, telling
    the journal, and taking a file away that we made and that has nothing left in it.
    """

    name = ""
    extension = ""

    def __init__(self, options: WriterOptions) -> None:
        self.options = options

    def tags(self, content: bytes) -> Sequence[str]:
        """The tags that stand in ``content``, as they are spelled there."""
        raise NotImplementedError

    def merged(self, before: bytes | None, job: Job) -> Revision:
        """What becomes of ``before`` (``None``: there is no file) when the job's tags are merged into it."""
        raise NotImplementedError

    def stripped(self, before: bytes, owned: frozenset[str]) -> Revision:
        """``before`` without the tags in ``owned``, which are ours; those gone already are ``deleted``."""
        raise NotImplementedError

    def is_empty(self, content: bytes) -> bool:
        """Whether nothing that anybody would miss is in ``content``."""
        return not self.tags(content)

    def target(self, picture: Path) -> Path:
        return self.options.naming.sidecar(picture, self.extension)

    def read(self, picture: Path, target: Path) -> tuple[str, ...]:
        content = read_target(target)
        with naming_target(target):
            return () if content is None else tuple(self.tags(content))

    def write(self, job: Job) -> Written:
        make_folder = is_elsewhere(job.picture, job.target)
        with naming_target(job.target):
            return revise(job.target, self._merging(job), announce=job.announce, make_folder=make_folder)

    def prepare(self, job: Job) -> PreparedChange:
        make_folder = is_elsewhere(job.picture, job.target)
        with naming_target(job.target):
            return prepare(job.target, self._merging(job), make_folder=make_folder)

    def _merging(self, job: Job) -> Callable[[bytes | None], Revision]:
        def change(before: bytes | None) -> Revision:
            # A person who deletes the whole file wants a new one, not none for ever.
            known = job if before is not None else replace(job, owned=frozenset())
            return self._settled(self.merged(before, known), before is None or CREATED in job.owned)

        return change

    def rehearse(self, job: Job) -> None:
        with naming_target(job.target):
            self.merged(read_target(job.target), job)

    def remove(self, picture: Path, target: Path, owned: frozenset[str]) -> Written:
        def change(before: bytes | None) -> Revision:
            if before is None:
                return Revision(None, frozenset(), frozenset())
            return self._settled(self.stripped(before, owned), CREATED in owned)

        with naming_target(target):
            return revise(target, change)

    def _settled(self, revision: Revision, created: bool) -> Revision:
        if created and (revision.data is None or self.is_empty(revision.data)):
            return Revision(None, frozenset(), revision.deleted)
        notes = {CREATED} if created and revision.owned else frozenset()
        return revision._replace(owned=revision.owned | notes)


@contextlib.contextmanager
def naming_target(target: Path) -> Iterator[None]:
    """Turns what is wrong with a target's content into an :class:`OutputError` that names the target."""
    try:
        yield
    except FormatError as error:
        raise OutputError(f"{target}: {error}") from error
    except UnicodeDecodeError as error:
        raise OutputError(f"{target}: is not UTF-8 text; save it as UTF-8 or move it away") from error


def is_elsewhere(picture: Path, target: Path) -> bool:
    """Whether the target lies in a folder of its own, which a writer may make; a picture's own must exist."""
    return target.parent != picture.parent
