"""What every writer takes and gives: the seam between the runner, the journal and one file format each.

A writer is handed one picture's tags and merges them into its target (a sidecar, a shared list or the picture
itself). It remembers nothing: what it put there earlier comes in with the job as ``owned``, and what stands
there now goes out again, for the journal to keep.

``owned`` and ``deleted`` hold tags *as they stand in the target* (``hatsune_miku`` in one file,
``character:hatsune miku`` in another). Entries beginning with :data:`MARK` are the writer's own notes (a face
region, a path in a tag tree, that the file is ours): keep them and hand them back, but don't show them; see
:func:`plain`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Protocol, runtime_checkable

from booru_tagger.types import Tag, TagResult

MARK = "booru-tagger:"
"""Beginning of those entries of ``owned`` and ``deleted`` that are notes of a writer, not tags."""
CREATED = MARK + "created"
"""The note that the target did not exist before: a removal that leaves it empty deletes it."""


def _unheard(written: Written) -> None:
    """Where nobody keeps a journal."""


@dataclass(frozen=True, slots=True)
class Job:
    """One picture to write, and the ``target`` to write it to. ``tags`` are what is to be written: filtered,
    renamed and ordered by the policy, in Danbooru's spelling (``blonde_hair``); ``result`` is everything the
    tagger said.

    ``owned`` are the tags in this target that this tool put there earlier, as the last :class:`Written` said;
    empty where nothing is known, and then all that stands there counts as a person's. ``deleted`` are tags
    that a person took out: they are never written again.

    Where a byte is going to change, a writer calls ``announce`` with its account (``changed`` true) when the
    new content is ready and right before it is swapped in. So the journal knows whose the tags are even where
    the process is killed between the two. What ``announce`` raises, the writer lets pass, and swaps nothing.
    """

    picture: Path
    target: Path
    result: TagResult
    tags: tuple[Tag, ...]
    owned: frozenset[str] = frozenset()
    deleted: frozenset[str] = frozenset()
    announce: Callable[[Written], None] = field(default=_unheard, compare=False, repr=False)


class Revision(NamedTuple):
    """What a target shall become: ``data`` (``None``: no file), and what it then says of ownership."""

    data: bytes | None
    owned: frozenset[str]
    deleted: frozenset[str]


class Written(NamedTuple):
    """What became of a target.

    ``changed`` tells whether a byte changed. ``owned`` are the tags that stand there by this tool's hand now;
    ``deleted`` is the job's, grown by the owned tags that a person has taken out since. ``before`` holds the
    bytes that stood there (``None``: there was no file), ``after_sha256`` the hash of those that stand there
    now (``""``: there is no file).

    Where ``restorable`` is true and the target still has that hash, putting ``before`` back undoes the write
    to the byte. It is false for targets that several pictures share and for pictures themselves: those are
    undone by :meth:`Writer.remove` alone, and their ``before`` is not worth keeping.
    """

    target: Path
    changed: bool
    owned: frozenset[str]
    deleted: frozenset[str]
    before: bytes | None
    after_sha256: str
    restorable: bool = True


class FormatError(Exception):
    """A target's content, or a tag, is not what its format can hold. Says why and what to do; whoever knows
    the target names it."""


class Writer(Protocol):
    """One output format. Methods may be called from any thread.

    A format with a file for each picture is easier to add as a :class:`~booru_tagger.writers.Sidecar`.
    """

    name: str

    def target(self, picture: Path) -> Path | None:
        """The file to which tags of ``picture`` go in this run; ``None`` where there is none.

        Asked once a picture. An earlier run may have chosen another one: all else is told its target.
        """

    def write(self, job: Job) -> Written:
        """Merge the job's tags into its target, atomically. Raises :class:`OutputError`."""

    def remove(self, picture: Path, target: Path, owned: frozenset[str]) -> Written:
        """Take exactly the tags in ``owned`` out of the target; all else stays as it is.

        The file itself goes only where nothing is left in it and :data:`CREATED` is among ``owned``.
        Raises :class:`OutputError`.
        """


class Prepared(Protocol):
    """A change of a target that is ready to be made; ``written`` is the account of it, as if it were.

    Methods raise :class:`OutputError`; after one that did, the change can only be discarded.
    """

    @property
    def written(self) -> Written: ...

    def flush(self) -> None:
        """Have what was made for it on the disk."""

    def look(self) -> None:
        """Raises where the target is not any more what the change was made for."""

    def put(self) -> None:
        """Make the change, atomically; raises where all is to be done again."""

    def discard(self) -> None:
        """Let go of it, put or not."""


@runtime_checkable
class Preparing(Protocol):
    """A writer of files that belong to one picture each, whose changes can be prepared and wait for others:
    many are flushed to the disk together in less time."""

    def prepare(self, job: Job) -> Prepared:
        """What :meth:`Writer.write` would do, up to the swap; nothing is announced. Raises OutputError."""


@runtime_checkable
class Rehearsing(Protocol):
    """A writer that can say beforehand what it would refuse; every one that ships here can."""

    def rehearse(self, job: Job) -> None:
        """Raises the :class:`OutputError` that writing this job would raise, and touches nothing."""


@runtime_checkable
class TagReader(Protocol):
    """A writer that can also say which tags stand in its target; every one that ships here can."""

    def read(self, picture: Path, target: Path) -> tuple[str, ...]:
        """The tags of the picture in the target, in its spelling and order; none where there is no target.

        Raises :class:`OutputError`.
        """


def plain(tags: Iterable[str]) -> frozenset[str]:
    """``owned`` or ``deleted`` without the notes of the writer: what a person would call tags."""
    return frozenset(tag for tag in tags if not tag.startswith(MARK))
