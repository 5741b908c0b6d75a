"""One picture: its tags, what each face gives to them, and all of that together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from booru_tagger.types.faces import FaceResult, ScoredTag, flat

SCHEMA = 1
"""Version of the JSON form of a :class:`TagResult`; raised only when a reader would break."""
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

    def to_raw_json(self) -> dict[str, Any]:
        """All but the face, unrounded."""
        return {
            "tags": [flat(tag) for tag in self.tags],
            "conflicts": [flat(conflict) for conflict in self.conflicts],
            "unspoken": sorted(self.unspoken),
            "hair": self.hair and flat(self.hair),
            "eyes": self.eyes and flat(self.eyes),
            "colored": self.colored,
        }

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
class Moving:
    """Of a moving picture: its length in seconds, and how many frames were looked at."""

    duration: float
    frames: int

    def to_json(self) -> dict[str, Any]:
        return {"duration": round(self.duration, 3), "frames": self.frames}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Moving:
        return cls(float(data["duration"]), int(data["frames"]))


class Content(NamedTuple):
    """What was in the file of a picture when it was read: its hash in hexadecimal, and whether there may be
    regions of faces in it that other programs wrote."""

    sha256: str
    may_name_faces: bool


@dataclass(frozen=True, slots=True)
class TagResult:
    """What the tagger says of one picture. Sizes are of the upright picture, in pixels.

    ``tags`` and ``conflicts`` are made of what each face gives, in ``readings`` (one for each of ``faces``),
    and of what a tagger of whole pictures gave, in ``whole_picture``. Both are empty in a result that was
    read from its stable JSON form. ``moving`` is ``None`` for a still picture, and where only the first frame
    was looked at. ``content``, where it is known, is no part of any JSON form.
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
    content: Content | None = field(default=None, compare=False, repr=False)

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
        return {
            "schema": SCHEMA,
            "path": self.path,
            "width": self.width,
            "height": self.height,
            "faces": [face.to_raw_json() for face in self.faces],
            "tags": [flat(tag) for tag in self.tags],
            "conflicts": [flat(conflict) for conflict in self.conflicts],
            "error": self.error and flat(self.error),
            "model": self.model,
            "readings": [reading.to_raw_json() for reading in self.readings],
            "whole_picture": [flat(tag) for tag in self.whole_picture],
            "moving": self.moving and flat(self.moving),
        }

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
