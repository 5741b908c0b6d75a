"""Drawings as PNG files that say what they are, so that a newer one may take their place and nothing else."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image, PngImagePlugin

_KEYWORD = "Software"


def marked_png(image: Image.Image, mark: str) -> bytes:
    """A picture as a PNG file with a mark that :func:`has_mark` knows again."""
    stream = io.BytesIO()
    notes = PngImagePlugin.PngInfo()
    notes.add_text(_KEYWORD, mark)
    image.save(stream, "PNG", pnginfo=notes)
    return stream.getvalue()


def has_mark(path: Path, mark: str) -> bool:
    """Whether the file is one that was made here, and with this mark."""
    try:
        with Image.open(path) as image:
            return image.info.get(_KEYWORD) == mark
    except Exception:  # whatever it is, it is not ours
        return False
