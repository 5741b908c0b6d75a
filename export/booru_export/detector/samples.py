"""Training pictures for the detector: windows and mosaics cut from illustrations at many scales."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from booru_export.data.splits import kind_of
from booru_export.data.tables import Scene
from booru_export.detector.props import hat, thing
from booru_export.training.augment import photometric, tone
from booru_export.training.recipe import DetectorRecipe
from booru_tagger.imaging import PAD_VALUE, Pixels, read_picture
from booru_tagger.types import Box

LONGEST = 768
"""Illustrations are kept in memory at most this large."""
LARGEST_SCALE = 2.5
HEAD_SIZES = (14.0, 0.75)
"""Sizes that heads are scaled to: from so many pixels to such a share of the window."""
KEPT_SHARE = 0.6
"""A head of which less is left inside the window becomes a region to ignore."""
SMALLEST = 7.0
HATS_FROM = 16.0
"""Width of a head in pixels from which it may get a hat."""
MOST_COVERED = 0.12
"""Share of a head that something drawn over the picture may cover."""

Boxes = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class LoadedScene:
    """A scene in memory: a pyramid of images, each half the one before, with boxes at the scale of the
    first.
    """

    pyramid: tuple[Image.Image, ...]
    boxes: Boxes
    ignore: Boxes
    hard: bool = False

    @property
    def size(self) -> tuple[int, int]:
        return self.pyramid[0].size


@dataclass(frozen=True, slots=True)
class Sample:
    """A square picture with its boxes ``(K, 4)`` and regions to ignore."""

    pixels: Pixels
    boxes: Boxes
    ignore: Boxes


def load_scene(scene: Scene) -> LoadedScene:
    """Read a scene's picture and scale it to at most ``LONGEST`` pixels."""
    picture = read_picture(scene.path, longest=LONGEST)
    image = Image.fromarray(picture.pixels)
    factor = min(1.0, LONGEST / max(image.size))
    if factor < 1:
        image = image.resize((round(image.width * factor), round(image.height * factor)), reducing_gap=2.0)
    hard = kind_of(scene) == "hard"
    return from_image(image, scene.boxes, scene.ignore, image.width / scene.width, hard=hard)


def from_image(
    image: Image.Image, boxes: Sequence[Box], ignore: Sequence[Box], scale: float, *, hard: bool = False
) -> LoadedScene:
    """A scene from an image in memory; ``scale`` carries the boxes to it."""
    pyramid = [image]
    while max(pyramid[-1].size) > 128:
        pyramid.append(pyramid[-1].reduce(2))
    return LoadedScene(tuple(pyramid), _array(boxes) * scale, _array(ignore) * scale, hard)


def _array(boxes: Sequence[Box]) -> Boxes:
    return np.asarray([tuple(box) for box in boxes], dtype=np.float32).reshape(-1, 4)


Region: TypeAlias = tuple[int, int, int, int]


