"""What goes into the journal and what comes out of it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Ownership:
    """Whose the tags of a target are.

    ``owned`` are the tags that this program put there, ``deleted`` those of ours that a person took out
    since; everything else in the file is a person's.
    """

    owned: frozenset[str] = frozenset()
    deleted: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Plan:
    """What a writer is about to do: the tags that it may put into ``target``."""

    writer: str
    target: Path
    tags: frozenset[str]


class Report(Protocol):
    """What the journal reads of a writer's account of its work."""

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
    def after_sha256(self) -> str | None: ...
