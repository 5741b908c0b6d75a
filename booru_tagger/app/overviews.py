"""What a run draws of all its pictures at its end: a contact sheet, a cast list."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from booru_tagger.drawing.contact_sheet import ContactSheet, is_sheet
from booru_tagger.drawing.marked import refuse_other_file
from booru_tagger.files.replace import replace_file
from booru_tagger.imaging import Limits
from booru_tagger.reporting.cast import cast_json, cast_page, is_cast_list
from booru_tagger.runner import Outcome, Output, Sink
from booru_tagger.types import TagResult

PAGES = (".html", ".htm")
"""Endings of a cast list that is a page; it is JSON otherwise."""


class Overview(Protocol):
    """Takes the results of a run, one by one, and writes one file at its end."""

    @property
    def full(self) -> bool:
        """Whether further results would change nothing."""
        ...

    def add(self, result: TagResult) -> None: ...

    def save(self) -> None:
        """Raises :class:`OutputError`."""
        ...


def show(overviews: Sequence[Overview], sink: Sink | None, outcome: Outcome) -> None:
    """Give the overviews what a picture came to; the journal knows that of an earlier run."""
    waiting = [overview for overview in overviews if not overview.full]
    result = outcome.result
    if result is None and waiting and isinstance(sink, Output):
        result = sink.recall(Path(outcome.path))
    if result is not None:
        for overview in waiting:
            overview.add(result)


class SheetFile:
    """Collects the faces of a run and draws them into ``path`` at its end.

    Raises :class:`OutputError` where something else than an older sheet has that name.
    """

    def __init__(self, path: Path, limits: Limits) -> None:
        refuse_other_file(path, is_sheet, "a contact sheet")
        self.path = path
        self._limits = limits
        self._sheet = ContactSheet()

    @property
    def full(self) -> bool:
        return self._sheet.full

    def add(self, result: TagResult) -> None:
        self._sheet.add(result, self._limits)

    def save(self) -> None:
        replace_file(self.path, self._sheet.png())


class CastFile:
    """Collects the moving pictures of a run and writes who appears when: a page, or JSON.

    Raises :class:`OutputError` where something else than an older cast list has the name ``path``.
    """

    def __init__(self, path: Path, limits: Limits) -> None:
        refuse_other_file(path, is_cast_list, "a cast list")
        self.path = path
        self.full = False
        self._limits = limits
        self._films: list[TagResult] = []

    def add(self, result: TagResult) -> None:
        if result.moving is not None:
            self._films.append(result)

    def save(self) -> None:
        is_page = self.path.suffix.lower() in PAGES
        text = cast_page(self._films, self._limits) if is_page else cast_json(self._films)
        replace_file(self.path, text.encode("utf-8", "backslashreplace"))
