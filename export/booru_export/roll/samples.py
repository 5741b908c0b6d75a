"""Heads for the network that says how far they are turned: pictures turned by known angles.

The heads in pictures are upright only in the mean. How far each is turned by itself averages out, if nothing
tells the turned picture from the turned head: neither a border nor hair, body and background.
"""

from __future__ import annotations

import csv
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from booru_export.data.tables import FaceItem, Scene
from booru_export.training import augment
from booru_export.training.inputs import to_input
from booru_export.training.recipe import USUAL_TURN, RollRecipe
from booru_export.training.streams import streams_of
from booru_tagger.errors import DataError
from booru_tagger.files.text import open_text
from booru_tagger.imaging import PAD_VALUE, Pixels, read_picture, square_around
from booru_tagger.types import Box

EXPAND = 1.1
"""Side of the squares that the network is shown, in longer sides of the head's box."""
STORED = 84
STORED_EXPAND = 1.5
SMALLEST_HEAD = 32.0
_RARITY = 0.5
"""Of a source with n heads, each is drawn by ``1 / n ** _RARITY``."""
_ZOOM = (0.86, 1.16)
_TIGHT_ZOOM = (0.75, 1.0)
"""The same where the picture is the head: nothing is known of what is beyond."""
_TWIST = math.radians(22)
_DEEPEST_RIM = 0.35
_NEARLY = 5
"""How far the grey around a picture may be from :data:`PAD_VALUE`: it was saved as JPEG or WebP."""


@dataclass(frozen=True, slots=True)
class Heads:
    """Pictures ``(N, STORED, STORED, 3)``; for each its side in sides of the head, how far the head is turned
    in it (radians, clockwise; 0 where nobody measured it), and how often it is drawn (the sum is 1)."""

    pixels: Pixels
    reach: npt.NDArray[np.float32]
    roll: npt.NDArray[np.float32]
    chance: npt.NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.pixels)


def load_heads(items: Sequence[FaceItem], scenes: Sequence[Scene]) -> Heads:
    """The heads of crops and of whole pictures, but for those that are too small to see anything."""
    pixels, reach, sources = [], [], []
    for item in items:
        picture = read_picture(item.path).pixels
        if item.head is None:
            pixels.append(_cut(picture, Box(0, 0, picture.shape[1], picture.shape[0])))
        elif item.head.longer < SMALLEST_HEAD:
            continue
        else:
            pixels.append(_cut(picture, square_around(item.head, STORED_EXPAND), _inner(picture)))
        reach.append(1.0 if item.head is None else STORED_EXPAND)
        sources.append(item.source)
    for scene in scenes:
        picture = read_picture(scene.path).pixels
        for box in scene.boxes:
            if box.longer >= SMALLEST_HEAD:
                pixels.append(_cut(picture, square_around(box, STORED_EXPAND)))
                reach.append(STORED_EXPAND)
                sources.append(scene.source)
    counts = Counter(sources)
    chance = np.asarray([counts[source] ** -_RARITY for source in sources])
    return Heads(
        np.stack(pixels),
        np.asarray(reach, np.float32),
        np.zeros(len(pixels), np.float32),
        chance / chance.sum(),
    )


@dataclass(frozen=True, slots=True)
class MeasuredHead:
    """A head of which somebody measured by the line of its eyes how many degrees it is turned, clockwise.

    ``part`` of the data is as the table says, or ``train``.
    """

    path: Path
    box: Box
    degrees: float
    part: str


def read_measured(table: Path, root: Path | None = None) -> list[MeasuredHead]:
    """The heads of a CSV with ``path,x0,y0,x1,y1,roll`` and perhaps ``part``; paths are from ``root``, or
    from its folder.

    Raises :class:`DataError`.
    """
    try:
        with open_text(table, newline="") as handle:
            return [
                MeasuredHead(
                    (root or table.parent) / row["path"],
                    Box(*(float(row[name]) for name in ("x0", "y0", "x1", "y1"))),
                    float(row["roll"]),
                    row.get("part") or "train",
                )
                for row in csv.DictReader(handle)
            ]
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise DataError(f"{table}: expected a CSV with path,x0,y0,x1,y1,roll ({error})") from error


