"""Taking out again what whole runs wrote."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from booru_tagger.app.parts import writer_options
from booru_tagger.app.recording import Tell, need_journal
from booru_tagger.config import Settings
from booru_tagger.files.ignored import Ignored
from booru_tagger.runner.interrupts import Interrupted, Interrupts
from booru_tagger.runner.undo import PictureUndo, untag, written_for
from booru_tagger.sources.listed import Walk

_log = logging.getLogger(__name__)


def untag_pictures(
    paths: Sequence[Path],
    settings: Settings,
    listener: Callable[[PictureUndo], None],
    *,
    dry_run: bool = False,
    forget_deletions: bool = False,
    tell: Tell = _log.warning,
) -> int | None:
    """Take out what was written for pictures, and for those in folders among ``paths``.

    ``listener`` is called for each picture. Returns the number of the signal that ended it early, if one did.
    See :func:`booru_tagger.runner.undo.untag`. Raises BooruTaggerError.
    """
    roots = [path if path.is_dir() else path.parent for path in paths]
    options = writer_options(settings.writing, roots)
    walk = Walk(
        recursive=settings.reading.recursive,
        follow_links=settings.reading.follow_links,
        ignored=Ignored(settings.reading.ignore),
    )
    with need_journal(settings.recording, tell) as journal, Interrupts() as interrupts:
        try:
            for picture in written_for(paths, journal, walk):
                with interrupts.shield():
                    listener(
                        untag(picture, journal, options, dry_run=dry_run, forget_deletions=forget_deletions)
                    )
        except Interrupted as interruption:
            return interruption.signal
    return None
