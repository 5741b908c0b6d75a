"""A picture with what was found in it drawn on top: the boxes of the heads, names and colors."""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageDraw

from booru_tagger.drawing.marked import has_mark, marked_png
from booru_tagger.drawing.text import fitted, font_for, write_line
from booru_tagger.imaging import Picture
from booru_tagger.types import Box, FaceResult, TagResult

LONGEST = 2_048
"""Longest side of a drawing, in pixels; larger pictures are reduced to it."""
_MARK = "booru-tagger drawing"
_KNOWN, _UNKNOWN, _PAPER = (0, 150, 70), (110, 110, 110), (255, 255, 255)


def draw_faces(picture: Picture, result: TagResult) -> Image.Image:
    """The picture with each face of ``result`` framed: green where it has a name, grey where it has none.

    Boxes are in pixels of the upright original; the drawing is at most :data:`LONGEST` pixels long.
    """
    image = picture.image.copy()
    factor = min(1.0, LONGEST / max(image.size))
    if factor < 1:
        size = max(1, round(image.width * factor)), max(1, round(image.height * factor))
        image = image.resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0)
    scale = image.width / picture.width
    thickness = max(2, round(max(image.size) / 400))
    draw = ImageDraw.Draw(image)
    for face in result.faces:
        box = Box(*(side * scale for side in face.box))
        draw.rectangle(_ordered(box), outline=_color(face), width=thickness)
    for face in result.faces:  # after all the frames, so that none runs through a name
        _label(draw, Box(*(side * scale for side in face.box)), face, image.size)
    return image


def png(image: Image.Image) -> bytes:
    """A drawing as a PNG file, marked so that :func:`is_drawing` knows it again."""
    return marked_png(image, _MARK)


def is_drawing(path: Path) -> bool:
    """Whether the file is a drawing that was made here (and may be replaced by a newer one)."""
    return has_mark(path, _MARK)


def _color(face: FaceResult) -> tuple[int, int, int]:
    return _KNOWN if face.character is not None else _UNKNOWN


def _ordered(box: Box) -> tuple[float, float, float, float]:
    """Pillow refuses a rectangle whose right side is left of its left one."""
    return box.x0, box.y0, max(box.x0, box.x1 - 1), max(box.y0, box.y1 - 1)


def _label(draw: ImageDraw.ImageDraw, box: Box, face: FaceResult, size: tuple[int, int]) -> None:
    """The face's name and colors below its frame, or inside it at the picture's lower edge."""
    height = max(10, min(28, round(max(size) / 50)))
    room = max(box.width, 14 * height, 1)
    lines = [fitted(draw, text, room, height) for text in _lines(face)]
    width = max(draw.textlength(line, font=font_for(line, height)) for line in lines)
    step = round(height * 1.25)
    left = max(0.0, min(box.x0, size[0] - width - 4))
    top = max(0.0, min(box.y1, size[1] - step * len(lines) - 2))
    draw.rectangle((left, top, left + width + 3, top + step * len(lines) + 1), fill=_color(face))
    for number, line in enumerate(lines):
        write_line(draw, (left + 2, top + number * step), line, _PAPER, room, height)


def _lines(face: FaceResult) -> list[str]:
    who = face.character
    colors = [found.tag for found in (face.hair_color, face.eye_color) if found]
    name = f"{who.tag} {who.score:.2f}" if who else "unknown"
    return [name, ", ".join(colors)] if colors else [name]
