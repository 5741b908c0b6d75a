"""What is known of one picture: whose its tags are, and where its heads are."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

from booru_tagger.app.parts import make_limits, writer_options
from booru_tagger.app.recording import Tell, need_journal
from booru_tagger.config import ReadingSettings, Settings
from booru_tagger.drawing.boxes import LONGEST, draw_faces, is_drawing, png
from booru_tagger.drawing.marked import refuse_other_file
from booru_tagger.errors import OutputError
from booru_tagger.files.replace import replace_file
from booru_tagger.moving import read_frame, shown_at
from booru_tagger.runner.provenance import Provenance, provenance
from booru_tagger.writers.registry import make_writer

_log = logging.getLogger(__name__)


def known_of(picture: Path, settings: Settings, tell: Tell = _log.warning) -> Provenance:
    """Every tag of a picture and where it comes from. Raises BooruTaggerError."""
    options = writer_options(settings.writing, [picture.parent])
    writers = [make_writer(name, options) for name in settings.writing.writer]
    with need_journal(settings.recording, tell) as journal:
        return provenance(picture, journal, writers, options)


def draw_heads(path: Path, picture: Path, known: Provenance, reading: ReadingSettings) -> None:
    """Draw the heads that were found, with names and colors, into a copy of the picture: a PNG file.

    Of a moving picture it is the frame that shows best who is there longest.

    Raises :class:`OutputError` where something else has that name, or where there is nothing to draw.
    """
    refuse_other_file(path, is_drawing, "a drawing by this program")
    if known.result is None:
        raise OutputError(f"{path}: nothing to draw: {picture} was not tagged yet, or was untagged since")
    at = shown_at(known.result)
    decoded = read_frame(picture, at, longest=LONGEST, limits=make_limits(reading))
    if (decoded.width, decoded.height) != (known.result.width, known.result.height):
        raise OutputError(f"{path}: not drawn: {picture} has changed since it was tagged; tag it again first")
    seen = replace(known.result, faces=tuple(face for face in known.result.faces if face.at == at))
    replace_file(path, png(draw_faces(decoded, seen)))
