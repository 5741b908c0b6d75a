"""Training curves as a picture, drawn with Pillow alone."""

from __future__ import annotations

import csv
from pathlib import Path

from PIL import Image, ImageDraw

PANEL = (420, 240)
MARGIN = 34
COLORS = ((31, 119, 180), (214, 69, 65), (44, 160, 44), (148, 103, 189), (140, 86, 75), (227, 119, 194))


def draw_curves(table: Path, picture: Path) -> None:
    """Draw each column of ``metrics.csv`` over the minutes: losses in one panel, each figure in its own."""
    with table.open(encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle))
    names = [name for name in (rows[0] if rows else {}) if name not in ("step", "minutes", "size")]
    panels = [[name for name in names if name.startswith("loss_")]]
    panels += [[name] for name in names if not name.startswith("loss_")]
    columns = min(3, len(panels))
    lines = -(-len(panels) // columns)
    image = Image.new("RGB", (PANEL[0] * columns, PANEL[1] * lines), "white")
    for number, panel in enumerate(panels):
        corner = (number % columns * PANEL[0], number // columns * PANEL[1])
        _panel(ImageDraw.Draw(image), corner, rows, panel)
    image.save(picture)


def _panel(
    draw: ImageDraw.ImageDraw, corner: tuple[int, int], rows: list[dict[str, str]], names: list[str]
) -> None:
    left, top = corner[0] + MARGIN, corner[1] + MARGIN
    width, height = PANEL[0] - 2 * MARGIN, PANEL[1] - 2 * MARGIN
    series = {
        name: [(float(row["minutes"]), float(row[name])) for row in rows if row[name]] for name in names
    }
    values = [value for points in series.values() for _, value in points]
    if not values:
        return
    low, high = min(values), max(values)
    span = (high - low) or 1.0
    last = max(minute for points in series.values() for minute, _ in points) or 1.0
    draw.rectangle((left, top, left + width, top + height), outline=(190, 190, 190))
    draw.text((left - MARGIN + 2, top - 6), f"{high:.3g}", fill="black")
    draw.text((left - MARGIN + 2, top + height - 6), f"{low:.3g}", fill="black")
    draw.text((left + width - 50, top + height + 6), f"{last:.0f} min", fill="black")
    for number, (name, points) in enumerate(series.items()):
        color = COLORS[number % len(COLORS)]
        path = [
            (left + minute / last * width, top + height - (value - low) / span * height)
            for minute, value in points
        ]
        if len(path) > 1:
            draw.line(path, fill=color, width=2)
        draw.text((left + 4 + number * 110, top - 16), name.removeprefix("loss_"), fill=color)
