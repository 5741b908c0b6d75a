"""One face: where it is, what is known of it, and what a person said of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

PERSON = "person"
"""Source of a name that a person gave with another program: in the picture, or in the XMP beside it."""


def flat(value: Any) -> dict[str, Any]:
    """The fields of a slotted dataclass that holds no others; dataclasses.asdict takes 20 times as long."""
    return {name: getattr(value, name) for name in value.__slots__}


class Box(NamedTuple):
    """A rectangle in pixels of the upright picture: left, top, right, bottom (right and bottom exclusive)."""

    x0: float
    y0: float
    x1: float
    y1: float

    @property
    def width(self) -> float:
        return self.x1 - self.x0

    @property
    def height(self) -> float:
        return self.y1 - self.y0

    @property
    def longer(self) -> float:
        """The longer side."""
        return max(self.width, self.height)

    @property
    def area(self) -> float:
        return max(0.0, self.width) * max(0.0, self.height)

    def intersection(self, other: Box) -> float:
        """Area that both boxes cover, in square pixels."""
        width = min(self.x1, other.x1) - max(self.x0, other.x0)
        height = min(self.y1, other.y1) - max(self.y0, other.y0)
        return max(0.0, width) * max(0.0, height)

    def iou(self, other: Box) -> float:
        """Intersection over union, 0 to 1."""
        shared = self.intersection(other)
        union = self.area + other.area - shared
        return shared / union if union > 0 else 0.0

    def rounded(self) -> tuple[int, int, int, int]:
        return round(self.x0), round(self.y0), round(self.x1), round(self.y1)


class TimeRange(NamedTuple):
    """A stretch of a moving picture, in seconds from its beginning; ``end`` is exclusive."""

    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Face:
    """One head that the detector found: its head box and the detector's score, 0 to 1."""

    box: Box
    score: float


@dataclass(frozen=True, slots=True)
class ScoredTag:
    """A booru tag with the program's confidence in it, 0 to 1."""

    tag: str
    score: float

    def to_json(self) -> dict[str, Any]:
        return {"tag": self.tag, "score": round(self.score, 4)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> ScoredTag:
        return cls(str(data["tag"]), float(data["score"]))


@dataclass(frozen=True, slots=True)
class CharacterMatch:
    """Who a face is. ``source`` is ``model`` (a trained character), ``gallery`` (an enrolled one), ``review``
    (a person said so) or ``person`` (one did with another program)."""

    tag: str
    score: float
    source: str = "model"

    def to_json(self) -> dict[str, Any]:
        return {"tag": self.tag, "score": round(self.score, 4), "source": self.source}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> CharacterMatch:
        return cls(str(data["tag"]), float(data["score"]), str(data["source"]))


@dataclass(frozen=True, slots=True)
class Embedding:
    """A recogniser's description of a face: a direction, in 8 bits a number.

    Alike faces have alike ones, if ``space``, which names the recogniser, is the same.
    """

    space: str
    vector: bytes


@dataclass(frozen=True, slots=True)
class FaceResult:
    """All that is known of one face. A field is ``None`` where the program does not know.

    ``candidates`` holds up to five characters, best first, as scored before any rejection. The ``embedding``
    is no part of any JSON form, and two results that differ in it alone are equal. In a moving picture the
    face is there during ``times``, and ``box`` is where it is in the frame ``at`` so many seconds.
    """

    box: Box
    score: float
    character: CharacterMatch | None = None
    candidates: tuple[ScoredTag, ...] = ()
    hair_color: ScoredTag | None = None
    eye_color: ScoredTag | None = None
    embedding: Embedding | None = field(default=None, compare=False, repr=False)
    at: float | None = None
    times: tuple[TimeRange, ...] = ()

    @property
    def seconds(self) -> float:
        """How long it is there, in a moving picture."""
        return sum(end - start for start, end in self.times)

    def overlap(self, other: FaceResult) -> float:
        """How well the two lie at the same place (IoU); in a moving picture, of the same frame."""
        return self.box.iou(other.box) if _rounded(self.at) == _rounded(other.at) else 0.0

    def to_json(self) -> dict[str, Any]:
        return {**self._still_json(), **self._moving_json()}

    def to_raw_json(self) -> dict[str, Any]:
        """All but the embedding, unrounded."""
        return {
            "box": self.box,
            "score": self.score,
            "character": self.character and flat(self.character),
            "candidates": [flat(candidate) for candidate in self.candidates],
            "hair_color": self.hair_color and flat(self.hair_color),
            "eye_color": self.eye_color and flat(self.eye_color),
            "at": self.at,
            "times": self.times,
        }

    def _moving_json(self) -> dict[str, Any]:
        if self.at is None:
            return {}
        return {"at": _rounded(self.at), "times": [[_rounded(edge) for edge in time] for time in self.times]}

    def _still_json(self) -> dict[str, Any]:
        return {
            "box": list(self.box.rounded()),
            "score": round(self.score, 4),
            "character": self.character.to_json() if self.character else None,
            "candidates": [candidate.to_json() for candidate in self.candidates],
            "hair_color": self.hair_color.to_json() if self.hair_color else None,
            "eye_color": self.eye_color.to_json() if self.eye_color else None,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> FaceResult:
        character, hair, eyes = data.get("character"), data.get("hair_color"), data.get("eye_color")
        return cls(
            box=Box(*data["box"]),
            score=float(data["score"]),
            character=CharacterMatch.from_json(character) if character else None,
            candidates=tuple(ScoredTag.from_json(item) for item in data.get("candidates", ())),
            hair_color=ScoredTag.from_json(hair) if hair else None,
            eye_color=ScoredTag.from_json(eyes) if eyes else None,
            at=None if data.get("at") is None else float(data["at"]),
            times=tuple(TimeRange(float(start), float(end)) for start, end in data.get("times", ())),
        )


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)


VerdictKind = Literal["named", "unknown", "not_a_face"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a person said of one face.

    ``tag`` is the character where the face was ``named``, else empty. ``face`` is what the program says of
    it by itself; its box tells which face is meant. ``drawn``: the program did not find the face, a person
    drew its box. ``width`` and ``height`` are the picture's: said of a picture of another size, it does not
    hold. ``said_at`` is in seconds since 1970.
    """

    kind: VerdictKind
    tag: str
    face: FaceResult
    width: int
    height: int
    drawn: bool = False
    said_at: float = 0.0

    def to_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "tag": self.tag,
            "face": self.face.to_json(),
            "size": [self.width, self.height],
            "drawn": self.drawn,
            "said_at": self.said_at,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Verdict:
        kind = data["kind"]
        if kind not in ("named", "unknown", "not_a_face"):
            raise ValueError(f"{kind!r} is not a verdict")
        width, height = data["size"]
        face = FaceResult.from_json(data["face"])
        said_at = float(data["said_at"])
        return cls(kind, str(data["tag"]), face, int(width), int(height), bool(data["drawn"]), said_at)
