"""Faces cut out of pictures, as data sets want them."""

from __future__ import annotations

import hashlib
import io
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

from PIL import Image

from booru_tagger.errors import ImageError
from booru_tagger.imaging import Limits, Picture, square_around, turned_part
from booru_tagger.imaging.prints import Print, print_of
from booru_tagger.library.folders import UNKNOWN, folder_name
from booru_tagger.models.roll import Roll, RollEstimator
from booru_tagger.moving import read_frames
from booru_tagger.types import Box, FaceResult

Cut = Literal["head", "square", "upper-body"]
ImageFormat = Literal["png", "webp", "jpeg"]

EXPANDS: dict[Cut, float] = {"head": 1.0, "square": 1.5, "upper-body": 1.0}
"""How much is shown where nobody says: of the head's box, of its longer side, of the body's region."""
_BODY_WIDTH, _ABOVE, _BELOW = 3.0, 0.4, 2.2
"""An upper body in sides of its head: how wide, and how far above the head and below the chin."""
_SUFFIXES: dict[ImageFormat, str] = {"png": ".png", "webp": ".webp", "jpeg": ".jpg"}
_LONGEST_STEM = 150
_LEAST_TURN = 3.0
"""Degrees below which a head counts as upright: what is resampled less is sharper."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What a cut-out looks like. ``size`` is the longer side in pixels; ``expand`` shows more or less."""

    size: int = 512
    cut: Cut = "square"
    expand: float = 1.5
    form: ImageFormat = "png"
    quality: int = 95


@dataclass(frozen=True, slots=True)
class CropCandidate:
    """A face that may be cut out: the face of a tagged picture of ``width`` by ``height`` pixels."""

    picture: Path
    face: FaceResult
    width: int
    height: int

    @property
    def label(self) -> str | None:
        return self.face.character.tag if self.face.character is not None else None

    @property
    def score(self) -> float:
        """Of the name; where there is none, of the head."""
        return self.face.character.score if self.face.character is not None else self.face.score

    @property
    def size(self) -> float:
        """The head's longer side, in pixels."""
        return self.face.box.longer

    @property
    def key(self) -> str:
        """What tells it from all others, on every run."""
        place = f"{os.path.abspath(self.picture)}\0{self.face.box.rounded()}"  # noqa: PTH100
        if self.face.at is not None:
            place += f"\0{self.face.at}"
        return hashlib.sha256(place.encode("utf-8", "surrogateescape")).hexdigest()[:16]

    def file_name(self, shape: Shape, *, flat: bool) -> str:
        """Its path below the folder of all cut-outs, with slashes."""
        stem = self.picture.stem
        while len(os.fsencode(stem)) > _LONGEST_STEM:
            stem = stem[:-1]
        name = f"{stem}-{self.key[:8]}{_SUFFIXES[shape.form]}"
        return name if flat else f"{folder_name(self.label or UNKNOWN)}/{name}"

    def metadata(self) -> dict[str, Any]:
        """What ``metadata.jsonl`` says of it, but for the file's name."""
        hair, eyes = self.face.hair_color, self.face.eye_color
        return {
            "label": self.label,
            "score": round(self.score, 4),
            "head_score": round(self.face.score, 4),
            "hair_color": hair.tag if hair is not None else None,
            "eye_color": eyes.tag if eyes is not None else None,
            "picture": str(self.picture),
            "box": list(self.face.box.rounded()),
            **({} if self.face.at is None else {"at": round(self.face.at, 3)}),
        }


class CutOut(NamedTuple):
    """An encoded cut-out: its bytes, its size, and what it is known again by.

    ``roll``: how far its head is turned, if that was asked. Where that is sure, ``region`` was turned around
    its centre by ``turned`` degrees, clockwise, before it was cut out.
    """

    data: bytes
    width: int
    height: int
    region: Box
    print: Print
    roll: Roll | None = None

    @property
    def turned(self) -> float:
        """Degrees; 0 for a head that is upright already, or not surely anything else."""
        return 0.0 if self.roll is None else _turn(self.roll)

    def metadata(self) -> dict[str, Any]:
        """What ``metadata.jsonl`` says of it, beside what is known of the face."""
        row: dict[str, Any] = {"region": list(self.region.rounded())}
        if self.roll is not None:
            row |= {"roll": round(self.turned, 1), "roll_sure": self.roll.sure}
        return row | {"width": self.width, "height": self.height}


