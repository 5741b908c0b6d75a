"""The values that travel through the program: frozen, typed, standard library only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, NamedTuple

SCHEMA = 1
"""Version of the JSON form of a :class:`TagResult`; raised only when a reader would break."""
PERSON = "person"
"""Source of a name that a person gave with another program: in the picture, or in the XMP beside it."""


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
class Moving:
    """Of a moving picture: its length in seconds, and how many frames were looked at."""

    duration: float
    frames: int

    def to_json(self) -> dict[str, Any]:
        return {"duration": round(self.duration, 3), "frames": self.frames}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Moving:
        return cls(float(data["duration"]), int(data["frames"]))


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


PREFIX, SUFFIX = "prefix", "suffix"
"""Sources of those tags that stand at the very beginning and at the very end of what is written."""


@dataclass(frozen=True, slots=True)
class Tag:
    """One tag of a picture.

    ``category`` is Danbooru's: ``general``, ``artist``, ``copyright``, ``character``, ``meta`` or ``rating``.
    ``source`` says where it comes from: ``recogniser``, ``gallery``, ``review`` (a person said who it is),
    ``measured`` (color seen on the face), ``implied`` (follows from a recognised character), ``prefix`` or
    ``suffix`` (the settings put it before or behind all others).
    """

    tag: str
    category: str
    score: float
    source: str

    @property
    def is_literal(self) -> bool:
        """Whether it is written exactly as given, whatever spelling a file's other tags get."""
        return self.source in (PREFIX, SUFFIX)

    def to_json(self) -> dict[str, Any]:
        return {
            "tag": self.tag,
            "category": self.category,
            "score": round(self.score, 4),
            "source": self.source,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Tag:
        return cls(str(data["tag"]), str(data["category"]), float(data["score"]), str(data["source"]))


@dataclass(frozen=True, slots=True)
class Conflict:
    """An implied tag that was left out because the face shows something else."""

    character: str
    implied: str
    measured: str
    score: float

    def to_json(self) -> dict[str, Any]:
        return {
            "character": self.character,
            "implied": self.implied,
            "measured": self.measured,
            "score": round(self.score, 4),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Conflict:
        return cls(data["character"], data["implied"], data["measured"], float(data["score"]))


@dataclass(frozen=True, slots=True)
class Reading:
    """What one face gives to its picture: itself, its tags, and the implied tags that it contradicts.

    ``unspoken`` are general tags that its name says already and that nothing else may bring in. ``hair`` and
    ``eyes`` are the colors as measured, before they were weighed against what the name implies; where the
    face is not ``colored``, a name implies none.
    """

    face: FaceResult
    tags: tuple[Tag, ...] = ()
    conflicts: tuple[Conflict, ...] = ()
    unspoken: frozenset[str] = frozenset()
    hair: ScoredTag | None = None
    eyes: ScoredTag | None = None
    colored: bool = True

    @classmethod
    def of(cls, face: FaceResult) -> Reading:
        """A face of which nothing else is known."""
        return cls(face, hair=face.hair_color, eyes=face.eye_color)

    @classmethod
    def from_json(cls, face: FaceResult, data: Mapping[str, Any]) -> Reading:
        """Read what :meth:`TagResult.to_raw_json` makes of it."""
        hair, eyes = data["hair"], data["eyes"]
        return cls(
            face,
            tuple(Tag.from_json(item) for item in data["tags"]),
            tuple(Conflict.from_json(item) for item in data["conflicts"]),
            frozenset(map(str, data["unspoken"])),
            ScoredTag.from_json(hair) if hair else None,
            ScoredTag.from_json(eyes) if eyes else None,
            bool(data.get("colored", True)),  # journals of 0.2 do not say
        )


@dataclass(frozen=True, slots=True)
class PictureError:
    """Why a picture could not be tagged: a short stable ``kind`` and a message that says what to do."""

    kind: str
    message: str

    def to_json(self) -> dict[str, Any]:
        return {"kind": self.kind, "message": self.message}


@dataclass(frozen=True, slots=True)
class TagResult:
    """What the tagger says of one picture. Sizes are of the upright picture, in pixels.

    ``tags`` and ``conflicts`` are made of what each face gives, in ``readings`` (one for each of ``faces``),
    and of what a tagger of whole pictures gave, in ``whole_picture``. Both are empty in a result that was
    read from its stable JSON form. ``moving`` is ``None`` for a still picture, and where only the first frame
    was looked at.
    """

    path: str
    width: int = 0
    height: int = 0
    faces: tuple[FaceResult, ...] = ()
    tags: tuple[Tag, ...] = ()
    conflicts: tuple[Conflict, ...] = ()
    error: PictureError | None = None
    model: str = field(default="")
    readings: tuple[Reading, ...] = ()
    whole_picture: tuple[Tag, ...] = ()
    moving: Moving | None = None

    def to_json(self) -> dict[str, Any]:
        """The stable JSON form (schema 1); ``from_json`` reads it back."""
        return {
            **self._still_json(),
            **({"moving": self.moving.to_json()} if self.moving is not None else {}),
        }

    def _still_json(self) -> dict[str, Any]:
        return {
            "schema": SCHEMA,
            "path": self.path,
            "width": self.width,
            "height": self.height,
            "faces": [face.to_json() for face in self.faces],
            "tags": [tag.to_json() for tag in self.tags],
            "conflicts": [conflict.to_json() for conflict in self.conflicts],
            "model": self.model,
            "error": self.error.to_json() if self.error else None,
        }

    def to_raw_json(self) -> dict[str, Any]:
        """All that the result holds but for embeddings, unrounded; ``from_raw_json`` reads it back.

        For the journal alone.
        """
        data = asdict(self)
        for reading in data["readings"]:
            del reading["face"]  # which stands among the faces
            reading["unspoken"] = sorted(reading["unspoken"])
        for face in data["faces"]:
            del face["embedding"]
        return {"schema": SCHEMA, **data}

    @classmethod
    def from_raw_json(cls, data: Mapping[str, Any]) -> TagResult:
        """Read :meth:`to_raw_json`'s form. Raises as :meth:`from_json` does."""
        result = cls.from_json(data)
        pairs = zip(result.faces, data["readings"], strict=True) if data["readings"] else ()
        return replace(
            result,
            readings=tuple(Reading.from_json(face, item) for face, item in pairs),
            whole_picture=tuple(Tag.from_json(item) for item in data["whole_picture"]),
        )

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> TagResult:
        """Read :meth:`to_json`'s form. Raises KeyError, TypeError or ValueError where it is not that."""
        if data["schema"] != SCHEMA:
            raise ValueError(f"schema {data['schema']!r} is not {SCHEMA}")
        error, moving = data.get("error"), data.get("moving")
        return cls(
            path=str(data["path"]),
            width=int(data["width"]),
            height=int(data["height"]),
            faces=tuple(FaceResult.from_json(item) for item in data["faces"]),
            tags=tuple(Tag.from_json(item) for item in data["tags"]),
            conflicts=tuple(Conflict.from_json(item) for item in data.get("conflicts", ())),
            error=PictureError(str(error["kind"]), str(error["message"])) if error else None,
            model=str(data.get("model", "")),
            moving=Moving.from_json(moving) if moving else None,
        )
