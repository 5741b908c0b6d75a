"""Illustrations drawn by code, with exact head boxes and colors: examples, and extra training samples."""

from __future__ import annotations

from booru_export.drawn.palette import EYE_COLORS, HAIR_COLORS
from booru_export.drawn.scene import STYLES, Drawing, DrawnHead, draw_scene

FIRST_TRAINING_SEED = 1_000_000
"""Scenes for training begin here; the examples that come with the project have small seeds."""

__all__ = [
    "EYE_COLORS",
    "FIRST_TRAINING_SEED",
    "HAIR_COLORS",
    "STYLES",
    "Drawing",
    "DrawnHead",
    "draw_scene",
]
