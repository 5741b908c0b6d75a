"""Training pictures for the detector: windows and mosaics cut from illustrations at many scales."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from booru_export.data.tables import Scene
from booru_export.training.augment import photometric
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

Boxes = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class LoadedScene:
    """A scene in memory: a pyramid of images, each half the one before, with boxes at the scale of the
    first.
    """

    pyramid: tuple[Image.Image, ...]
    boxes: Boxes
    ignore: Boxes

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
    return from_image(image, scene.boxes, scene.ignore, image.width / scene.width)


def from_image(image: Image.Image, boxes: Sequence[Box], ignore: Sequence[Box], scale: float) -> LoadedScene:
    """A scene from an image in memory; ``scale`` carries the boxes to it."""
    pyramid = [image]
    while max(pyramid[-1].size) > 128:
        pyramid.append(pyramid[-1].reduce(2))
    return LoadedScene(tuple(pyramid), _array(boxes) * scale, _array(ignore) * scale)


def _array(boxes: Sequence[Box]) -> Boxes:
    return np.asarray([tuple(box) for box in boxes], dtype=np.float32).reshape(-1, 4)


class Sampler:
    """Makes training samples: half single windows, half mosaics of four (Bochkovskiy et al., "YOLOv4",
    2020).
    """

    def __init__(self, scenes: Sequence[LoadedScene], mosaic: float, rng: np.random.Generator) -> None:
        self.scenes = scenes
        self.mosaic = mosaic
        self.rng = rng

    def sample(self, size: int) -> Sample:
        canvas = Image.new("RGB", (size, size), (PAD_VALUE,) * 3)
        boxes: list[Boxes] = []
        ignore: list[Boxes] = []
        for region in self._regions(size):
            scene = self.scenes[int(self.rng.integers(len(self.scenes)))]
            tile, heads, ignored = self._window(scene, region[2] - region[0], region[3] - region[1])
            canvas.paste(tile, region[:2])
            offset = np.asarray(region[:2] * 2, dtype=np.float32)
            boxes.append(heads + offset)
            ignore.append(ignored + offset)
        pixels = photometric(np.asarray(canvas), self.rng)
        return Sample(pixels, np.concatenate(boxes), np.concatenate(ignore))

    def _regions(self, size: int) -> list[tuple[int, int, int, int]]:
        if self.rng.random() >= self.mosaic:
            return [(0, 0, size, size)]
        x, y = (int(value) for value in self.rng.uniform(0.35 * size, 0.65 * size, 2))
        return [(0, 0, x, y), (x, 0, size, y), (0, y, x, size), (x, y, size, size)]

    def _window(self, scene: LoadedScene, width: int, height: int) -> tuple[Image.Image, Boxes, Boxes]:
        scale = self._scale(scene, width, height)
        angle = self.rng.normal(0, 0.15) if self.rng.random() < 0.25 else 0.0
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
        heads = _move(scene.boxes, forward, centre, target, scale)
        ignored = _clip(_move(scene.ignore, forward, centre, target, scale), width, height)[0]
        clipped, share = _clip(heads, width, height)
        small = np.minimum(clipped[:, 2] - clipped[:, 0], clipped[:, 3] - clipped[:, 1]) < SMALLEST
        keep = (share >= KEPT_SHARE) & ~small
        seen = (share > 0.02) & ~keep
        return tile, clipped[keep], np.concatenate([ignored, clipped[seen]])

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


def _move(
    boxes: Boxes,
    forward: npt.NDArray[np.float64],
    centre: npt.NDArray[np.float64],
    target: npt.NDArray[np.float64],
    scale: float,
) -> Boxes:
    """Carry boxes through the map; a head turned a little keeps its size, being nearly round."""
    middle = np.stack([(boxes[:, 0] + boxes[:, 2]) / 2, (boxes[:, 1] + boxes[:, 3]) / 2], 1)
    half = np.stack([boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]], 1) * scale / 2
    moved = (middle - centre) @ forward.T + target
    return np.concatenate([moved - half, moved + half], 1).astype(np.float32)


def _clip(boxes: Boxes, width: int, height: int) -> tuple[Boxes, npt.NDArray[np.float32]]:
    """Boxes cut at the window's border and the share of each that is left."""
    limit = np.asarray([width, height, width, height], dtype=np.float32)
    clipped = np.clip(boxes, 0, limit)
    area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    left = (clipped[:, 2] - clipped[:, 0]) * (clipped[:, 3] - clipped[:, 1])
    return clipped, (left / np.maximum(area, 1e-6)).astype(np.float32)
