"""A trial of the whole way from a picture to its tags, with a head drawn by code, whose answer is known."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

from PIL import Image, ImageDraw

from booru_tagger.app.parts import make_limits, tagger_options
from booru_tagger.config import Settings
from booru_tagger.files.replace import replace_file
from booru_tagger.tagging.tagger import Tagger
from booru_tagger.types import FaceResult

SECONDS = 5.0
"""How long pictures are tagged to learn the speed; loading the model comes on top."""
_HAIR, _SKIN, _LINE, _EYES, _WHITE = (70, 160, 90), (252, 226, 208), (60, 40, 50), (200, 60, 60), (250,) * 3
_FRINGE = (
    *((0.27, 0.5), (0.29, 0.3), (0.5, 0.2), (0.71, 0.3), (0.73, 0.5), (0.66, 0.38), (0.6, 0.47)),
    *((0.55, 0.36), (0.48, 0.47), (0.42, 0.36), (0.36, 0.46), (0.33, 0.37)),
)


@dataclass(frozen=True, slots=True)
class SelfTest:
    """How it went: the faces found in the picture with one head, green hair and red eyes, and the seconds
    that one picture takes, ``first`` with the loading of the model."""

    faces: tuple[FaceResult, ...]
    first: float
    seconds: float


def self_test(settings: Settings) -> SelfTest:
    """Write the picture into a temporary folder and tag it, again and again. Raises BooruTaggerError."""
    options = tagger_options(settings.tagging, make_limits(settings.reading))
    tagger = Tagger(replace(options, gallery=None, crops=False))
    with tempfile.TemporaryDirectory(prefix="booru-tagger-") as folder:
        picture = Path(folder) / "drawn.png"
        drawn_head().save(picture)
        replace_file(picture.with_name("drawn.txt"), b"a file like those that are written\n")
        begin = time.perf_counter()
        result = tagger.tag(picture)
        first = time.perf_counter() - begin
        begin, rounds = time.perf_counter(), 0
        while not rounds or time.perf_counter() - begin < SECONDS:
            tagger.tag(picture)
            rounds += 1
    return SelfTest(result.faces, first, (time.perf_counter() - begin) / rounds)


def drawn_head(side: int = 512) -> Image.Image:
    """A square picture of a girl with green hair and red eyes."""
    image = Image.new("RGB", (side, side), (214, 226, 240))
    pen = ImageDraw.Draw(image)

    def oval(x: float, y: float, across: float, down: float, fill: tuple[int, ...], line: int = 0) -> None:
        box = [(x - across) * side, (y - down) * side, (x + across) * side, (y + down) * side]
        pen.ellipse(box, fill=fill, outline=_LINE, width=line)

    oval(0.5, 0.48, 0.27, 0.3, _HAIR, 4)
    pen.rectangle([0.43 * side, 0.7 * side, 0.57 * side, 0.86 * side], fill=_SKIN)
    shoulders = [(0.2, 1.0), (0.3, 0.84), (0.7, 0.84), (0.8, 1.0)]
    pen.polygon([(x * side, y * side) for x, y in shoulders], fill=_WHITE, outline=_LINE)
    oval(0.5, 0.52, 0.205, 0.235, _SKIN, 3)
    pen.polygon([(x * side, y * side) for x, y in _FRINGE], fill=_HAIR)
    for x in (0.41, 0.59):
        oval(x, 0.55, 0.05, 0.065, _WHITE, 4)
        oval(x, 0.56, 0.037, 0.055, _EYES)
        oval(x, 0.565, 0.018, 0.028, _LINE)
        oval(x - 0.012, 0.535, 0.013, 0.016, _WHITE)
    pen.arc([0.46 * side, 0.64 * side, 0.54 * side, 0.69 * side], 20, 160, fill=_LINE, width=4)
    return image
