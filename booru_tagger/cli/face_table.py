"""The table that `tag` prints: who was found where, a line for each face."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

from rich.console import Console

from booru_tagger.cli.columns import Cell, Row, header, print_row, widths_of
from booru_tagger.cli.printing import printable
from booru_tagger.runner import Outcome
from booru_tagger.types import Box, FaceResult, ScoredTag, TagResult

_ROWS = 500
"""Rows of a table that are held back until it is printed: columns are as wide as these need."""
_DETAILED = 110
"""Width of a terminal from which there is room for boxes and for the scores of colors."""
_MIN_NAME, _MIN_WHO = 16, 20
"""Cells that the name of a picture and a character keep while the other one can still give way."""
_SHRINKING = ((0, _MIN_NAME), (-3, _MIN_WHO), (0, 1), (-3, 1))
"""The picture's name gives way, then the character's; where that is not enough, both."""


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
        self._rows: list[tuple[str, Row]] = []
        """Each with the folder of its picture."""
        self._folder = ""

    def __call__(self, outcome: Outcome) -> None:
        if outcome.result is None:
            return
        folder, name = ("", outcome.path) if self._listing else os.path.split(outcome.path)
        for said in self._said(outcome.result, outcome.waiting):
            self._rows.append((folder, (Cell(printable(name)), *said)))
            name = name if self._listing else ""
        if len(self._rows) >= _ROWS:
            self.close()

    def close(self) -> None:
        if self._rows:
            with self._pause():
                self._print()
                self._console.file.flush()
            self._rows = []

    def _said(self, result: TagResult, waiting: Sequence[Box]) -> list[Row]:
        """What there is to say of each face, or else of the picture."""
        if result.error is None and result.faces:
            return [self._face(face, face.box in waiting) for face in result.faces]
        said = Cell("no face found", "dim")
        if result.error is not None:
            said = Cell(f"failed: {result.error.kind}", "red")
        return [(*((Cell(),) if self._detailed else ()), said, Cell(), Cell())]

    def _face(self, face: FaceResult, waits: bool) -> Row:
        x0, y0, x1, y1 = face.box.rounded()
        box = (Cell(f"{x0},{y0} {x1 - x0}x{y1 - y0}"),) if self._detailed else ()
        return (*box, _who(face, waits), self._color(face.hair_color), self._color(face.eye_color))

    def _color(self, found: ScoredTag | None) -> Cell:
        if found is None:
            return Cell("-", "dim")
        word = found.tag if self._listing else found.tag.rpartition("_")[0] or found.tag
        return Cell(f"{word} {found.score:.2f}" if self._detailed else word)

    def _print(self) -> None:
        names = ("picture", *(["head"] if self._detailed else []), "character", "hair", "eyes")
        room = None if self._listing else self._console.width
        rows = [row for _, row in self._rows]
        widths = widths_of([header(*names), *rows], room, _SHRINKING)
        print_row(self._console, header(*names), widths)
        for folder, row in self._rows:
            if folder != self._folder:
                heading = (Cell(printable(os.path.join(folder or os.curdir, "")), "cyan"),)  # noqa: PTH118
                print_row(self._console, heading, widths_of([heading], room, [(0, 1)]))
                self._folder = folder
            print_row(self._console, row, widths)


def _who(face: FaceResult, waits: bool) -> Cell:
    """The name, or the best guess where a person should look at it."""
    if face.character is not None:
        return Cell(face.character.tag, "green", f" {face.character.score:.2f}")
    if waits and face.candidates:
        return Cell(face.candidates[0].tag, "bright_black", f" {face.candidates[0].score:.2f}?")
    return Cell("unknown", "dim")
