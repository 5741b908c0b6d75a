"""What a review session holds of each picture and face."""

from __future__ import annotations

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
