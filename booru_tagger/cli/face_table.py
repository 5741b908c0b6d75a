"""The table that `tag` prints: who was found where."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

from rich.console import Console
from rich.table import Table
from rich.text import Text

from booru_tagger.cli.printing import printable
from booru_tagger.runner import Outcome
from booru_tagger.types import FaceResult, ScoredTag, TagResult

_ROWS = 500
"""Rows of a table that are held back until it is printed: columns are as wide as these need."""


class FaceTable:
    """Who was found where: a row for each face."""

    def __init__(self, console: Console, pause: Callable[[], AbstractContextManager[None]]) -> None:
        self._console = console
        self._pause = pause
        self._table = _new_table()

    def __call__(self, outcome: Outcome) -> None:
        if outcome.result is None:
            return
        for row in _rows(outcome.result):
            self._table.add_row(*row)
        if self._table.row_count >= _ROWS:
            self.close()

    def close(self) -> None:
        if self._table.row_count:
            with self._pause():
                self._console.print(self._table)
                self._console.file.flush()
            self._table = _new_table()


def _new_table() -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("picture", overflow="fold")
    table.add_column("head", no_wrap=True)
    for name in ("character", "hair", "eyes"):
        table.add_column(name, overflow="fold")
    return table


def _rows(result: TagResult) -> list[tuple[Text, ...]]:
    name = Text(printable(result.path))
    if result.error is not None:
        return [(name, Text(""), Text(f"failed: {result.error.kind}", "red"), Text(""), Text(""))]
    if not result.faces:
        return [(name, Text(""), Text("no face found", "dim"), Text(""), Text(""))]
    return [(name, *_cells(face)) for face in result.faces]


def _cells(face: FaceResult) -> tuple[Text, Text, Text, Text]:
    x0, y0, x1, y1 = face.box.rounded()
    who = face.character
    return (
        Text(f"{x0},{y0} {x1 - x0}x{y1 - y0}"),
        Text(f"{who.tag} {who.score:.2f}", "green") if who else Text("unknown", "dim"),
        _color(face.hair_color),
        _color(face.eye_color),
    )


def _color(found: ScoredTag | None) -> Text:
    return Text(f"{found.tag} {found.score:.2f}") if found else Text("-", "dim")
