"""Lines of columns that no terminal wraps: what is too long is shortened in its middle."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text

_GAP = 2
_LOST = "…"

Shrinking = Sequence[tuple[int, int]]
"""Columns that give way where a line is too wide, in this order, each down to so many cells."""


@dataclass(frozen=True, slots=True)
class Cell:
    """Text of which the middle, or with ``cut`` the end, is left out where there is no room.

    What is in ``end`` always stays.
    """

    text: str = ""
    style: str = ""
    end: str = ""
    cut: bool = False

    @property
    def width(self) -> int:
        return cell_len(self.text) + len(self.end)

    def fitted(self, width: int) -> Text:
        shorten = cut if self.cut else shortened
        text = shorten(self.text, width - len(self.end)) + self.end
        return Text(text + " " * (width - cell_len(text)), self.style)


Row = tuple[Cell, ...]


def shortened(text: str, width: int) -> str:
    """The text in at most ``width`` cells of a terminal; of a longer one the middle is left out."""
    if cell_len(text) <= width:
        return text
    end = (width - 1) // 2
    begin = max(0, width - 1 - end)
    return set_cell_size(text, begin) + _LOST + set_cell_size(text[::-1], end)[::-1]


def cut(text: str, width: int) -> str:
    """The text in at most ``width`` cells of a terminal; of a longer one the end is left out."""
    return text if cell_len(text) <= width else set_cell_size(text, max(0, width - 1)) + _LOST


def header(*names: str) -> Row:
    return tuple(Cell(name, "bold") for name in names)


def widths_of(rows: Iterable[Row], room: int | None, shrinking: Shrinking) -> list[int]:
    """How wide each column is to be, so that a line has at most ``room`` cells; ``None``: as it needs."""
    widths = [max(cell.width for cell in column) for column in zip(*rows, strict=True)]
    for column, least in shrinking if room is not None else ():
        excess = sum(widths) + _GAP * (len(widths) - 1) - (room or 0)
        widths[column] -= max(0, min(excess, widths[column] - least))
    return widths


def print_row(console: Console, row: Row, widths: Sequence[int]) -> None:
    line = Text(" " * _GAP).join(cell.fitted(width) for cell, width in zip(row, widths, strict=True))
    line.rstrip()
    console.print(line, no_wrap=True, overflow="ignore", crop=False)


def print_rows(console: Console, rows: Sequence[Row], room: int | None, shrinking: Shrinking) -> None:
    widths = widths_of(rows, room, shrinking)
    for row in rows:
        print_row(console, row, widths)