def with_measured(heads: Heads, measured: Sequence[MeasuredHead], share: float) -> Heads:
    """All heads, of which those that were measured are drawn a ``share`` of the time."""
    if not measured:
        return heads
    pixels, reach = [], []
    for one in measured:
        picture = read_picture(one.path).pixels
        whole = Box(0, 0, picture.shape[1], picture.shape[0])
        tight = one.box == whole
        pixels.append(
            _cut(picture, whole if tight else square_around(one.box, STORED_EXPAND), _inner(picture))
        )
        reach.append(1.0 if tight else STORED_EXPAND)
    count = len(measured)
    return Heads(
        np.concatenate([heads.pixels, np.stack(pixels)]),
        np.concatenate([heads.reach, np.asarray(reach, np.float32)]),
        np.concatenate([heads.roll, np.radians([one.degrees for one in measured]).astype(np.float32)]),
        np.concatenate([heads.chance * (1 - share), np.full(count, share / count)]),
    )


def _inner(pixels: Pixels) -> Box:
    """The picture without the grey that fills it up to a square: turned with it, its border would tell."""
    grey = (np.abs(pixels.astype(np.int16) - PAD_VALUE) <= _NEARLY).all(2)
    rows, columns = (np.flatnonzero(grey.mean(axis) < 0.95) for axis in (1, 0))
    if not (len(rows) and len(columns)):
        return Box(0, 0, pixels.shape[1], pixels.shape[0])
    return Box(int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)


def _cut(pixels: Pixels, region: Box, inside: Box | None = None) -> Pixels:
    """The square of :data:`STORED` pixels in ``region``, mirrored at the borders of what is ``inside``."""
    height, width = pixels.shape[:2]
    inner = inside or Box(0, 0, width, height)
    side = max(region.width, region.height)
    axis = (np.arange(STORED) + 0.5) / STORED - 0.5
    x = _mirrored((region.x0 + region.x1) / 2 + axis * side - 0.5, inner.x0, inner.x1 - 1)
    y = _mirrored((region.y0 + region.y1) / 2 + axis * side - 0.5, inner.y0, inner.y1 - 1)
    grid = np.stack(np.meshgrid(2 * (x + 0.5) / width - 1, 2 * (y + 0.5) / height - 1), -1)
    source = torch.from_numpy(np.array(pixels)).permute(2, 0, 1)[None].float()
    shrink = side / STORED
    if shrink > 1:  # grid_sample does not antialias
        small = (max(1, round(height / shrink)), max(1, round(width / shrink)))
        source = F.interpolate(source, size=small, mode="bilinear", antialias=True)
    cut = F.grid_sample(
        source,
        torch.from_numpy(grid[None]).float(),
        mode="bilinear",
        padding_mode="border",
        align_corners=False,
    )
    return cut[0].permute(1, 2, 0).round().clamp(0, 255).byte().numpy()


def _mirrored(values: npt.NDArray[np.float64], low: float, high: float) -> npt.NDArray[np.float64]:
    length = max(high - low, 1e-6)
    folded = np.abs((values - low) % (2 * length))
    return low + np.minimum(folded, 2 * length - folded)