class Sampler:
    """Makes training samples: windows, mosaics of four (Bochkovskiy et al., "YOLOv4", 2020), and pages."""

    def __init__(
        self, scenes: Sequence[LoadedScene], recipe: DetectorRecipe, rng: np.random.Generator
    ) -> None:
        self.scenes, self.recipe, self.rng = scenes, recipe, rng
        weight = np.cumsum([recipe.hard_weight if scene.hard else 1.0 for scene in scenes])
        self.until = weight / weight[-1]
        """Share of the draws that fall on a scene or one before it."""

    def sample(self, size: int) -> Sample:
        canvas = Image.new("RGB", (size, size), (PAD_VALUE,) * 3)
        page = self._chance(self.recipe.pages)
        regions = self._panels(size) if page else self._regions(size)
        if page:
            canvas.paste((255, 255, 255), (0, 0, size, size))
        boxes: list[Boxes] = []
        ignore: list[Boxes] = []
        for region in regions:
            scene = self.scenes[int(np.searchsorted(self.until, self.rng.random(), side="right"))]
            tile, heads, ignored = self._window(scene, region[2] - region[0], region[3] - region[1])
            canvas.paste(tile, region[:2])
            offset = np.asarray(region[:2] * 2, dtype=np.float32)
            boxes.append(heads + offset)
            ignore.append(ignored + offset)
        heads = np.concatenate(boxes)
        self._dress(canvas, heads)
        if page:
            _frame(canvas, regions)
        if page or self._chance(self.recipe.things):
            self._scatter(canvas, heads)
        return Sample(self._lit(canvas, page), heads, np.concatenate(ignore))

    def _chance(self, share: float) -> bool:
        return share > 0 and bool(self.rng.random() < share)

    def _lit(self, canvas: Image.Image, page: bool) -> Pixels:
        if page and self.rng.random() < 0.7:
            canvas = canvas.convert("L").convert("RGB")
        pixels = np.asarray(canvas)
        if self._chance(self.recipe.tone):
            pixels = tone(pixels, self.rng)
        return photometric(pixels, self.rng)

    def _regions(self, size: int) -> list[Region]:
        if self.rng.random() >= self.recipe.mosaic:
            return [(0, 0, size, size)]
        x, y = (int(value) for value in self.rng.uniform(0.35 * size, 0.65 * size, 2))
        return [(0, 0, x, y), (x, 0, size, y), (0, y, x, size), (x, y, size, size)]

    def _panels(self, size: int) -> list[Region]:
        """Rows of panels, one to three in each, with gutters between them."""
        gutter = int(self.rng.integers(3, 12))
        panels = []
        for top, bottom in self._parts(size, int(self.rng.integers(2, 5)), gutter):
            for left, right in self._parts(size, int(self.rng.integers(1, 4)), gutter):
                panels.append((left, top, right, bottom))
        return panels

    def _parts(self, length: int, count: int, gutter: int) -> list[tuple[int, int]]:
        share = self.rng.uniform(0.6, 1.4, count)
        ends = np.cumsum(share / share.sum()) * length
        begins = [0.0, *ends[:-1].tolist()]
        pairs = zip(begins, ends.tolist(), strict=True)
        return [(round(begin) + gutter // 2, round(end) - (gutter + 1) // 2) for begin, end in pairs]

    def _dress(self, canvas: Image.Image, heads: Boxes) -> None:
        """Put hats on some of the heads: whose boxes stay, as those of real hats are drawn."""
        for x0, y0, x1, y1 in heads.tolist():
            if x1 - x0 >= HATS_FROM and self._chance(self.recipe.hats):
                drawing, (x, y) = hat(self.rng, x1 - x0, y1 - y0)
                canvas.paste(drawing, (round(x0) + x, round(y0) + y), drawing)

    def _scatter(self, canvas: Image.Image, heads: Boxes) -> None:
        """Draw things that are no heads where they cover none."""
        for _ in range(int(self.rng.integers(1, 6))):
            side = round(math.exp(self.rng.uniform(math.log(14), math.log(0.45 * canvas.width))))
            drawing = thing(self.rng, side)
            x, y = (int(value) for value in self.rng.uniform(-side / 3, canvas.width - side * 0.6, 2))
            cover = (x, y, x + drawing.width, y + drawing.height)
            if len(heads) == 0 or _covered(heads, cover).max() < MOST_COVERED:
                canvas.paste(drawing, (x, y), drawing)

    def _window(self, scene: LoadedScene, width: int, height: int) -> tuple[Image.Image, Boxes, Boxes]:
        scale = self._scale(scene, width, height)
        angle = self._angle()
        mirror = -1.0 if self.rng.random() < 0.5 else 1.0
        centre = self._centre(scene, scale, width, height)
        # forward map: source -> window; rotation, mirror and scale about the chosen centre
        cosine, sine = math.cos(angle) * scale, math.sin(angle) * scale
        forward = np.asarray([[cosine * mirror, -sine], [sine * mirror, cosine]])
        target = np.asarray([width / 2, height / 2])
        level = 0
        while level + 1 < len(scene.pyramid) and scale * 2 ** (level + 1) <= 1.2:
            level += 1
        backward = np.linalg.inv(forward)
        start = centre - backward @ target
        image = scene.pyramid[level]
        shrink = np.asarray([image.width / scene.size[0], image.height / scene.size[1]])
        rows = np.concatenate([backward, start[:, None]], axis=1) * shrink[:, None]
        tile = image.transform(
            (width, height),
            Image.Transform.AFFINE,
            tuple(rows.flatten().tolist()),
            Image.Resampling.BILINEAR,
            fillcolor=(PAD_VALUE,) * 3,
        )
        heads = _move(scene.boxes, forward, centre, target)
        ignored = _clip(_move(scene.ignore, forward, centre, target), width, height)[0]
        clipped, share = _clip(heads, width, height)
        small = np.minimum(clipped[:, 2] - clipped[:, 0], clipped[:, 3] - clipped[:, 1]) < SMALLEST
        keep = (share >= KEPT_SHARE) & ~small
        seen = (share > 0.02) & ~keep
        return tile, clipped[keep], np.concatenate([ignored, clipped[seen]])

    def _angle(self) -> float:
        if self._chance(self.recipe.any_turn):
            return float(self.rng.uniform(-math.pi, math.pi))
        return float(self.rng.normal(0, 0.15)) if self.rng.random() < 0.25 else 0.0

    def _scale(self, scene: LoadedScene, width: int, height: int) -> float:
        """Mostly near the scale that fits the window; else one that gives some head a size drawn evenly."""
        fitting = min(width / scene.size[0], height / scene.size[1])
        if len(scene.boxes) == 0 or self.rng.random() < 0.5:
            return min(LARGEST_SCALE, fitting * math.exp(self.rng.uniform(math.log(0.7), math.log(1.7))))
        box = scene.boxes[int(self.rng.integers(len(scene.boxes)))]
        head = max(box[2] - box[0], box[3] - box[1], 1.0)
        low, high = math.log(HEAD_SIZES[0]), math.log(HEAD_SIZES[1] * min(width, height))
        wanted = math.exp(self.rng.uniform(low, max(low, high)))
        return float(np.clip(wanted / head, fitting * 0.4, LARGEST_SCALE))

    def _centre(self, scene: LoadedScene, scale: float, width: int, height: int) -> npt.NDArray[np.float64]:
        """The point of the picture that comes to the window's middle."""
        size = np.asarray(scene.size, dtype=np.float64)
        seen = np.asarray([width, height]) / scale
        room = np.abs(size - seen) / 2
        middle = size / 2 + self.rng.uniform(-1, 1, 2) * room
        if len(scene.boxes) and self.rng.random() < 0.7:
            box = scene.boxes[int(self.rng.integers(len(scene.boxes)))].astype(np.float64)
            head = np.asarray([(box[0] + box[2]) / 2, (box[1] + box[3]) / 2])
            nearby = head + self.rng.uniform(-0.4, 0.4, 2) * seen
            # a window smaller than the picture shows little beyond its border: grey teaches nothing
            inner = np.clip(nearby, size / 2 - room - 0.08 * seen, size / 2 + room + 0.08 * seen)
            middle = np.where(seen < size, inner, middle)
        return middle


def _frame(canvas: Image.Image, panels: Sequence[Region]) -> None:
    draw = ImageDraw.Draw(canvas)
    for panel in panels:
        draw.rectangle(panel, outline=(0, 0, 0), width=max(1, canvas.width // 200))


def _covered(boxes: Boxes, cover: Region) -> npt.NDArray[np.float32]:
    """The share of each box that lies under ``cover``."""
    limit = np.asarray(cover, dtype=np.float32)
    inner = np.minimum(boxes[:, 2:], limit[2:]) - np.maximum(boxes[:, :2], limit[:2])
    area = (boxes[:, 2:] - boxes[:, :2]).prod(1)
    return np.asarray(inner.clip(min=0).prod(1) / np.maximum(area, 1e-6), dtype=np.float32)


def _move(
    boxes: Boxes,
    forward: npt.NDArray[np.float64],
    centre: npt.NDArray[np.float64],
    target: npt.NDArray[np.float64],
) -> Boxes:
    """Carry boxes through the map, to the bounds of the ellipses in them: heads are round."""
    middle = np.stack([(boxes[:, 0] + boxes[:, 2]) / 2, (boxes[:, 1] + boxes[:, 3]) / 2], 1)
    half = np.stack([boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]], 1) / 2
    reach = np.sqrt(half**2 @ (forward**2).T)
    moved = (middle - centre) @ forward.T + target
    return np.concatenate([moved - reach, moved + reach], 1).astype(np.float32)


def _clip(boxes: Boxes, width: int, height: int) -> tuple[Boxes, npt.NDArray[np.float32]]:
    """Boxes cut at the window's border and the share of each that is left."""
    limit = np.asarray([width, height, width, height], dtype=np.float32)
    clipped = np.clip(boxes, 0, limit)
    area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    left = (clipped[:, 2] - clipped[:, 0]) * (clipped[:, 3] - clipped[:, 1])
    return clipped, (left / np.maximum(area, 1e-6)).astype(np.float32)
