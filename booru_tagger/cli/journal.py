"""The journal for commands: what a person should hear of it goes to standard error."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import click

from booru_tagger import app
from booru_tagger.cli.printing import printable
from booru_tagger.config import Settings
from booru_tagger.journal import Journal


def tell(warning: str) -> None:
    """Say on standard error what the journal warns of."""
    click.echo(f"booru-tagger: {printable(warning)}", err=True)


def open_journal(settings: Settings) -> AbstractContextManager[Journal | None]:
    """See :func:`booru_tagger.app.open_journal`."""
    return app.open_journal(settings, tell)


@contextmanager
def need_journal(settings: Settings) -> Iterator[Journal]:
    """The same for a command that is nothing without it. Raises UsageError too."""
    with open_journal(settings) as journal:
        if journal is None:
            raise click.UsageError("Only the journal knows what was written; leave out --no-journal.")
        yield journal
