"""Heads in long pictures: how many are found of those that are found in the parts, and how many twice.

Strips, rows and pages are put together from scenes, each part at the size at which it was looked at alone.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from booru_export.data.splits import PARTS, split_scenes
from booru_export.data.tables import Scene, read_scenes
from PIL import Image

from booru_tagger.imaging import Picture, read_picture
from booru_tagger.models.bundle import Bundle
from booru_tagger.models.detector import Detector
from booru_tagger.models.session import Session
from booru_tagger.types import Box, Face

SAME, INSIDE = 0.5, 0.6
"""IoU from which two boxes are one head; share of the smaller box from which a second one is a double."""


@dataclass(frozen=True, slots=True)
class StripLayout:
    """``columns`` pictures beside each other, each ``side`` pixels wide (a ``row``: high), ``gap`` apart.

    With ``ragged``, pictures are from half to all of that size and stand anywhere in their columns.
    """

    name: str
    count: int
    side: int
    gap: int = 0
    columns: int = 1
    row: bool = False
    ragged: bool = False


LAYOUTS = (
    StripLayout("strip 800 px wide", 24, 800),
    StripLayout("strip 800 px wide, white gaps", 24, 800, gap=300),
    StripLayout("strip 400 px wide", 24, 400),
    StripLayout("strip 1600 px wide", 12, 1600, gap=30),
    StripLayout("strip 800 px wide, ragged", 24, 800, gap=60, ragged=True),
    StripLayout("four panels below each other", 4, 600, gap=10),
    StripLayout("row 700 px high", 24, 700, row=True),
    StripLayout("row of four", 4, 700, gap=10, row=True),
    StripLayout("two columns of twelve", 24, 800, gap=20, columns=2),
    StripLayout("page of 2 x 2", 4, 800, gap=20, columns=2),
    StripLayout("page of 2 x 3", 6, 800, gap=20, columns=2),
)


@dataclass(slots=True)
class HeadCount:
    pictures: int = 0
    alone: int = 0
    again: int = 0
    doubles: int = 0
    others: int = 0
    seconds: float = 0.0
    seconds_alone: float = 0.0


def scaled(scene: Scene, layout: StripLayout, chance: random.Random) -> Image.Image:
    image = read_picture(scene.path).image
    share = chance.uniform(0.5, 1) if layout.ragged else 1.0
    factor = share * layout.side / (image.height if layout.row else image.width)
    return image.resize((max(1, round(image.width * factor)), max(1, round(image.height * factor))))


def compose(
    parts: Sequence[Image.Image], layout: StripLayout, chance: random.Random
) -> tuple[Image.Image, list[Box]]:
    """The long picture, and where its parts are in it."""
    if layout.row:
        turned = [part.transpose(Image.Transpose.TRANSPOSE) for part in parts]
        page, places = _stacked(turned, layout, chance)
        return page.transpose(Image.Transpose.TRANSPOSE), [
            Box(box.y0, box.x0, box.y1, box.x1) for box in places
        ]
    return _stacked(parts, layout, chance)


def _stacked(
    parts: Sequence[Image.Image], layout: StripLayout, chance: random.Random
) -> tuple[Image.Image, list[Box]]:
    places, tops = [], [0] * layout.columns
    for part in parts:
        column = tops.index(min(tops))
        left = column * (layout.side + layout.gap) + chance.randint(0, layout.side - part.width)
        places.append(Box(left, tops[column], left + part.width, tops[column] + part.height))
        tops[column] += part.height + layout.gap
    width = layout.columns * (layout.side + layout.gap) - layout.gap
    page = Image.new("RGB", (width, max(tops) - layout.gap), chance.choice(["white", "black"]))
    for part, place in zip(parts, places, strict=True):
        page.paste(part, (int(place.x0), int(place.y0)))
    return page, places


def look(detector: Detector, image: Image.Image) -> tuple[list[Face], float]:
    start = time.perf_counter()
    faces = detector.detect(Picture(image, *image.size))
    return list(faces), time.perf_counter() - start


def groups(scenes: Sequence[Scene], size: int) -> Iterator[Sequence[Scene]]:
    """All scenes in groups of ``size``; what is left over after whole groups is filled up from the start."""
    for start in range(0, len(scenes), size):
        yield [*scenes, *scenes][start : start + size]


def measure(detector: Detector, layout: StripLayout, scenes: Sequence[Scene], max_pages: int) -> HeadCount:
    count, chance = HeadCount(), random.Random(0)
    for chosen in list(groups(scenes, layout.count))[:max_pages]:
        parts = [scaled(scene, layout, chance) for scene in chosen]
        page, places = compose(parts, layout, chance)
        wanted: list[Box] = []
        for part, place in zip(parts, places, strict=True):
            faces, seconds = look(detector, part)
            wanted += [moved(face.box, place) for face in faces]
            count.seconds_alone += seconds
        found, seconds = look(detector, page)
        count.seconds += seconds
        count.pictures += 1
        judge(count, wanted, [face.box for face in found])
    return count


def moved(box: Box, place: Box) -> Box:
    return Box(box.x0 + place.x0, box.y0 + place.y0, box.x1 + place.x0, box.y1 + place.y0)


def judge(count: HeadCount, wanted: Sequence[Box], found: Sequence[Box]) -> None:
    left = list(found)
    for box in wanted:
        best = max(left, key=box.iou, default=None)
        if best is not None and box.iou(best) >= SAME:
            left.remove(best)
            count.again += 1
    count.alone += len(wanted)
    for box in left:
        double = any(overlap(box, other) > INSIDE for other in found if other is not box)
        # What overlaps alike in the scenes alone is two heads close to each other, or not the seams' fault.
        count.doubles += double
        count.others += not double


def overlap(first: Box, second: Box) -> float:
    """The common part of two boxes as a share of the smaller."""
    width = min(first.x1, second.x1) - max(first.x0, second.x0)
    height = min(first.y1, second.y1) - max(first.y0, second.y0)
    smaller = min(first.width * first.height, second.width * second.height)
    return max(0.0, width) * max(0.0, height) / max(1e-9, smaller)


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser("python -m benchmarks experiment strips", description=__doc__)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("scenes", type=Path)
    parser.add_argument("--part", choices=[*PARTS, "held-out"], default="held-out")
    parser.add_argument("--tile-length", type=float, help="instead of the bundle's")
    parser.add_argument("--most", type=int, default=1000, help="long pictures of each layout, at most")
    parser.add_argument("--layout", default="", help="only layouts whose names contain this")
    asked = parser.parse_args(arguments)
    bundle = Bundle.load(asked.bundle)
    assert bundle.detector is not None
    spec = bundle.detector
    if asked.tile_length:
        spec = spec._replace(tile_length=asked.tile_length)
    detector = Detector(Session(asked.bundle / spec.file), spec)
    parts = split_scenes(read_scenes(asked.scenes))
    scenes = [*parts["validation"], *parts["test"]] if asked.part == "held-out" else parts[asked.part]
    print(f"{'layout':32} pictures  heads alone  found again  doubles  others  ms a part alone  ms a part")
    for layout in LAYOUTS:
        if asked.layout in layout.name:
            seen = measure(detector, layout, scenes, asked.most)
            pieces = seen.pictures * layout.count
            print(
                f"{layout.name:32} {seen.pictures:8} {seen.alone:12} {seen.again / seen.alone:12.3f} "
                f"{seen.doubles:8} {seen.others:7} {1000 * seen.seconds_alone / pieces:16.1f} "
                f"{1000 * seen.seconds / pieces:10.1f}",
                flush=True,
            )
