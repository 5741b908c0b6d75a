"""Encoded pictures for tests, upright or as a camera stores them."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from PIL import Image

ORIENTATION = 0x0112

TURN_BACK = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
"""What a camera held that way (an EXIF orientation) does to the picture."""


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    """The picture in a format by Pillow's name for it."""
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def turned(image: Image.Image, orientation: int, kind: str, **options: Any) -> bytes:
    """The picture as a camera stores it that notes ``orientation``: upright again, it is ``image``."""
    stored = image.transpose(TURN_BACK[orientation]) if orientation in TURN_BACK else image
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    return encoded(stored, kind, exif=exif, **options)


def grow(folder: Path, *names: str) -> Path:
    """The folder with these files, which are no pictures, and the folders that they are in."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return folder
