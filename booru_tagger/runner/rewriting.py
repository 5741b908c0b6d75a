"""Writing a picture's tags once more, into the same files and by the same writers as last time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from booru_tagger.errors import BooruTaggerError
from booru_tagger.journal import Entry, Journal, Mark
from booru_tagger.runner.output import Kept, Output
from booru_tagger.types import TagResult
from booru_tagger.writers.base import Writer
from booru_tagger.writers.naming import Naming
from booru_tagger.writers.options import WriterOptions
from booru_tagger.writers.retrace import retrace


def rewrite(
    entry: Entry,
    picture: Path,
    result: TagResult,
    journal: Journal,
    options: WriterOptions,
    otherwise: Sequence[Writer],
) -> Kept:
    """Write ``result`` wherever tags of the picture were written, by ``otherwise`` where that is nowhere.

    ``entry`` is what the journal knows of the picture; it counts as done for what it was done for before.
    """
    try:
        writers = [retrace(mark.writer, picture, mark.target, options) for mark in _last(entry)]
    except BooruTaggerError as error:
        return Kept(failures=[error])
    output = Output(writers or otherwise, Naming(), journal=journal, fingerprint=entry.fingerprint)
    return output.keep(picture, result)


def _last(entry: Entry) -> list[Mark]:
    """Each writer's newest target: an earlier run may have named its files otherwise."""
    newest: dict[str, Mark] = {}
    for mark in sorted(entry.marks, key=lambda mark: mark.written_at):
        newest[mark.writer] = mark
    return list(newest.values())
