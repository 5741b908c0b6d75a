"""What a run says at its end, on standard error."""

from __future__ import annotations

import click

from booru_tagger.cli.text import counted, printable
from booru_tagger.runner import Report


def summarise(report: Report, changes: str) -> None:
    """The failures, the count with what was changed, and what ended the run early."""
    for failure in report.failures:
        message, path = failure.error.message, failure.path
        click.echo(printable(message if path in message else f"{path}: {message}"), err=True)
    unlisted = report.failed - len(report.failures)
    if unlisted:
        click.echo(f"and {unlisted:,} failures more", err=True)
    click.echo(_count_line(report, changes), err=True)
    if report.uncertain:
        faces = counted(report.uncertain, "face waits", "faces wait")
        click.echo(f"{faces} for you to say who it is: booru-tagger review --queue", err=True)
    if report.stopped is not None:
        click.echo(f"booru-tagger: stopped early: {printable(str(report.stopped))}", err=True)
    if report.signal is not None:
        click.echo("booru-tagger: interrupted; run the same command again to do the rest", err=True)


def _count_line(report: Report, changes: str) -> str:
    if not report.seen and not report.not_done:
        return "booru-tagger: no pictures found"
    parts = [f"{counted(report.tagged, 'picture')} tagged"]
    parts += [f"{report.skipped:,} unchanged since an earlier run (--force)"] if report.skipped else []
    parts += [f"{report.failed:,} failed"] if report.failed else []
    parts += [f"{report.not_done:,} not done"] if report.not_done else []
    return f"{', '.join(parts)}; {changes}"