def turned(
    pictures: Tensor,
    size: int,
    angle: Tensor,
    side: Tensor,
    *,
    shift: Tensor | None = None,
    mirror: Tensor | None = None,
    twist: Tensor | None = None,
    where: float = 0.8,
) -> Tensor:
    """Squares of ``size`` pixels out of pictures ``(N, 3, S, S)`` that were turned clockwise by ``angle``.

    ``side``: of the square, as a share of the picture's; ``shift (N, 2)`` moves it by such shares. ``mirror``
    is -1 for pictures mirrored before. From ``where`` on, a share of the way from the middle to the border,
    the picture is turned by ``twist`` more. Angles in radians.
    """
    axis = (torch.arange(size) + 0.5) / (size / 2) - 1
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    angles = angle[:, None, None].expand(-1, size, size)
    if twist is not None:
        along = (((x.square() + y.square()).sqrt() - where) / 0.15).clamp(0, 1)
        angles = angles + twist[:, None, None] * (along * along * (3 - 2 * along))
    cosine, sine = angles.cos(), angles.sin()
    grid = torch.stack([cosine * x + sine * y, cosine * y - sine * x], -1) * side[:, None, None, None]
    if mirror is not None:
        grid = grid * torch.stack([mirror, torch.ones_like(mirror)], 1)[:, None, None]
    if shift is not None:
        grid = grid + 2 * shift[:, None, None]
    return F.grid_sample(
        pictures, grid.to(pictures.device), mode="bilinear", padding_mode="reflection", align_corners=False
    )


@dataclass(frozen=True, slots=True)
class RollBatch:
    """What one step learns from: values ``(N, 3, S, S)`` and the angles ``(N,)`` in radians, clockwise."""

    images: Tensor
    angles: Tensor


def draw(heads: Heads, recipe: RollRecipe, size: int, step: int) -> RollBatch:
    """The batch that a run with this recipe learns from in this step."""
    streams = streams_of(recipe.schedule.seed, step)
    rng, generator = streams.numpy, streams.torch
    count = recipe.schedule.batch
    rows = rng.choice(len(heads), count, p=heads.chance)
    reach = torch.from_numpy(heads.reach[rows])

    def uniform(low: float, high: float) -> Tensor:
        return torch.rand(count, generator=generator) * (high - low) + low

    usual = math.radians(USUAL_TURN)
    anyhow = torch.rand(count, generator=generator) < recipe.any_turn
    angle = torch.where(anyhow, uniform(-math.pi, math.pi), uniform(-usual, usual))
    tight = reach < EXPAND
    side = torch.where(tight, uniform(*_TIGHT_ZOOM), EXPAND * uniform(*_ZOOM) / reach)
    shift = torch.randn(count, 2, generator=generator).clamp(-2, 2) * 0.04 * side[:, None]
    mirror = (torch.rand(count, generator=generator) < 0.5).float() * 2 - 1
    twisted = (torch.rand(count, generator=generator) < recipe.twist).float()
    images = turned(
        to_input(torch.from_numpy(heads.pixels[rows])),
        size,
        angle,
        side,
        shift=shift,
        mirror=mirror,
        twist=twisted * torch.randn(count, generator=generator) * _TWIST,
        where=float(rng.uniform(0.62, 0.95)),
    )
    return RollBatch(_damaged(images, recipe, generator), angle + mirror * torch.from_numpy(heads.roll[rows]))


def _damaged(images: Tensor, recipe: RollRecipe, generator: torch.Generator) -> Tensor:
    count = len(images)
    images = augment.light(images, generator)
    images = augment.to_grey(images, torch.rand(count, generator=generator) < 0.1)
    images = augment.blur_some(images, generator, 0.15)
    images = augment.jpeg_some(images, generator, 0.2)
    images = augment.erase_some(images, generator, 0.2)
    return _rims(images, recipe.rims, generator)


def _rims(images: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Grey from one side of some pictures, as where a head is at the border of its picture."""
    count, size = len(images), images.shape[-1]
    depth = torch.rand(count, generator=generator) * _DEEPEST_RIM * size
    depth[torch.rand(count, generator=generator) >= share] = -1
    side = torch.randint(0, 4, (count,), generator=generator)
    along = torch.arange(size).expand(count, size)
    from_end = torch.where((side % 2 == 0)[:, None], along, size - 1 - along)
    covered = from_end < depth[:, None]
    down = covered[:, :, None] & (side < 2)[:, None, None]
    across = covered[:, None, :] & (side >= 2)[:, None, None]
    return images.masked_fill((down | across)[:, None].to(images.device), 0.0)
