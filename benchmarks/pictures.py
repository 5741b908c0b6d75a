"""Pictures to measure with, drawn by code: large ones as artists post them, and many small ones."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from booru_export.drawn import draw_scene
from PIL import Image, features

LARGE = (1536, 2048)
"""3.1 megapixels."""
SMALL = (96, 96)
DIFFERENT = 8
"""Pictures that are drawn; the others are copies that differ in a few bytes behind the end."""
FORMATS: dict[str, tuple[str, dict[str, int]]] = {
    "jpg": ("JPEG", {"quality": 92}),
    "png": ("PNG", {"compress_level": 6}),
    "webp": ("WEBP", {"quality": 90}),
}
if features.check("avif"):  # some systems build Pillow without it
    FORMATS["avif"] = ("AVIF", {"quality": 80, "speed": 8})


def large(folder: Path, suffix: str, count: int) -> list[Path]:
    """``count`` illustrations of 3.1 megapixels with one head each, made where they are not there yet."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{number:05d}.{suffix}" for number in range(count)]
    missing = [number for number, path in enumerate(paths) if not path.exists()]
    if missing:
        originals = [_drawn(seed, suffix) for seed in range(min(DIFFERENT, count))]
        for number in missing:
            paths[number].write_bytes(_marked(originals[number % len(originals)], suffix, number))
    return paths


def _drawn(seed: int, suffix: str) -> bytes:
    """An illustration with the grain that scans and brushes leave: flat colors decode too fast."""
    rng = np.random.default_rng(seed)
    pixels = np.asarray(draw_scene(seed + 10, size=LARGE, characters=1).image).astype(np.float32)
    coarse = rng.normal(128, 20, (LARGE[1] // 4, LARGE[0] // 4)).clip(0, 255).astype(np.uint8)
    texture = np.asarray(Image.fromarray(coarse).resize(LARGE, Image.Resampling.BICUBIC)).astype(np.float32)
    pixels += (texture[..., None] - 128) * 0.5 + rng.normal(0, 3, pixels.shape)
    return _encoded(Image.fromarray(pixels.clip(0, 255).astype(np.uint8)), suffix)


def small(folder: Path, start: int, end: int) -> None:
    """Small JPEGs numbered from ``start`` to ``end``; every tenth has a head, so that tags get written."""
    folder.mkdir(parents=True, exist_ok=True)
    heads = [_encoded(draw_scene(seed, size=SMALL, characters=1).image, "jpg") for seed in range(DIFFERENT)]
    rng = np.random.default_rng(0)
    blank = _encoded(Image.fromarray(rng.integers(90, 160, (*SMALL, 3), dtype=np.uint8)), "jpg")
    for number in range(start, end):
        data = heads[number // 10 % DIFFERENT] if number % 10 == 0 else blank
        (folder / f"{number:06d}.jpg").write_bytes(_marked(data, "jpg", number))


def _encoded(image: Image.Image, suffix: str) -> bytes:
    name, options = FORMATS[suffix]
    stream = io.BytesIO()
    image.save(stream, name, **options)
    return stream.getvalue()


def _marked(data: bytes, suffix: str, number: int) -> bytes:
    """The same picture with other bytes: the journal knows copies by their content."""
    mark = number.to_bytes(8, "little")
    if suffix == "webp":  # a chunk that readers pass over, and the length of the whole file in its head
        data = data + b"MARK" + len(mark).to_bytes(4, "little") + mark
        return data[:4] + (len(data) - 8).to_bytes(4, "little") + data[8:]
    if suffix == "avif":  # a box that readers pass over
        return data + (8 + len(mark)).to_bytes(4, "big") + b"free" + mark
    return data + mark
