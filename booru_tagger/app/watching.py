"""The run that does not end: what is in folders, and then whatever comes."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from booru_tagger.app.parts import (
    make_policy,
    make_tagger,
    make_walk,
    make_workers,
    open_output,
    takes_videos,
)
from booru_tagger.app.recording import Tell
from booru_tagger.app.run import Run
from booru_tagger.config import ReadingSettings, Settings
from booru_tagger.errors import OutputError
from booru_tagger.files.ignored import ALWAYS, Ignored
from booru_tagger.files.locking import locked
from booru_tagger.files.user_folders import user_folder
from booru_tagger.runner import Outcome, RunListener, RunReport
from booru_tagger.sources.listed import Item, is_picture_name
from booru_tagger.watch import Watch, WatchedNames

_STOPPED_SECONDS = 60.0
"""How long to leave a full disk, or a journal that cannot be used, before all is tried again."""

_log = logging.getLogger(__name__)
_watch_log = logging.getLogger("booru_tagger.watch")
"""What happens to the watch, beside what the watch itself logs."""


@dataclass(frozen=True, slots=True)
class WatchRequest:
    """What is to be watched, besides the settings.

    With ``once`` the watch ends when it has tagged what is there. ``polling`` looks into the folders time and
    again. ``settle`` is how many seconds a picture must have stayed the same.
    """

    folders: tuple[Path, ...]
    once: bool = False
    polling: bool = False
    settle: float | None = None


@contextmanager
def open_watch(request: WatchRequest, settings: Settings, tell: Tell = _log.warning) -> Iterator[Watching]:
    """A watch over folders, ready to go; what it opens is closed at the end.

    It needs the journal. Raises BooruTaggerError, also where another watch is at one of the folders.
    """
    if settings.recording.journal is False:
        raise OutputError("a watch needs the journal, to know what is tagged")
    folders = _apart(request.folders) if settings.reading.recursive else list(dict.fromkeys(request.folders))
    tagger, policy = make_tagger(settings), make_policy(settings.policy)
    watch = _make_watch(request, settings.reading, folders)
    with ExitStack() as stack:
        for folder in folders:
            stack.enter_context(_only_one(folder))
        output, reviewer = stack.enter_context(
            open_output(settings.writing, settings.recording, tagger, policy, folders, tell=tell)
        )
        items = stack.enter_context(closing(iter(watch)))
        workers = make_workers(settings.running, tagger.options.provider)
        run = Run(tagger, policy, workers, lambda: items, tagger.tag, output, reviewer)
        yield Watching(run, watch, request.once)


@dataclass(frozen=True, slots=True)
class Watching:
    """A watch that is ready to go."""

    run: Run
    watch: Watch
    once: bool

    def go(self, listener: RunListener = lambda outcome: None) -> RunReport:
        """Tag until a signal comes, or once all that there is; the report is of the last run.

        Where nothing more can be written (disk full, journal lost), all is tried again after a while, unless
        it is to be done once.
        """

        def tell(outcome: Outcome) -> None:
            listener(outcome)
            self._note_failure(outcome)

        while True:
            report = self.run.go(tell)
            if report.stopped is None or self.once:
                return report
            reason = str(report.stopped)
            _watch_log.warning(
                "%s; all is tried again in %g s",
                reason,
                _STOPPED_SECONDS,
                extra={"event": "stopped", "reason": reason},
            )
            self.watch.begin_again(_STOPPED_SECONDS)

    def _note_failure(self, outcome: Outcome) -> None:
        """A picture that failed may do better later: the watch tries it again."""
        error = outcome.result.error if outcome.result is not None else None
        if error is not None:
            message = error.message
            reason = message if outcome.path in message else f"{outcome.path}: {message}"
            self.watch.failed(outcome.path, reason)


def _apart(folders: tuple[Path, ...]) -> list[Path]:
    """The folders without those that lie in others."""
    real = {folder: Path(os.path.realpath(folder)) for folder in folders}
    outer: dict[Path, Path] = {}
    for folder in sorted(folders, key=lambda folder: len(real[folder].parts)):
        if not any(real[folder].is_relative_to(other) for other in outer):
            outer[real[folder]] = folder
    return list(outer.values())


def _make_watch(request: WatchRequest, reading: ReadingSettings, folders: list[Path]) -> Watch:
    def walk(folder: Path) -> Iterator[Item]:
        # Patterns are of paths below the watched folder, and ``folder`` may be one in it.
        return replace(make_walk(reading), ignored=ALWAYS).pictures(folder)

    return Watch(
        folders,
        walk,
        WatchedNames(partial(is_picture_name, videos=takes_videos(reading)), Ignored(reading.ignore)),
        recursive=reading.recursive,
        file_links=reading.file_links,
        polling=request.polling or reading.follow_links,  # no system tells what happens behind links
        once=request.once,
        settle=request.settle,
    )


@contextmanager
def _only_one(folder: Path) -> Iterator[None]:
    """Keep other watches off the folder while this lasts. Raises OutputError where one is at it."""
    name = hashlib.sha256(os.fsencode(os.path.realpath(folder))).hexdigest()[:16]
    lock = user_folder("state") / "watching" / f"{name}.lock"
    with ExitStack() as stack:
        try:
            lock.parent.mkdir(parents=True, exist_ok=True)
            stack.enter_context(locked(lock, timeout=0.0))
        except OutputError as error:
            raise OutputError(
                f"{folder}: another booru-tagger is watching it already; stop that first"
            ) from error
        except OSError as error:
            reason = error.strerror or str(error)
            _watch_log.warning(
                "%s: cannot be locked (%s), so make sure that only one program watches %s",
                lock,
                reason,
                folder,
            )
        yield
