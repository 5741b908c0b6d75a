"""A pen that draws shapes given in the units of a head onto a picture, wherever and however the head sits."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from booru_export.drawn.curves import Points, corners, ribbon
from booru_export.drawn.palette import RGB, light, mix, shade


@dataclass(frozen=True, slots=True)
class ShapeStyle:
    """How a style treats every shape.

    ``line``: width of outlines in head units, 0 for none. ``ink``: how far outlines go from the color of the
    shape to near black. ``soft``: gradients and blurred shadows in place of flat color and hard shadows.
    ``depth``: strength of shadows, 0 to 1. ``chibi``: large head and eyes on a small body.
    """

    name: str
    line: float
    ink: float
    soft: bool
    depth: float
    chibi: bool = False


LOOKS = {
    look.name: look
    for look in (
        ShapeStyle("cel", line=0.032, ink=0.85, soft=False, depth=1.0),
        ShapeStyle("painterly", line=0.018, ink=0.5, soft=True, depth=0.9),
        ShapeStyle("flat", line=0.0, ink=0.6, soft=False, depth=0.75),
        ShapeStyle("chibi", line=0.045, ink=0.75, soft=False, depth=0.8, chibi=True),
        ShapeStyle("pastel", line=0.026, ink=0.4, soft=True, depth=0.6),
    )
}
INK: RGB = (38, 26, 34)
SMALLEST_LINE = 0.6
"""Outlines thinner than this many final pixels are drawn so wide: real pictures keep theirs when small."""


@dataclass(frozen=True, slots=True)
class Pose:
    """Where a head (or body) sits: pixels per unit, centre in pixels, roll in radians, yaw from -1 to 1."""

    unit: float
    x: float
    y: float
    roll: float = 0.0
    yaw: float = 0.0

    def to_pixels(self, shape: Points, *, round_head: bool = False) -> Points:
        """Carry points to the picture; ``round_head`` lets those on the front of the head follow the yaw."""
        if round_head and self.yaw:
            shape = _on_dome(shape, self.yaw)
        cosine, sine = math.cos(self.roll) * self.unit, math.sin(self.roll) * self.unit
        return np.asarray(shape @ np.asarray([[cosine, sine], [-sine, cosine]]) + (self.x, self.y))


def _on_dome(shape: Points, yaw: float) -> Points:
    """Turn points on the front half of a ball of radius 1.1 about the vertical axis, by up to 25 degrees."""
    angle = yaw * math.radians(25)
    x, y = shape[:, 0], shape[:, 1]
    depth = 0.95 * np.sqrt(np.clip(1 - (x / 1.12) ** 2, 0, None)) * np.clip((y + 1.35) / 0.9, 0, 1)
    moved = np.where(np.abs(x) < 1.12, x * math.cos(angle) + depth * math.sin(angle), x)
    return np.stack([moved, y], axis=1)


@dataclass(frozen=True, slots=True)
class Pen:
    """Draws on ``image``, which is ``oversample`` times as large as the picture will be."""

    image: Image.Image
    look: ShapeStyle
    pose: Pose
    oversample: int
    round_head: bool = False

    def at(self, pose: Pose) -> Pen:
        return replace(self, pose=pose)

    def on_head(self) -> Pen:
        """The same pen for what lies on the front of the head and turns with it."""
        return replace(self, round_head=True)

    def pixels(self, shape: Points) -> Points:
        return self.pose.to_pixels(shape, round_head=self.round_head)

    def fill(self, shape: Points, color: RGB, *, outline: float = 1.0) -> None:
        """A closed shape in one color, with the style's outline ``outline`` times as wide as usual."""
        spots = corners(self.pixels(shape))
        ImageDraw.Draw(self.image).polygon(spots, fill=color)
        self._outline(spots, color, outline)

    def paint(self, shape: Points, color: RGB, *, outline: float = 1.0, depth: float = 0.25) -> None:
        """Like :meth:`fill`; soft styles let it run from light above to shade below."""
        if not self.look.soft:
            self.fill(shape, color, outline=outline)
            return
        self.blend(shape, light(color, depth * 0.6), shade(color, depth * self.look.depth))
        self._outline(corners(self.pixels(shape)), color, outline)

    def layered(self, shape: Points, color: RGB, *, amount: float = 0.22) -> None:
        """Like :meth:`paint`, for hair: hard styles leave a shadow along the lower right edges."""
        if self.look.soft:
            self.paint(shape, color, depth=0.35)
            return
        self.fill(shape, color, outline=0)
        with self.inside(shape) as inner:
            inner.fill(shape, shade(color, amount * self.look.depth), outline=0)
            inner.fill(shape * (0.99, 1.0) - (0.05, 0.085), color, outline=0)
        self._outline(corners(self.pixels(shape)), color, 1.0)

    def blend(self, shape: Points, top: RGB, bottom: RGB) -> None:
        """A closed shape filled with a vertical gradient, without outline."""
        spots = self.pixels(shape)
        region = self._region(spots)
        if region is None:
            return
        size = (region[2] - region[0], region[3] - region[1])
        self.image.paste(ramp(size, top, bottom), region[:2], _mask(spots, region))

    def wash(self, shape: Points, color: RGB, strength: float, *, blur: float = 0.0) -> None:
        """A translucent closed shape, ``strength`` from 0 to 1, its edge blurred over ``blur`` units."""
        spots = self.pixels(shape)
        radius = blur * self.pose.unit
        region = self._region(spots, margin=round(2.5 * radius))
        if region is None:
            return
        mask = _mask(spots, region, round(255 * strength))
        if radius > 0.5:
            mask = _blurred(mask, radius)
        self.image.paste(color, region, mask)

    def stroke(self, middle: Points, widths: tuple[float, ...], color: RGB) -> None:
        """A line with changing width (in units), for lashes, mouths and strands."""
        min_width = SMALLEST_LINE * self.oversample / self.pose.unit
        if max(widths) < min_width:
            widths = tuple(width * min_width / max(widths) for width in widths)
        spots = corners(self.pixels(ribbon(middle, widths)))
        ImageDraw.Draw(self.image).polygon(spots, fill=color)

    @contextmanager
    def inside(self, shape: Points) -> Iterator[Pen]:
        """A pen whose marks stay inside the shape."""
        spots = self.pixels(shape)
        region = self._region(spots)
        if region is None:
            yield replace(self, image=Image.new("RGB", (1, 1)))
            return
        part = self.image.crop(region)
        moved = replace(self.pose, x=self.pose.x - region[0], y=self.pose.y - region[1])
        yield replace(self, image=part, pose=moved)
        self.image.paste(part, region[:2], _mask(spots, region))

    def ink(self, color: RGB) -> RGB:
        """The color of a line around something of this color."""
        return mix(shade(color, 0.35), INK, self.look.ink)

    def _outline(self, spots: list[tuple[float, float]], color: RGB, times: float) -> None:
        if self.look.line == 0 or times == 0:
            return
        width = max(self.look.line * times * self.pose.unit, SMALLEST_LINE * self.oversample)
        ImageDraw.Draw(self.image).line(
            [*spots, spots[0], spots[1]], fill=self.ink(color), width=max(1, round(width)), joint="curve"
        )

    def _region(self, spots: Points, margin: int = 0) -> tuple[int, int, int, int] | None:
        """The part of the picture that the shape touches."""
        low, high = (
            np.floor(spots.min(0)).astype(int) - margin,
            np.ceil(spots.max(0)).astype(int) + 1 + margin,
        )
        left, top = max(0, int(low[0])), max(0, int(low[1]))
        right, bottom = min(self.image.width, int(high[0])), min(self.image.height, int(high[1]))
        return (left, top, right, bottom) if right > left and bottom > top else None


def ramp(size: tuple[int, int], top: RGB, bottom: RGB) -> Image.Image:
    """A picture that runs from one color above to another below."""
    column = np.linspace(top, bottom, size[1]).round().astype(np.uint8)
    return Image.fromarray(column[:, None, :]).resize(size, Image.Resampling.NEAREST)


def _mask(spots: Points, region: tuple[int, int, int, int], value: int = 255) -> Image.Image:
    mask = Image.new("L", (region[2] - region[0], region[3] - region[1]))
    ImageDraw.Draw(mask).polygon(corners(spots - region[:2]), fill=value)
    return mask


def _blurred(mask: Image.Image, radius: float) -> Image.Image:
    """A Gaussian blur, done on a smaller copy where the radius is large."""
    factor = max(1, int(radius / 3))
    if factor == 1:
        return mask.filter(ImageFilter.GaussianBlur(radius))
    small = mask.reduce(factor).filter(ImageFilter.GaussianBlur(radius / factor))
    return small.resize(mask.size, Image.Resampling.BILINEAR)
