"""What commands share that deal with files already written: the journal, and how files are named."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import click

from booru_tagger.cli.text import printable
from booru_tagger.config import Settings
from booru_tagger.journal import Journal, default_path
from booru_tagger.sources import suffixes
from booru_tagger.writers.naming import Naming, Scheme
from booru_tagger.writers.options import WriterOptions


def writer_options(settings: Settings, roots: Sequence[Path] = ()) -> WriterOptions:
    """``roots`` are the folders whose trees are mirrored where an output folder is set."""
    return WriterOptions(
        naming=Naming(cast(Scheme, settings.sidecar_name), settings.output, tuple(roots), suffixes()),
        spaces=settings.spaces,
        escape_brackets=settings.escape_brackets,
        keep_mtime=settings.keep_mtime,
    )


@contextmanager
def open_journal(settings: Settings) -> Iterator[Journal | None]:
    """The journal, closed at the end; ``None`` where the settings say to do without.

    What a person should hear of it goes to standard error. Raises what :meth:`Journal.open` does.
    """
    if settings.journal is False:
        yield None
        return
    path = settings.journal if isinstance(settings.journal, Path) else default_path()
    with Journal.open(path) as journal:
        told = _tell(journal.warnings)
        try:
            yield journal
        finally:
            _tell(journal.warnings[told:])


def _tell(warnings: Sequence[str]) -> int:
    for warning in warnings:
        click.echo(f"booru-tagger: {printable(warning)}", err=True)
    return len(warnings)


@contextmanager
def need_journal(settings: Settings) -> Iterator[Journal]:
    """The same for a command that is nothing without it. Raises UsageError too."""
    with open_journal(settings) as journal:
        if journal is None:
            raise click.UsageError("Only the journal knows what was written; leave out --no-journal.")
        yield journal
