"""Illustrations drawn by code, with exact head boxes and colours: examples, and extra training samples."""

from __future__ import annotations

from booru_export.drawn.palette import EYE_COLOURS, HAIR_COLOURS
from booru_export.drawn.scene import STYLES, Drawing, DrawnHead, draw_scene

__all__ = ["EYE_COLOURS", "HAIR_COLOURS", "STYLES", "Drawing", "DrawnHead", "draw_scene"]
