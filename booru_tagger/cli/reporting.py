"""What `booru-tagger report` does, put together from the journal, the model and the page."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import click

from booru_tagger.app import make_limits, make_policy, make_reviewer, make_tagger
from booru_tagger.cli.journal import need_journal
from booru_tagger.cli.printing import counted, printable
from booru_tagger.cli.progress import looking
from booru_tagger.config import Settings
from booru_tagger.errors import EXIT_NOTHING_DONE, OutputError
from booru_tagger.files.replace import replace_file
from booru_tagger.journal.reviews import Tagged
from booru_tagger.reporting import gather, page
from booru_tagger.reporting.page import is_report
from booru_tagger.review.face_cache import Album, default_path
from booru_tagger.sources.listed import Walk


def write_report(folder: Path, target: Path, settings: Settings) -> int:
    """Write the page and return the exit code. Raises UsageError and BooruTaggerError."""
    if target.suffix.lower() not in (".html", ".htm"):
        raise click.UsageError(f"--output {target}: the file's name must end in .html")
    if target.exists() and not is_report(target):
        raise OutputError(f"{target}: exists and is no report; it is left alone, choose another name")
    tagger = make_tagger(settings)
    with need_journal(settings) as journal, closing(Album(default_path(), tagger)) as album:
        reviewer = make_reviewer(settings, tagger, make_policy(settings), journal)

        def waits(tagged: Tagged) -> int:
            return sum(reviewer.is_open(face, tagged.verdicts) for face in tagged.result.faces)

        with looking(None, "looking at the pictures") as step:
            report = gather(
                folder,
                journal,
                album,
                waits=waits,
                limits=make_limits(settings),
                walk=Walk(recursive=settings.reading.recursive, follow_links=settings.reading.follow_links),
                step=step,
            )
    if not report.pictures:
        click.echo(
            "booru-tagger: no picture there was tagged yet; begin with: booru-tagger tag --batch FOLDER",
            err=True,
        )
        return EXIT_NOTHING_DONE
    replace_file(target, page(report, target).encode("utf-8", "surrogateescape"))
    summary = f"{counted(report.faces, 'face')} of {counted(len(report.characters), 'character')}"
    click.echo(printable(f"booru-tagger: {summary} written to {target}"), err=True)
    return 0
