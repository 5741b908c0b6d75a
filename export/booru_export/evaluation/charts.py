"""Bar charts and matrices as pictures, drawn with Pillow alone."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from booru_tagger.drawing.text import write_line

ROW = 16
ROWS = 60
"""Bars in one column of the chart."""
NAME, BAR, NUMBER = 210, 230, 52
MOST_BARS = 600
MARGIN = 12
HEAD = 54
PAPER, INK, FAINT, LINE = (255, 255, 255), (25, 25, 25), (130, 130, 130), (225, 225, 225)
GOOD, BAD = (76, 120, 168), (214, 69, 65)
SIZE = 12
"""Height of letters in pixels."""


def write(
    draw: ImageDraw.ImageDraw,
    place: tuple[float, float],
    text: str,
    *,
    width: float = 1e6,
    ink: tuple[int, int, int] = INK,
    anchor: str = "la",
) -> None:
    """One line of text, shortened where it is wider than ``width``."""
    write_line(draw, place, text, ink, width, SIZE, anchor=anchor)


def png_bytes(image: Image.Image) -> bytes:
    """A PNG file."""
    stream = io.BytesIO()
    image.save(stream, "PNG", optimize=True)
    return stream.getvalue()


def bar_chart(counts: Sequence[tuple[str, int]], *, title: str, few: int = 0) -> Image.Image:
    """Horizontal bars in columns, in the order given; those below ``few`` in red, with a line at ``few``."""
    shown = counts[:MOST_BARS]
    columns = max(1, -(-len(shown) // ROWS))
    rows = max(1, min(ROWS, len(shown)))
    width = NAME + BAR + NUMBER + MARGIN
    left_out = len(counts) - len(shown)
    image = Image.new(
        "RGB", (columns * width + MARGIN, HEAD + rows * ROW + (3 if left_out else 1) * MARGIN), PAPER
    )
    draw = ImageDraw.Draw(image)
    write(draw, (MARGIN, MARGIN), title, width=image.width - 2 * MARGIN)
    longest = max([count for _, count in shown] + [few, 1])
    for index, (name, count) in enumerate(shown):
        column, row = divmod(index, ROWS)
        left, top = MARGIN + column * width + NAME, HEAD + row * ROW
        ink = BAD if count < few else INK
        write(draw, (left - 6, top + ROW / 2), name, width=NAME - 10, ink=ink, anchor="rm")
        length = max(1, round(BAR * count / longest))
        draw.rectangle((left, top + 3, left + length, top + ROW - 4), fill=BAD if count < few else GOOD)
        write(draw, (left + length + 5, top + ROW / 2), f"{count:,}", ink=ink, anchor="lm")
    if few:
        for column in range(columns):
            place = MARGIN + column * width + NAME + round(BAR * few / longest)
            bottom = HEAD + ROW * min(ROWS, len(shown) - column * ROWS)
            draw.line((place, HEAD - 4, place, bottom), fill=FAINT)
            write(draw, (place, HEAD - 5), str(few), ink=FAINT, anchor="mb")
    if left_out:
        write(draw, (MARGIN, image.height - 2 * MARGIN), f"and {left_out:,} more", ink=FAINT)
    return image


def matrix(values: npt.NDArray[np.int64], names: Sequence[str], *, title: str) -> Image.Image:
    """A confusion matrix: rows are the labels, columns the answers; each row is shaded by its own sum.

    Right answers are blue, wrong ones red. Numbers stand in the cells as long as there are at most 60 names.
    """
    count = len(names)
    cell = max(4, min(26, 1400 // max(1, count)))
    left = NAME if cell >= 10 else MARGIN
    top = HEAD + (NAME if cell >= 10 else 0)
    side = cell * count
    image = Image.new("RGB", (left + side + MARGIN, top + side + MARGIN), PAPER)
    draw = ImageDraw.Draw(image)
    shares = values / np.maximum(values.sum(axis=1, keepdims=True), 1)
    for row in range(count):
        for column in np.flatnonzero(values[row]).tolist():
            color = GOOD if row == column else BAD
            strength = 0.15 + 0.85 * float(shares[row, column])
            fill = tuple(round(255 + (tone - 255) * strength) for tone in color)
            x, y = left + column * cell, top + row * cell
            draw.rectangle((x, y, x + cell - 1, y + cell - 1), fill=fill)
            if count <= 60:
                ink = PAPER if strength > 0.55 else INK
                write(draw, (x + cell / 2, y + cell / 2), str(values[row, column]), ink=ink, anchor="mm")
    draw.rectangle((left, top, left + side, top + side), outline=LINE)
    if cell >= 10:
        _name_axes(image, draw, names, left, top, cell)
    draw.rectangle((0, 0, image.width, HEAD - 4), fill=PAPER)
    write(draw, (MARGIN, MARGIN), title, width=image.width - 2 * MARGIN)
    return image


def _name_axes(
    image: Image.Image, draw: ImageDraw.ImageDraw, names: Sequence[str], left: int, top: int, cell: int
) -> None:
    for index, name in enumerate(names):
        place = (index + 0.5) * cell
        write(draw, (left - 6, top + place), name, width=NAME - 16, anchor="rm")
        strip = Image.new("RGB", (NAME - 10, cell), PAPER)
        write(ImageDraw.Draw(strip), (2, cell / 2), name, width=NAME - 16, anchor="lm")
        image.paste(strip.rotate(90, expand=True), (left + index * cell, top - (NAME - 10) - 2))
