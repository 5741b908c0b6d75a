"""What goes into the journal and what comes out of it."""

from __future__ import annotations

from collections.abc import Collection
from enum import IntEnum
from pathlib import Path
from typing import NamedTuple, Protocol

from booru_tagger.types import TagResult


class Ownership(NamedTuple):
    """Whose the tags of a target are, in the target's own spelling.

    ``owned`` are the tags that this program put there, ``deleted`` those of ours that a person took out
    since; everything else in the file is a person's.
    """

    owned: frozenset[str] = frozenset()
    deleted: frozenset[str] = frozenset()


class WriteReport(Protocol):
    """What the journal reads of a writer's account of one target.

    ``before`` is ``None`` and ``after_sha256`` is ``""`` where there is no file. Putting ``before`` back
    undoes the write only where ``restorable``.
    """

    @property
    def target(self) -> Path: ...
    @property
    def changed(self) -> bool: ...
    @property
    def owned(self) -> Collection[str]: ...
    @property
    def deleted(self) -> Collection[str]: ...
    @property
    def before(self) -> bytes | None: ...
    @property
    def after_sha256(self) -> str: ...
    @property
    def restorable(self) -> bool: ...


class Original(IntEnum):
    """What is known of a target as it was before our first write to it."""

    UNKNOWN = 0
    """Too large to keep, shared by several pictures, or edited by a person after we wrote to it."""
    ABSENT = 1
    KEPT = 2
    UNTOUCHED = 3
    """There was no such write yet, or it was undone: what stands there is all a person's."""


class Change(NamedTuple):
    """What the journal will say of a target once a write to it is done.

    ``before_sha256`` and ``after_sha256`` are hashes of its content, ``""`` where there is no file, and
    ``after_sha256`` is ``None`` where it cannot be told before the write. ``content`` holds the original
    bytes where ``original`` is ``KEPT``.
    """

    writer: str
    owned: frozenset[str]
    deleted: frozenset[str]
    before_sha256: str
    after_sha256: str | None
    original: Original
    content: bytes | None = None


class Mark(NamedTuple):
    """What we left in one target for one picture.

    ``left_sha256`` is the hash of the target as we last left it. ``shared`` says that tags of ours for other
    pictures stand in it as well. ``written_at`` is in seconds since 1970.
    """

    target: Path
    writer: str
    owned: frozenset[str]
    deleted: frozenset[str]
    left_sha256: str
    original: Original
    content: bytes | None
    shared: bool
    written_at: float


class RawResult(NamedTuple):
    """What a tagger gave, before verdicts and policy; ``fingerprint`` stands for its model and settings."""

    result: TagResult
    fingerprint: str


class JournalEntry(NamedTuple):
    """All that the journal holds of one picture.

    ``result`` is what was written, ``None`` where it was untagged since. ``raw`` is what the tagger gave,
    ``None`` where that is not known: an earlier version kept only what it wrote.
    """

    picture: Path
    fingerprint: str
    tagged_at: float
    result: TagResult | None
    marks: tuple[Mark, ...]
    raw: RawResult | None = None
