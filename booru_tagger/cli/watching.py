"""What `booru-tagger watch` does, put together from the watch and the runner's parts."""

from __future__ import annotations

import hashlib
import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import click
import platformdirs

from booru_tagger.app import make_policy, make_tagger, make_workers, open_desk, running_on
from booru_tagger.cli.journal import tell
from booru_tagger.cli.printing import printable
from booru_tagger.cli.watchlog import LOGGER, Stats, log_tagged, log_to_stderr
from booru_tagger.config import Settings
from booru_tagger.errors import OutputError
from booru_tagger.files.locking import locked
from booru_tagger.runner import Outcome, Report, run
from booru_tagger.sources.listed import Item, Walk, is_picture_name
from booru_tagger.watch import Names, Watch

_STATS_SECONDS = 60.0
_STOPPED_SECONDS = 60.0
"""How long to leave a full disk, or a journal that cannot be used, before all is tried again."""


@dataclass(frozen=True, slots=True)
class Request:
    """What one call asks for, besides the settings."""

    folders: tuple[Path, ...]
    once: bool = False
    polling: bool = False
    settle: float | None = None
    ignore: tuple[str, ...] = ()
    stats: bool = False
    log_format: str = "text"


def watch_folders(request: Request, settings: Settings) -> int:
    """Tag until a signal comes, or once all that there is, and return the exit code.

    Raises UsageError and BooruTaggerError.
    """
    _check(request, settings)
    folders = _apart(request.folders) if settings.reading.recursive else list(dict.fromkeys(request.folders))
    tagger, policy, executor = make_tagger(settings), make_policy(settings), make_workers(settings)
    watch, stats = _make_watch(request, settings, folders), Stats()

    def listener(outcome: Outcome) -> None:
        stats.count(outcome)
        _tell(outcome, watch)

    with ExitStack() as stack:
        stack.enter_context(log_to_stderr(request.log_format))
        if line := running_on(settings, tagger):
            LOGGER.info("%s", line, extra={"event": "running", "reason": line})
        for folder in folders:
            stack.enter_context(_only_one(folder))
        desk = stack.enter_context(open_desk(settings, tagger, policy, folders, tell=tell))
        items = stack.enter_context(closing(iter(watch)))
        if request.stats:
            stack.enter_context(stats.logged_every(_STATS_SECONDS))
        while True:
            report = run(
                items,
                tagger.tag,
                executor=executor,
                policy=policy,
                output=desk.output,
                reviewer=desk.reviewer,
                listener=listener,
            )
            if report.stopped is None or request.once:
                break
            reason = str(report.stopped)
            LOGGER.warning(
                "%s; all is tried again in %g s",
                reason,
                _STOPPED_SECONDS,
                extra={"event": "stopped", "reason": reason},
            )
            watch.begin_again(_STOPPED_SECONDS)
        stats.log()
        return _end(report)


def _check(request: Request, settings: Settings) -> None:
    for folder in request.folders:
        if folder.exists() and not folder.is_dir():
            raise click.UsageError(f"{printable(str(folder))} is not a folder; only folders can be watched.")
    if settings.recording.journal is False:
        raise click.UsageError("A watch needs the journal, to know what is tagged; leave out --no-journal.")


def _apart(folders: tuple[Path, ...]) -> list[Path]:
    """The folders without those that lie in others."""
    real = {folder: Path(os.path.realpath(folder)) for folder in folders}
    outer: dict[Path, Path] = {}
    for folder in sorted(folders, key=lambda folder: len(real[folder].parts)):
        if not any(real[folder].is_relative_to(other) for other in outer):
            outer[real[folder]] = folder
    return list(outer.values())


def _make_watch(request: Request, settings: Settings, folders: list[Path]) -> Watch:
    def walk(folder: Path) -> Iterator[Item]:
        return Walk(
            settings.reading.recursive, settings.reading.follow_links, settings.reading.file_links
        ).pictures(folder)

    return Watch(
        folders,
        walk,
        Names(is_picture_name, request.ignore),
        recursive=settings.reading.recursive,
        file_links=settings.reading.file_links,
        polling=request.polling or settings.reading.follow_links,  # no system tells what happens behind links
        once=request.once,
        settle=request.settle,
    )


@contextmanager
def _only_one(folder: Path) -> Iterator[None]:
    """Keep other watches off the folder while this lasts. Raises OutputError where one is at it."""
    name = hashlib.sha256(os.fsencode(os.path.realpath(folder))).hexdigest()[:16]
    lock = platformdirs.user_state_path("booru-tagger", appauthor=False) / "watching" / f"{name}.lock"
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
            LOGGER.warning(
                "%s: cannot be locked (%s), so take care to watch %s only once", lock, reason, folder
            )
        yield


def _tell(outcome: Outcome, watch: Watch) -> None:
    if outcome.result is None:
        return
    error = outcome.result.error
    if error is None:
        log_tagged(outcome)
    else:
        reason = error.message if outcome.path in error.message else f"{outcome.path}: {error.message}"
        watch.failed(outcome.path, reason)


def _end(report: Report) -> int:
    """A signal is how a watch is meant to end, and a folder may well be empty."""
    if report.signal is not None:
        name = signal.Signals(report.signal).name
        LOGGER.info("ended by %s", name, extra={"event": "ended", "reason": name})
        return 0
    if report.stopped is not None:
        LOGGER.error("%s", report.stopped, extra={"event": "stopped", "reason": str(report.stopped)})
    return report.exit_code if report.seen else 0
