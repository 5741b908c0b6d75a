"""What commands print: names fit to be shown, a line for each picture, what a run says at its end.

Nothing heavy is imported before it is needed: every command prints.
"""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, BinaryIO, Protocol

import click

from booru_tagger.cli.help import is_quiet
from booru_tagger.errors import counted

if TYPE_CHECKING:
    from rich.console import Console

    from booru_tagger.runner import Outcome, RunReport
    from booru_tagger.types import TagResult

REHEARSED = " (dry run: nothing was changed)"
_PIPE_WIDTH = 1_000


def printable(text: str) -> str:
    r"""The text on one line, without what would steer a terminal: ``a\nb`` for a newline, and so on."""
    return "".join(letter if letter.isprintable() else _escaped(letter) for letter in text)


def _escaped(letter: str) -> str:
    return letter.encode("unicode_escape").decode("ascii")


def tell(text: str) -> None:
    """Say on standard error what a person should hear of, unless only errors are wanted."""
    if not is_quiet():
        click.echo(f"booru-tagger: {printable(text)}", err=True)


class Printer(Protocol):
    """Prints outcomes as they come; ``close`` prints what was held back."""

    def __call__(self, outcome: Outcome) -> None: ...

    def close(self) -> None: ...


def is_listing() -> bool:
    """Whether standard output is kept or searched: its lines then depend on no terminal's width, unless
    COLUMNS says one."""
    return not sys.stdout.isatty() and not os.environ.get("COLUMNS", "").isdigit()


def console() -> Console:
    """Standard output for tables."""
    from rich.console import Console

    return Console(width=_PIPE_WIDTH, color_system=None) if is_listing() else Console(highlight=False)


class SilentPrinter:
    """Prints nothing."""

    def __call__(self, outcome: Outcome) -> None:
        pass

    def close(self) -> None:
        pass


class JsonLines:
    """One JSON object a line for each picture that was worked on, flushed at once."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def __call__(self, outcome: Outcome) -> None:
        if outcome.result is not None:
            self._stream.write(json_line(outcome.result))
            self._stream.flush()

    def close(self) -> None:
        pass


def json_line(result: TagResult) -> bytes:
    """The stable JSON form on one line, in UTF-8.

    A name that is not valid text has its bytes as lone surrogates, escaped, as Python's ``os.fsdecode`` makes
    and ``os.fsencode`` undoes them.
    """
    data = result.to_json()
    try:
        return json.dumps(data, ensure_ascii=False).encode("utf-8") + b"\n"
    except UnicodeEncodeError:
        return json.dumps(data).encode("ascii") + b"\n"


def summarise(report: RunReport, changes: str, *, queue: bool = False, following: str = "") -> None:
    """The failures; two lines with what was found and ``changes``; what ended the run early.

    ``queue``: uncertain faces wait for the review. ``following`` says how to go on.
    """
    for failure in report.failures:
        message, path = failure.error.message, failure.path
        click.echo(printable(message if path in message else f"{path}: {message}"), err=True)
    unlisted = report.failed - len(report.failures)
    if unlisted:
        click.echo(f"and {unlisted:,} failures more", err=True)
    if not report.seen and not report.not_done:
        click.echo("booru-tagger: no pictures found", err=True)
    elif not is_quiet():
        click.echo(_count_line(report, queue), err=True)
        click.echo(f"{changes}{following}", err=True)
    if report.stopped is not None:
        click.echo(f"booru-tagger: stopped early: {printable(str(report.stopped))}", err=True)
    if report.signal is not None:
        click.echo("booru-tagger: interrupted; run the same command again to do the rest", err=True)


def _count_line(report: RunReport, queue: bool) -> str:
    since = " since an earlier run (--force)" if not report.tagged else ""
    pictures = [f"{counted(report.tagged, 'picture')} tagged"]
    pictures += [f"{report.skipped:,} unchanged{since}"] if report.skipped else []
    pictures += [f"{report.failed:,} failed"] if report.failed else []
    pictures += [f"{report.not_done:,} not done"] if report.not_done else []
    if not report.heads:
        return ", ".join([*pictures, *(["no head found"] if report.tagged else [])])
    heads = [counted(report.heads, "head"), f"{report.named:,} named"]
    heads += [f"{report.unknown:,} unknown"] if report.unknown else []
    heads += [f"{report.uncertain:,} {'waiting' if queue else 'unsure'}"] if report.uncertain else []
    return f"{', '.join(pictures)}: {', '.join(heads)}"
