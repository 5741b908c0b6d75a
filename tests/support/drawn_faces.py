"""Faces for the tests of data sets and methods: one drawing per person, moods and damage by chance."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

PEOPLE: dict[str, tuple[tuple[int, int, int], tuple[int, int, int]]] = {
    "hatsune_miku": ((60, 200, 190), (40, 160, 160)),
    "fate_testarossa": ((240, 210, 90), (190, 40, 60)),
    "akiyama_mio": ((35, 30, 45), (90, 90, 110)),
    "kinomoto_sakura": ((150, 100, 60), (60, 150, 70)),
    "hakurei_reimu": ((70, 40, 35), (150, 80, 40)),
    "shana": ((205, 60, 40), (220, 120, 50)),
}
"""Hair and eye colors."""


def draw_face(name: str, seed: int, size: int = 48) -> Image.Image:
    """A face of one of ``PEOPLE``; the same seed gives the same picture."""
    rng = np.random.default_rng([seed, list(PEOPLE).index(name)])
    hair, eyes = PEOPLE[name]
    image = Image.new("RGB", (size * 2, size * 2), tuple(rng.integers(120, 255, 3).tolist()))
    draw = ImageDraw.Draw(image)
    for _ in range(6):  # what is behind her
        x, y = rng.integers(0, size * 2, 2).tolist()
        draw.ellipse((x, y, x + size // 2, y + size // 3), fill=tuple(rng.integers(60, 255, 3).tolist()))
    left, top = (size * rng.uniform(0.05, 0.35, 2)).tolist()
    wide, high = (size * rng.uniform(1.4, 1.7, 2)).tolist()
    tint = tuple(min(255, max(0, tone + int(rng.integers(-12, 13)))) for tone in hair)
    draw.ellipse((left, top, left + wide, top + high), fill=tint)
    draw.ellipse((left + wide * 0.18, top + high * 0.3, left + wide * 0.82, top + high), fill=(250, 222, 205))
    for place in (0.36, 0.64):
        x, y = left + wide * place, top + high * 0.62
        draw.ellipse((x - 6, y - 9, x + 6, y + 9), fill=eyes)
    mouth = (left + wide * 0.4, top + high * 0.8, left + wide * 0.6, top + high * rng.uniform(0.83, 0.93))
    draw.ellipse(mouth, fill=(180, 60, 70))
    return image.resize((size, size), Image.Resampling.BILINEAR)


def make_folders(folder: Path, count: int = 12, people: int = 4, size: int = 48) -> Path:
    """One folder per person with ``count`` PNG files in each."""
    for name in list(PEOPLE)[:people]:
        (folder / name).mkdir(parents=True)
        for number in range(count):
            draw_face(name, number, size).save(folder / name / f"{number:02}.png")
    return folder


def jpeg_again(image: Image.Image, quality: int = 40) -> Image.Image:
    """The picture after being saved small."""
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=quality)
    return Image.open(stream).convert("RGB")


NETWORK_RECIPE = """
drawn = 20
widths = [8, 12, 16, 24]
blocks = [1, 1, 1, 1]
embedding = 16
dropout = 0.0
margin = 0.1

[schedule]
steps = 70
batch = 20
rate = 6.0e-3
sizes = [32]
size_until = [1.0]
ema = 0.9
evaluate_every = 35
"""
"""A recogniser that learns the drawn faces in seconds."""

BACKBONE_RECIPE = """
backbone = "mobilenet_v3_small"
drawn = 20
embedding = 16
dropout = 0.0

[schedule]
steps = 3
batch = 8
rate = 1.0e-3
sizes = [32]
size_until = [1.0]
ema = 0.5
evaluate_every = 3
"""
"""A few steps, to see that they can be taken."""
