"""A contact sheet: the faces of many pictures side by side, each with what was said of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw

from booru_tagger.drawing.marked import has_mark, marked_png
from booru_tagger.drawing.text import write_line
from booru_tagger.errors import BooruTaggerError
from booru_tagger.imaging import Limits, Picture, Pixels, crop, square_around
from booru_tagger.moving import read_frames
from booru_tagger.types import Box, FaceResult, TagResult

CELL = 128
"""Side of a face on the sheet, in pixels."""
EXPAND = 1.25
"""Side of what is shown, in longer sides of the head box: enough to see whose head it is."""
LINE = 14
MARGIN = 8
CAPTION_LINES = 4
_MARK = "booru-tagger contact sheet"
_PAPER, _INK, _FAINT = (255, 255, 255), (20, 20, 20), (120, 120, 120)


Caption = Sequence[tuple[str, bool]]
"""Lines below a face, at most :data:`CAPTION_LINES`, and whether each is drawn faintly."""


@dataclass(frozen=True, slots=True)
class _Entry:
    face: Image.Image
    caption: Caption


def caption_of(face: FaceResult, file_name: str) -> Caption:
    """Who it is, which colors it has and where it is from, with the scores."""
    who = face.character
    colors = [found for found in (face.hair_color, face.eye_color) if found]
    return [
        (f"{who.tag} {who.score:.2f}", False) if who else ("unknown", True),
        *((f"{found.tag} {found.score:.2f}", False) for found in colors),
        (file_name, True),
    ]


def likeness_caption(likeness: float, face: FaceResult, file_name: str) -> Caption:
    """Who it is, how much it is like the one that was looked for, and where it is from."""
    who, *_, file = caption_of(face, file_name)
    return [who, (f"alike {likeness:.2f}", False), file]


class ContactSheet:
    """Collects faces and draws them. Holds one small thumbnail for each of at most ``limit`` faces."""

    def __init__(self, limit: int = 400, columns: int = 8) -> None:
        self.limit = limit
        self.columns = columns
        self.left_out = 0
        self._entries: list[_Entry] = []

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def full(self) -> bool:
        return len(self._entries) >= self.limit

    def add(
        self,
        result: TagResult,
        limits: Limits | None = None,
        caption: Callable[[FaceResult, str], Caption] = caption_of,
    ) -> None:
        """Take the faces of a picture, which is read again; one that can't be any more is passed over.

        ``caption`` gives the lines below a face, from the face and the name of its file.
        """
        room = self.limit - len(self._entries)
        self.left_out += max(0, len(result.faces) - room)
        faces = result.faces[:room]
        if not faces:
            return
        path = Path(result.path)
        try:
            longest = longest_needed(result, faces, CELL, EXPAND)
            entries = {
                face: _Entry(
                    Image.fromarray(cut_face(picture, face.box, CELL, EXPAND)), caption(face, path.name)
                )
                for at, picture in read_frames(
                    path, [face.at for face in faces], longest=longest, limits=limits
                )
                for face in faces
                if face.at == at
            }
        except BooruTaggerError:
            return
        self._entries.extend(entries[face] for face in faces)

    def png(self) -> bytes:
        """The sheet as a PNG file, marked so that :func:`is_sheet` knows it again."""
        return marked_png(self._draw(), _MARK)

    def _draw(self) -> Image.Image:
        columns = max(1, min(self.columns, len(self._entries)))
        rows = max(1, math.ceil(len(self._entries) / columns))
        width, height = CELL + MARGIN, CELL + CAPTION_LINES * LINE + MARGIN
        footer = 2 * LINE if self.left_out or not self._entries else 0
        sheet = Image.new(
            "RGB", (max(320, columns * width + MARGIN), rows * height + MARGIN + footer), _PAPER
        )
        draw = ImageDraw.Draw(sheet)
        for index, entry in enumerate(self._entries):
            row, column = divmod(index, columns)
            left, top = MARGIN + column * width, MARGIN + row * height
            sheet.paste(entry.face, (left, top))
            for number, (text, faint) in enumerate(entry.caption):
                place = left, top + CELL + 2 + number * LINE
                write_line(draw, place, text, _FAINT if faint else _INK, CELL, LINE - 3)
        if footer:
            text = f"and {self.left_out:,} faces more" if self._entries else "no faces"
            place = MARGIN, sheet.height - LINE - MARGIN
            write_line(draw, place, text, _FAINT, sheet.width, LINE - 3)
        return sheet


def is_sheet(path: Path) -> bool:
    """Whether the file is a contact sheet that was made here (and may be replaced by a newer one)."""
    return has_mark(path, _MARK)


def longest_needed(result: TagResult, faces: Iterable[FaceResult], side: int, expand: float) -> int:
    """Longest side of a picture at which the smallest face, shown with ``expand``, has ``side`` pixels."""
    smallest = min(max(1.0, face.box.longer) for face in faces)
    return math.ceil(max(result.width, result.height) * side / (expand * smallest))


def cut_face(picture: Picture, box: Box, side: int, expand: float) -> Pixels:
    """The face in ``box`` (in pixels of the upright original) with what is around it, as a square.

    At the picture's edge the square is moved, or made as small as the face, before any grey is shown.
    """
    height, width = picture.pixels.shape[:2]
    face = Box(*(edge * picture.scale for edge in box))
    longest = face.longer
    region = square_around(face, max(1.0, min(expand, min(width, height) / max(1.0, longest))))
    x, y = _inwards(region.x0, region.x1, width), _inwards(region.y0, region.y1, height)
    return crop(picture.pixels, Box(region.x0 + x, region.y0 + y, region.x1 + x, region.y1 + y), side)


def _inwards(low: float, high: float, upper: int) -> float:
    """How far to move a stretch so that it lies between 0 and ``upper``; not at all where it is longer."""
    if high - low > upper:
        return 0.0
    return max(0.0, -low) - max(0.0, high - upper)
