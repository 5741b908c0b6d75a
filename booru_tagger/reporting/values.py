"""What a report says."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from booru_tagger.types import PictureError

CHANGED = "changed"
"""What is wrong with a picture that is another one than when it was tagged; the other kinds are of errors."""
SURE = 0.9
"""Score from which the program hardly errs."""
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
    """A character: in how many faces and pictures, how surely, with which colors.

    ``by_person`` faces were named by a person, ``sure`` ones by the program with :data:`SURE` or more;
    ``least`` is its lowest score, 1 where it named none.
    """

    tag: str
    series: str
    faces: int
    pictures: int
    by_person: int
    sure: int
    least: float
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
    failures: tuple[tuple[Path, PictureError], ...] = ()
    more_failures: int = 0
    untagged: int = 0
