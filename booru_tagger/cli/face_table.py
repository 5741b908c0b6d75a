"""The table that `tag` prints: who was found where, a line for each face."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text

from booru_tagger.cli.printing import printable
from booru_tagger.runner import Outcome
from booru_tagger.types import Box, FaceResult, ScoredTag, TagResult

_ROWS = 500
"""Rows of a table that are held back until it is printed: columns are as wide as these need."""
_GAP = 2
_DETAILED = 110
"""Width of a terminal from which there is room for boxes and for the scores of colors."""
_MIN_NAME, _MIN_WHO = 16, 20
"""Cells that the name of a picture and a character keep while the other one can still give way."""
_LOST = "…"


@dataclass(frozen=True, slots=True)
class _Cell:
    """Text of which the middle is left out where there is no room, with an ``end`` that always stays."""

    text: str = ""
    style: str = ""
    end: str = ""

    @property
    def width(self) -> int:
        return cell_len(self.text) + len(self.end)

    def fitted(self, width: int) -> Text:
        text = shortened(self.text, width - len(self.end)) + self.end
        return Text(text + " " * (width - cell_len(text)), self.style)


_Row = tuple[_Cell, ...]


def shortened(text: str, width: int) -> str:
    """The text in at most ``width`` cells of a terminal; of a longer one the middle is left out."""
    if cell_len(text) <= width:
        return text
    end = (width - 1) // 2
    begin = max(0, width - 1 - end)
    return set_cell_size(text, begin) + _LOST + set_cell_size(text[::-1], end)[::-1]


class FaceTable:
    """Who was found where: a row for each face.

    On a terminal each folder is named once, above its pictures, and what is too long is shortened in its
    middle, so that nothing is wrapped. In a ``listing`` every row has the whole path and all there is to say:
    such lines are kept, or searched.
    """

    def __init__(
        self, console: Console, pause: Callable[[], AbstractContextManager[None]], *, listing: bool
    ) -> None:
        self._console, self._pause, self._listing = console, pause, listing
        self._detailed = listing or console.width >= _DETAILED
        self._rows: list[tuple[str, _Row]] = []
        """Each with the folder of its picture."""
        self._folder = ""

    def __call__(self, outcome: Outcome) -> None:
        if outcome.result is None:
            return
        folder, name = ("", outcome.path) if self._listing else os.path.split(outcome.path)
        for said in self._said(outcome.result, outcome.waiting):
            self._rows.append((folder, (_Cell(printable(name)), *said)))
            name = name if self._listing else ""
        if len(self._rows) >= _ROWS:
            self.close()

    def close(self) -> None:
        if self._rows:
            with self._pause():
                self._print()
                self._console.file.flush()
            self._rows = []

    def _said(self, result: TagResult, waiting: Sequence[Box]) -> list[_Row]:
        """What there is to say of each face, or else of the picture."""
        if result.error is None and result.faces:
            return [self._face(face, face.box in waiting) for face in result.faces]
        said = _Cell("no face found", "dim")
        if result.error is not None:
            said = _Cell(f"failed: {result.error.kind}", "red")
        return [(*((_Cell(),) if self._detailed else ()), said, _Cell(), _Cell())]

    def _face(self, face: FaceResult, waits: bool) -> _Row:
        x0, y0, x1, y1 = face.box.rounded()
        box = (_Cell(f"{x0},{y0} {x1 - x0}x{y1 - y0}"),) if self._detailed else ()
        return (*box, _who(face, waits), self._color(face.hair_color), self._color(face.eye_color))

    def _color(self, found: ScoredTag | None) -> _Cell:
        if found is None:
            return _Cell("-", "dim")
        word = found.tag if self._listing else found.tag.rpartition("_")[0] or found.tag
        return _Cell(f"{word} {found.score:.2f}" if self._detailed else word)

    def _print(self) -> None:
        header = [_Cell(name, "bold") for name in ("picture", "head", "character", "hair", "eyes")]
        if not self._detailed:
            del header[1]
        columns = zip(header, *(row for _, row in self._rows), strict=True)
        widths = [max(cell.width for cell in column) for column in columns]
        if not self._listing:
            _narrow(widths, self._console.width)
        self._line(header, widths)
        for folder, row in self._rows:
            if folder != self._folder:
                heading = printable(os.path.join(folder or os.curdir, ""))  # noqa: PTH118
                self._line([_Cell(heading, "cyan")], [min(cell_len(heading), self._console.width)])
                self._folder = folder
            self._line(row, widths)

    def _line(self, row: Sequence[_Cell], widths: Sequence[int]) -> None:
        line = Text(" " * _GAP).join(cell.fitted(width) for cell, width in zip(row, widths, strict=True))
        line.rstrip()
        self._console.print(line, no_wrap=True, overflow="ignore", crop=False)


def _who(face: FaceResult, waits: bool) -> _Cell:
    """The name, or the best guess where a person should look at it."""
    if face.character is not None:
        return _Cell(face.character.tag, "green", f" {face.character.score:.2f}")
    if waits and face.candidates:
        return _Cell(face.candidates[0].tag, "bright_black", f" {face.candidates[0].score:.2f}?")
    return _Cell("unknown", "dim")


def _narrow(widths: list[int], room: int) -> None:
    """Take from the picture's column, the first, and the character's, the third from the end, what the line
    has too much, first from whichever can spare it."""
    for column, least in ((0, _MIN_NAME), (-3, _MIN_WHO), (0, 1), (-3, 1)):
        excess = sum(widths) + _GAP * (len(widths) - 1) - room
        widths[column] -= max(0, min(excess, widths[column] - least))
