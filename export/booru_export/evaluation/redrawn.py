"""Faces without their colors: what grey pictures and line art do to a bundle, where no such data are."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image, ImageFilter

from booru_export.data.tables import FaceItem
from booru_tagger.imaging import Pixels

MAX_FACES = 1200
"""Faces that are redrawn at most."""
LINE = 1 / 260
"""Width of lines in sides of the picture."""
WIDER, SHARPNESS, PAPER, STEEPNESS = 1.6, 14.0, 0.8, 3.0


def in_grey(pixels: Pixels) -> Pixels:
    """The same picture ``(H, W, 3)`` without colors."""
    return np.asarray(Image.fromarray(pixels).convert("L").convert("RGB"))


def as_line_art(pixels: Pixels) -> Pixels:
    """The dark lines of a picture ``(H, W, 3)`` on white paper.

    Extended differences of Gaussians (Winnemöller et al. 2012): tones that are darker than what is around
    them stay, flat ones go.
    """
    grey = Image.fromarray(pixels).convert("L")
    width = max(0.4, LINE * max(grey.size))
    narrow, wide = (
        np.asarray(grey.filter(ImageFilter.GaussianBlur(sigma)), dtype=np.float32) / 255
        for sigma in (width, WIDER * width)
    )
    tone = narrow / np.maximum(wide, 0.02) * (1 + SHARPNESS) - SHARPNESS
    ink = np.where(tone >= PAPER, 1, 1 + np.tanh(STEEPNESS * (tone - PAPER)))
    return np.repeat((np.clip(ink, 0, 1) * 255).astype(np.uint8)[..., None], 3, axis=2)


STYLES: dict[str, Callable[[Pixels], Pixels]] = {"in grey": in_grey, "as line art": as_line_art}


def some(items: Sequence[FaceItem]) -> list[FaceItem]:
    """All of them, or a fixed sample."""
    return random.Random(0).sample(items, min(MAX_FACES, len(items)))
