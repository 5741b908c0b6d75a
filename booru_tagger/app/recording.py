"""Opening the journal that the settings name. No picture is looked at, and nothing heavy loaded."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from booru_tagger.config import RecordingSettings
from booru_tagger.errors import ConfigError
from booru_tagger.journal import Journal, default_path

_log = logging.getLogger(__name__)

Tell = Callable[[str], None]
"""Receives, as a sentence, what a person should know although it does not stop the run."""


@contextmanager
def open_journal(recording: RecordingSettings, tell: Tell = _log.warning) -> Iterator[Journal | None]:
    """The journal, closed at the end; ``None`` where the settings say to do without.

    Raises what :meth:`Journal.open` does.
    """
    if recording.journal is False:
        yield None
        return
    path = journal_path(recording)
    _log.info("journal: %s", path)
    with Journal.open(path) as journal:
        told = len(journal.warnings)
        for warning in journal.warnings:
            tell(warning)
        try:
            yield journal
        finally:
            for warning in journal.warnings[told:]:
                tell(warning)


@contextmanager
def need_journal(recording: RecordingSettings, tell: Tell = _log.warning) -> Iterator[Journal]:
    """The same for what is nothing without it. Raises ConfigError where the settings say to do without."""
    with open_journal(recording, tell) as journal:
        if journal is None:
            raise ConfigError("only the journal knows what was written, and the settings say to do without")
        yield journal


def journal_path(recording: RecordingSettings) -> Path:
    """Where the journal is, or will be."""
    return recording.journal if isinstance(recording.journal, Path) else default_path()
