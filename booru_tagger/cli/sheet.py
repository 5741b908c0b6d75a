"""The contact sheet of a run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click

from booru_tagger.contact import ContactSheet, is_sheet
from booru_tagger.errors import OutputError
from booru_tagger.imaging import Limits
from booru_tagger.runner import Outcome
from booru_tagger.types import TagResult
from booru_tagger.writers.atomic import replace_file


class SheetFile:
    """Collects the faces of a run and draws them into ``path`` at its end.

    Raises UsageError for a name that is not a PNG file's, and :class:`OutputError` where something else than
    an older sheet has that name.
    """

    def __init__(self, path: Path, limits: Limits) -> None:
        if path.suffix.lower() != ".png":
            raise click.UsageError(f"--contact-sheet {path}: the file's name must end in .png")
        if path.exists() and not is_sheet(path):
            raise OutputError(
                f"{path}: exists and is no contact sheet; it is left alone, choose another name"
            )
        self.path = path
        self._limits = limits
        self._sheet = ContactSheet()

    def add(self, outcome: Outcome, recall: Callable[[Path], TagResult | None]) -> None:
        """Take a picture's faces; ``recall`` knows those of a picture that was tagged in an earlier run."""
        result = outcome.result
        if result is None and not self._sheet.full:
            result = recall(Path(outcome.path))
        if result is not None:
            self._sheet.add(result, self._limits)

    def save(self) -> None:
        """Raises :class:`OutputError`."""
        replace_file(self.path, self._sheet.png())
