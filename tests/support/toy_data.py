"""A data set small enough to train on in seconds: round heads whose hair color says who they are."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

CHARACTERS = {"hatsune_miku": (60, 200, 190), "fate_testarossa": (240, 210, 90), "akiyama_mio": (30, 25, 35)}
COLORS = {"hatsune_miku": "aqua", "fate_testarossa": "blonde", "akiyama_mio": "black"}


def draw_head(draw: ImageDraw.ImageDraw, box: tuple[int, int, int, int], hair: tuple[int, int, int]) -> None:
    """A head that fills ``box``: hair, a face, two eyes."""
    x0, y0, x1, y1 = box
    width, height = x1 - x0, y1 - y0
    draw.ellipse(box, fill=hair)
    draw.ellipse((x0 + width * 0.2, y0 + height * 0.35, x1 - width * 0.2, y1), fill=(250, 220, 200))
    for eye in (0.38, 0.62):
        x, y = x0 + width * eye, y0 + height * 0.65
        draw.ellipse(
            (x - width * 0.06, y - height * 0.09, x + width * 0.06, y + height * 0.09), fill=(40, 60, 160)
        )


def make_faces(folder: Path, count: int = 14, size: int = 40) -> Path:
    """``faces.csv`` with ``count`` crops of each character; two of each share a group."""
    rng = np.random.default_rng(0)
    folder.mkdir(parents=True)
    rows = []
    for label, hair in CHARACTERS.items():
        (folder / label).mkdir()
        for number in range(count):
            image = Image.new("RGB", (size, size), tuple(rng.integers(90, 255, 3).tolist()))
            left, top = rng.integers(0, 5, 2).tolist()
            draw_head(ImageDraw.Draw(image), (left, top, size - 3, size - 2), hair)
            path = f"{label}/{number}.png"
            image.save(folder / path)
            group = f"{label}-{max(1, number)}"
            rows.append({"path": path, "label": label, "source": "toy", "group": group})
    with (folder / "faces.csv").open("w", encoding="utf-8", newline="") as handle:
        writer = csv.DictWriter(handle, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return folder


def make_scenes(folder: Path, count: int = 60, size: int = 96) -> Path:
    """``boxes.jsonl`` with one or two heads to a picture, some of strangers with red hair."""
    rng = np.random.default_rng(1)
    (folder / "images").mkdir(parents=True)
    lines = []
    for number in range(count):
        image = Image.new("RGB", (size, size), tuple(rng.integers(90, 255, 3).tolist()))
        label = ["", *CHARACTERS][number % 4]
        side = int(rng.integers(30, 44))
        boxes = [(4 + number % 5, 6, 4 + number % 5 + side, 6 + side)]
        if not label:
            boxes.append((50, 48, 50 + side, 48 + side))
        for box in boxes:
            draw_head(ImageDraw.Draw(image), box, CHARACTERS.get(label, (200, 40, 40)))
        path = f"images/{number}.png"
        image.save(folder / path)
        row = {"path": path, "width": size, "height": size, "source": "covers" if number % 3 else "toy"}
        color = COLORS.get(label, "red")
        row |= {"label": label, "boxes": boxes, "hair": [color] * len(boxes), "eyes": ["blue"] * len(boxes)}
        lines.append(json.dumps(row | ({"ignore": [[0, 80, 20, 96]]} if number % 5 == 0 else {})))
    (folder / "boxes.jsonl").write_text("\n".join(lines) + "\n", "utf-8")
    return folder


DETECTOR_RECIPE = """
widths = [8, 12, 16, 16]
blocks = [1, 1, 1, 1]
neck = 12
mosaic = 0.3
drawn = 0.05

[schedule]
steps = 90
batch = 6
rate = 4.0e-3
sizes = [64, 96]
size_until = [0.5, 1.0]
ema = 0.9
evaluate_every = 30
"""

RECOGNISER_RECIPE = """
drawn = 20
widths = [8, 12, 16, 24]
blocks = [1, 1, 1, 1]
embedding = 16
dropout = 0.0
margin = 0.1

[schedule]
steps = 90
batch = 24
rate = 5.0e-3
sizes = [32]
size_until = [1.0]
ema = 0.9
evaluate_every = 45
"""

ROLL_RECIPE = """
widths = [12, 16, 24]
blocks = [1, 1, 1]
measured = 0.2

[schedule]
steps = 160
batch = 32
rate = 8.0e-3
sizes = [48]
size_until = [1.0]
ema = 0.9
evaluate_every = 80
"""
