"""What a report says."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

Tally = tuple[tuple[str, int], ...]
"""Tags with how often they were seen, the most frequent first."""


@dataclass(frozen=True, slots=True)
class Portrait:
    """A face on a contact sheet; ``jpeg`` is empty where the picture could not be read any more."""

    picture: Path
    score: float
    by_person: bool
    jpeg: bytes = b""


@dataclass(frozen=True, slots=True)
class FoundCharacter:
    """A character: in how many faces and pictures, how surely, with which colours."""

    tag: str
    series: str
    faces: int
    pictures: int
    by_person: int
    score: float
    hair: Tally
    eyes: Tally
    sheet: tuple[Portrait, ...]


@dataclass(frozen=True, slots=True)
class UnknownGroup:
    """Faces that nobody knows and that look alike."""

    faces: int
    pictures: tuple[Path, ...]
    hair: Tally
    eyes: Tally
    sheet: tuple[Portrait, ...]


@dataclass(frozen=True, slots=True)
class CollectionReport:
    """All of it. ``failures`` are pictures with what is wrong with them; ``untagged`` were not tried yet."""

    folder: Path
    made: datetime
    models: tuple[str, ...] = ()
    pictures: int = 0
    empty: int = 0
    """Pictures without a face."""
    faces: int = 0
    named: int = 0
    waiting: int = 0
    characters: tuple[FoundCharacter, ...] = ()
    strangers: tuple[UnknownGroup, ...] = ()
    hair: Tally = ()
    eyes: Tally = ()
    failures: tuple[tuple[Path, str], ...] = ()
    more_failures: int = 0
    untagged: int = 0
