"""One page about who was found in a folder."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from booru_tagger.app.parts import make_policy, make_reviewer, make_tagger
from booru_tagger.app.recording import Tell, need_journal
from booru_tagger.config import Settings
from booru_tagger.drawing.marked import refuse_other_file
from booru_tagger.files.ignored import Ignored
from booru_tagger.files.replace import replace_file
from booru_tagger.journal.reviews import TaggedPicture
from booru_tagger.reporting import CollectionReport, gather, page
from booru_tagger.reporting.page import is_report
from booru_tagger.review.face_cache import FaceCache, default_path
from booru_tagger.review.verdicts import finished, with_written_names
from booru_tagger.sources.listed import Walk
from booru_tagger.types import Box

_log = logging.getLogger(__name__)


def write_report(
    folder: Path,
    target: Path,
    settings: Settings,
    *,
    step: Callable[[], None] = lambda: None,
    tell: Tell = _log.warning,
) -> CollectionReport:
    """Write the page about the tagged pictures in a folder, unless there is none; what it tells.

    ``step`` is called with each picture. Raises BooruTaggerError, also where something else has that name.
    """
    refuse_other_file(target, is_report, "a report")
    tagger, policy = make_tagger(settings), make_policy(settings.policy)
    with (
        need_journal(settings.recording, tell) as journal,
        closing(FaceCache(default_path(), tagger)) as face_cache,
    ):
        reviewer = make_reviewer(settings.recording, tagger, journal)

        def waiting(tagged: TaggedPicture) -> list[Box]:
            found = with_written_names(tagged, tagger.retell)
            return [face.box for face in found.faces if reviewer.is_open(face, tagged.verdicts)]

        report = gather(
            folder,
            journal,
            face_cache,
            finish=lambda tagged: finished(tagged, tagger.retell, policy),
            waiting=waiting,
            limits=tagger.options.limits,
            walk=Walk(
                recursive=settings.reading.recursive,
                follow_links=settings.reading.follow_links,
                ignored=Ignored(settings.reading.ignore),
            ),
            series_of={label.tag: label.series for label in tagger.known}.get,
            step=step,
        )
    if report.pictures:
        replace_file(target, page(report, target).encode("utf-8", "surrogateescape"))
    return report
