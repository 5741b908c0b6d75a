"""People's say: the page on which they give it, and the table of what they said."""

from __future__ import annotations

import csv
import io
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from booru_tagger.app.characters import gallery_file
from booru_tagger.app.parts import make_policy, make_reviewer, make_tagger, make_writers, writer_options
from booru_tagger.app.recording import Tell, need_journal
from booru_tagger.config import Settings
from booru_tagger.errors import MissingExtraError
from booru_tagger.files.ignored import Ignored
from booru_tagger.files.replace import replace_file
from booru_tagger.journal import Journal
from booru_tagger.journal.reviews import TaggedPicture
from booru_tagger.review.face_cache import FaceCache, default_path
from booru_tagger.review.verdicts import JournalReviewer
from booru_tagger.server.sockets import listen
from booru_tagger.types import Verdict

if TYPE_CHECKING:
    from booru_tagger.server.review import ReviewSession

COLUMNS = ("picture", "x0", "y0", "x1", "y1", "verdict", "tag", "drawn", "score")
MAX_SAMPLES = 50_000
"""Pictures outside of the review that are looked through for faces to compare with."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Reviewing:
    """A page that can be had at ``address``; ``go`` serves it until a signal comes."""

    session: ReviewSession
    address: str
    go: Callable[[], None]

    @property
    def waiting(self) -> int:
        """Faces that wait for somebody to look at them."""
        return self.session.waiting


@contextmanager
def open_review(
    folders: Sequence[Path], settings: Settings, *, queue: bool, port: int = 0, tell: Tell = _log.warning
) -> Iterator[Reviewing | None]:
    """The page for the faces in ``folders`` and, with ``queue``, for all that wait; ``None`` without any.

    Port 0 is any free one. Raises BooruTaggerError.
    """
    try:
        import uvicorn

        from booru_tagger.server.review import make_app
        from booru_tagger.server.review.guard import new_key
    except ImportError as error:
        raise MissingExtraError(
            f"the review page needs {error.name or error}; install it: pip install 'booru-tagger[web]'"
        ) from error
    with need_journal(settings.recording, tell) as journal:
        session = _session(folders, queue, settings, journal)
        if not session.heads:
            yield None
            return
        with (
            closing(FaceCache(default_path(), session.tools.tagger)) as face_cache,
            listen("127.0.0.1", port) as listener,
        ):
            port, key = listener.getsockname()[1], new_key()
            app = make_app(
                session, face_cache, port=port, key=key, more=lambda: _add_samples(session, journal)
            )
            config = uvicorn.Config(
                app,
                log_level="warning",
                access_log=False,
                server_header=False,
                ws="none",
                timeout_graceful_shutdown=5,  # a tab that is still open must not keep it from ending
            )
            yield Reviewing(
                session,
                f"http://127.0.0.1:{port}/?key={key}",
                lambda: uvicorn.Server(config).run(sockets=[listener]),
            )


def _session(folders: Sequence[Path], queue: bool, settings: Settings, journal: Journal) -> ReviewSession:
    from booru_tagger.server.review import ReviewSession, ReviewTools

    tagger, policy = make_tagger(settings), make_policy(settings.policy)
    options = writer_options(settings.writing, folders)
    writers = make_writers(settings.writing, options)
    reviewer = make_reviewer(settings.recording, tagger, journal)
    gallery = None if settings.tagging.gallery is False else gallery_file(settings.tagging)
    tools = ReviewTools(journal, tagger, policy, reviewer, options, writers, gallery)
    session = ReviewSession(tools)
    for folder in folders:
        session.add(_present(_meant(folder, journal, Ignored(settings.reading.ignore))))
    if queue:
        session.add(_waiting(journal, reviewer))
    return session


def _meant(folder: Path, journal: Journal, ignored: Ignored) -> Iterator[TaggedPicture]:
    root = Path(os.path.realpath(folder))
    for one in journal.reviews.tagged(folder):
        if not ignored.hides(one.picture.relative_to(root)):
            yield one


def _present(tagged: Iterator[TaggedPicture]) -> Iterator[TaggedPicture]:
    return (one for one in tagged if one.picture.exists())


def _waiting(journal: Journal, reviewer: JournalReviewer) -> Iterator[TaggedPicture]:
    """The pictures in the queue. One that is there though all was said of it leaves it: a run of an earlier
    version that was killed could forget to take it out."""
    for picture in journal.reviews.waiting():
        entry = journal.entry(picture)
        if entry is None or entry.result is None or not picture.exists():
            continue
        raw = None if entry.raw is None else entry.raw.result
        tagged = TaggedPicture(picture, entry.result, journal.reviews.verdicts(picture), raw)
        if not tagged.verdicts or reviewer.note(picture, tagged.found):
            yield tagged


def _add_samples(session: ReviewSession, journal: Journal) -> None:
    """Take in faces from elsewhere, to compare candidates with."""
    for number, tagged in enumerate(journal.reviews.tagged()):
        if number >= MAX_SAMPLES:
            break
        if any(face.character is not None for face in tagged.result.faces):
            session.add(_present(iter([tagged])), listed=False)


def write_verdicts(
    target: Path, folders: Sequence[Path], settings: Settings, tell: Tell = _log.warning
) -> int:
    """Write the verdicts on pictures in ``folders``, or on all, as a table; their number."""
    roots = [Path(os.path.realpath(folder)) for folder in folders]
    with need_journal(settings.recording, tell) as journal:
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
    return len(rows)


def _row(picture: Path, verdict: Verdict) -> tuple[object, ...]:
    box = verdict.face.box.rounded()
    return str(picture), *box, verdict.kind, verdict.tag, "yes" if verdict.drawn else "", verdict.face.score
