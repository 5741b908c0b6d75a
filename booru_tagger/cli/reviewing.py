"""What `booru-tagger review` does, put together from the journal, the model and the server."""

from __future__ import annotations

import contextlib
import csv
import io
import os
import webbrowser
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from booru_tagger.app import make_policy, make_reviewer, make_tagger, writer_options
from booru_tagger.cli.journal import need_journal
from booru_tagger.cli.listening import listen
from booru_tagger.cli.printing import counted, printable
from booru_tagger.config import Settings
from booru_tagger.errors import EXIT_NOTHING_DONE, MissingExtraError
from booru_tagger.files.replace import replace_file
from booru_tagger.journal import Journal
from booru_tagger.journal.reviews import Tagged
from booru_tagger.models import gallery
from booru_tagger.review.face_cache import Album, default_path
from booru_tagger.types import Verdict
from booru_tagger.writers.registry import check_writers, make_writer

if TYPE_CHECKING:
    from booru_tagger.server.review import Session

COLUMNS = ("picture", "x0", "y0", "x1", "y1", "verdict", "tag", "drawn", "score")
MOST_SAMPLES = 50_000
"""Pictures outside of the review that are looked through for faces to compare with."""


@dataclass(frozen=True, slots=True)
class Request:
    """What one call asks for, besides the settings."""

    folders: tuple[Path, ...]
    queue: bool = False
    port: int = 0
    opens: bool = True
    export: Path | None = None


def review_faces(request: Request, settings: Settings) -> int:
    """Serve the page until a signal comes, or write the table; the exit code.

    Raises UsageError and BooruTaggerError.
    """
    if not request.folders and not request.queue and request.export is None:
        raise click.UsageError("Name a folder whose faces to review, or give --queue for all that wait.")
    with need_journal(settings) as journal:
        if request.export is not None:
            return _export(request.export, request.folders, journal)
        return _serve(request, settings, journal)


def _serve(request: Request, settings: Settings, journal: Journal) -> int:
    try:
        import uvicorn

        from booru_tagger.server.review import make_app
        from booru_tagger.server.review.guard import new_key
    except ImportError as error:
        raise MissingExtraError(
            f"the review page needs {error.name or error}; install it: pip install 'booru-tagger[web]'"
        ) from error
    session = _session(request, settings, journal)
    waiting = sum(head.waits for head in session.heads.values())
    if not session.heads:
        click.echo(_nothing(request), err=True)
        return EXIT_NOTHING_DONE
    with (
        closing(Album(default_path(), session.tools.tagger)) as album,
        listen("127.0.0.1", request.port) as listener,
    ):
        port, key = listener.getsockname()[1], new_key()
        app = make_app(session, album, port=port, key=key, more=lambda: _add_samples(session, journal))
        address = f"http://127.0.0.1:{port}/?key={key}"
        click.echo(f"{counted(waiting, 'face waits', 'faces wait')} for you at {address}", err=True)
        click.echo("Ctrl-C ends the review; all that you said is kept.", err=True)
        if request.opens:
            webbrowser.open(address)
        config = uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,
            server_header=False,
            ws="none",
            timeout_graceful_shutdown=5,  # a tab that is still open must not keep it from ending
        )
        with contextlib.suppress(KeyboardInterrupt):  # how a review ends
            uvicorn.Server(config).run(sockets=[listener])
    left = sum(head.waits for head in session.heads.values())
    click.echo(f"booru-tagger: {counted(session.steps, 'step')} done, {counted(left, 'face')} left", err=True)
    return 0


def _nothing(request: Request) -> str:
    if request.queue and not request.folders:
        return "booru-tagger: no face waits for you; name a folder to see all faces in it"
    return "booru-tagger: no faces are known there; tag the folder first: booru-tagger tag --batch FOLDER"


def _session(request: Request, settings: Settings, journal: Journal) -> Session:
    from booru_tagger.server.review import Session, Tools

    tagger, policy = make_tagger(settings), make_policy(settings)
    options = writer_options(settings, request.folders)
    writers = [make_writer(name, options) for name in settings.writing.writer]
    check_writers(writers)
    reviewer = make_reviewer(settings, tagger, policy, journal)
    path = settings.tagging.gallery if isinstance(settings.tagging.gallery, Path) else gallery.default_path()
    tools = Tools(
        journal,
        tagger,
        policy,
        reviewer,
        options,
        writers,
        None if settings.tagging.gallery is False else path,
    )
    session = Session(tools)
    for folder in request.folders:
        session.add(_present(journal.reviews.tagged(folder)))
    if request.queue:
        session.add(_waiting(journal))
    return session


def _present(tagged: Iterator[Tagged]) -> Iterator[Tagged]:
    return (one for one in tagged if one.picture.exists())


def _waiting(journal: Journal) -> Iterator[Tagged]:
    for picture in journal.reviews.waiting():
        entry = journal.entry(picture)
        if entry is not None and entry.result is not None and picture.exists():
            yield Tagged(picture, entry.result, journal.reviews.verdicts(picture))


def _add_samples(session: Session, journal: Journal) -> None:
    """Take in faces from elsewhere, to compare candidates with."""
    for number, tagged in enumerate(journal.reviews.tagged()):
        if number >= MOST_SAMPLES:
            break
        if any(face.character is not None for face in tagged.result.faces):
            session.add(_present(iter([tagged])), listed=False)


def _export(target: Path, folders: Sequence[Path], journal: Journal) -> int:
    """Write the verdicts on pictures in ``folders``, or on all, as a table."""
    roots = [Path(os.path.realpath(folder)) for folder in folders]
    rows = [
        _row(picture, verdict)
        for picture, verdicts in journal.reviews.decided()
        if not roots or any(picture.is_relative_to(root) for root in roots)
        for verdict in verdicts
    ]
    text = io.StringIO(newline="")
    table = csv.writer(text)
    table.writerow(COLUMNS)
    table.writerows(rows)
    replace_file(target, text.getvalue().encode("utf-8", "surrogateescape"))
    click.echo(printable(f"booru-tagger: {counted(len(rows), 'verdict')} written to {target}"), err=True)
    return 0 if rows else EXIT_NOTHING_DONE


def _row(picture: Path, verdict: Verdict) -> tuple[object, ...]:
    box = verdict.face.box.rounded()
    return str(picture), *box, verdict.kind, verdict.tag, "yes" if verdict.drawn else "", verdict.face.score
