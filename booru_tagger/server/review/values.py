"""What a review session holds of each picture and face."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from booru_tagger.imaging import Floats
from booru_tagger.types import Box, FaceResult, TagResult, Verdict


@dataclass(slots=True, eq=False)
class ReviewPicture:
    """A picture under review. ``found`` is what the program found in it; ``faces`` are the faces' ids."""

    id: int
    path: Path
    found: TagResult
    verdicts: tuple[Verdict, ...]
    listed: bool
    faces: list[int] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class ReviewFace:
    """A face under review, as the program sees it, and what a person said of it.

    ``waits``: somebody should look. ``embedding`` is there once the face was cut out. Faces that are not
    ``listed`` only serve as samples of their characters.
    """

    id: int
    picture: ReviewPicture
    face: FaceResult
    verdict: Verdict | None = None
    waits: bool = False
    drawn: bool = False
    embedding: Floats | None = None

    @property
    def listed(self) -> bool:
        return self.picture.listed

    @property
    def box(self) -> Box:
        return self.face.box

    @property
    def name(self) -> str:
        """Who it is, by a person's word or else the program's; empty where nobody knows."""
        if self.verdict is not None:
            return self.verdict.tag
        return self.face.character.tag if self.face.character is not None else ""

    @property
    def score(self) -> float:
        """How sure the program is of its best guess."""
        if self.face.character is not None:
            return self.face.character.score
        return self.face.candidates[0].score if self.face.candidates else 0.0

    @property
    def guess(self) -> str:
        """The program's best guess, named or not; empty where it has none."""
        if self.face.character is not None:
            return self.face.character.tag
        return self.face.candidates[0].tag if self.face.candidates else ""

    def to_json(self) -> dict[str, Any]:
        """What the page's list needs; short keys, for there may be ten thousand."""
        return {
            "id": self.id,
            "p": self.picture.id,
            "s": round(self.score, 3),
            "g": self.guess,
            "n": self.name,
            "w": self.waits,
            "v": self.verdict.kind if self.verdict is not None else None,
            "d": self.drawn,
        }


FILES_NAMED = 3
"""Files that the page names of those that a step wrote; of more it tells the number."""


@dataclass(frozen=True, slots=True)
class Wrote:
    """What was written for one picture: the files that changed, and the tags that came and went."""

    files: tuple[Path, ...]
    added: tuple[str, ...]
    removed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ReviewChanges:
    """What a step changed: faces as they are now, faces that are gone, what went wrong, what was written."""

    heads: tuple[ReviewFace, ...] = ()
    gone: tuple[int, ...] = ()
    failures: tuple[str, ...] = ()
    wrote: tuple[Wrote, ...] = ()

    @classmethod
    def joined(cls, parts: Iterable[ReviewChanges]) -> ReviewChanges:
        """The changes of several pictures as one."""
        known = list(parts)
        return cls(
            tuple(head for part in known for head in part.heads),
            tuple(number for part in known for number in part.gone),
            tuple(failure for part in known for failure in part.failures),
            tuple(wrote for part in known for wrote in part.wrote),
        )

    def to_json(self) -> dict[str, Any]:
        files = [path.name for wrote in self.wrote for path in wrote.files]
        return {
            "faces": [head.to_json() for head in self.heads],
            "gone": list(self.gone),
            "failures": list(self.failures),
            "wrote": {
                "pictures": len(self.wrote),
                "files": files[:FILES_NAMED],
                "more": max(0, len(files) - FILES_NAMED),
                "added": list(dict.fromkeys(tag for wrote in self.wrote for tag in wrote.added)),
                "removed": list(dict.fromkeys(tag for wrote in self.wrote for tag in wrote.removed)),
            },
        }