def region_of(candidate: CropCandidate, shape: Shape) -> Box:
    """What is cut out, in pixels of the upright picture: it never reaches out of it."""
    box, expand = candidate.face.box, shape.expand
    if shape.cut == "square":
        side = min(box.longer * expand, candidate.width, candidate.height)
        region = square_around(box, side / max(box.longer, 1e-6))
        x = _inwards(region.x0, region.x1, candidate.width)
        y = _inwards(region.y0, region.y1, candidate.height)
        return Box(region.x0 + x, region.y0 + y, region.x1 + x, region.y1 + y)
    if shape.cut == "upper-body":
        side, middle = box.longer, (box.x0 + box.x1) / 2
        half = side * _BODY_WIDTH / 2
        box = Box(middle - half, box.y0 - side * _ABOVE, middle + half, box.y1 + side * _BELOW)
    x, y = box.width * (expand - 1) / 2, box.height * (expand - 1) / 2
    return Box(
        max(0.0, box.x0 - x),
        max(0.0, box.y0 - y),
        min(float(candidate.width), box.x1 + x),
        min(float(candidate.height), box.y1 + y),
    )


def _turn(roll: Roll) -> float:
    return roll.degrees if roll.sure and abs(roll.degrees) >= _LEAST_TURN else 0.0


def _around_face(region: Box, box: Box, degrees: float) -> Box:
    """``region`` moved so that, once it is turned around its centre, the face is where it was in it."""
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    face_x, face_y = (box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2
    x, y = (region.x0 + region.x1) / 2 - face_x, (region.y0 + region.y1) / 2 - face_y
    right, down = cosine * x - sine * y - x, sine * x + cosine * y - y
    return Box(region.x0 + right, region.y0 + down, region.x1 + right, region.y1 + down)


def _inwards(low: float, high: float, upper: int) -> float:
    """How far to move a stretch so that it lies between 0 and ``upper``."""
    return max(0.0, -low) - max(0.0, high - upper)


def cut_out(
    candidates: Sequence[CropCandidate], shape: Shape, limits: Limits, upright: RollEstimator | None = None
) -> list[CutOut] | ImageError:
    """Cut faces out of the one picture that they are in, or say why that cannot be done.

    Faces of a moving picture are cut out of the frames that they were found in. With ``upright`` they are
    turned upright where it is sure how far they are turned.
    """
    regions = [region_of(candidate, shape) for candidate in candidates]
    first = candidates[0]
    smallest = min(max(region.longer, 1.0) for region in regions)
    longest = math.ceil(max(first.width, first.height) * min(1.0, shape.size / smallest))
    try:
        made: dict[int, CutOut] = {}
        times = [candidate.face.at for candidate in candidates]
        for at, picture in read_frames(first.picture, times, longest=longest, limits=limits):
            shown = [row for row, time in enumerate(times) if time == at]
            boxes = [candidates[row].face.box for row in shown]
            rolls = upright.rolls(picture, boxes) if upright is not None else [None] * len(shown)
            for row, box, roll in zip(shown, boxes, rolls, strict=True):
                made[row] = _cut(picture, regions[row], box, shape, roll)
    except ImageError as error:
        return error
    return [made[row] for row in range(len(regions))]


def _cut(picture: Picture, region: Box, face: Box, shape: Shape, roll: Roll | None) -> CutOut:
    image, turn = picture.image, _turn(roll) if roll is not None else 0.0
    if turn:
        region = _around_face(region, face, turn)
    part = Box(*(edge * picture.scale for edge in region))
    factor = shape.size / max(part.longer, 1e-6)
    size = max(1, round(part.width * factor)), max(1, round(part.height * factor))
    if turn:
        made = turned_part(image, part, turn, size)
    else:
        part = Box(*map(min, part, (*image.size, *image.size)))
        made = image.resize(size, Image.Resampling.LANCZOS, box=part, reducing_gap=3.0)
    return CutOut(_encoded(made, shape), *size, region, print_of(made), roll)


def _encoded(image: Image.Image, shape: Shape) -> bytes:
    stream = io.BytesIO()
    if shape.form == "png":
        image.save(stream, "PNG")
    elif shape.form == "webp":
        image.save(stream, "WEBP", quality=shape.quality, method=4)
    else:
        image.save(stream, "JPEG", quality=shape.quality, subsampling=0)
    return stream.getvalue()
