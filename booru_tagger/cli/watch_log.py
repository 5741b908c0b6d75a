"""The log of `booru-tagger watch`: lines for people or for programs, and figures once a minute."""

from __future__ import annotations

import json
import logging
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import click

from booru_tagger.cli.help import is_quiet
from booru_tagger.cli.json_stderr import divert_stderr
from booru_tagger.cli.printing import printable
from booru_tagger.errors import BooruTaggerError, counted
from booru_tagger.runner import Outcome, RunReport

LOGGER = logging.getLogger("booru_tagger.watch")
_FIELDS = ("event", "path", "reason", "tags", "files", "tagged", "unchanged", "failed")


@contextmanager
def log_to_stderr(log_format: str) -> Iterator[None]:
    """Write the log of the watch to standard error for as long as this lasts, as ``text`` or as ``json``.

    As ``json``, what others write there becomes part of the log, and an error that ends the watch, too.
    """
    handler = logging.StreamHandler(sys.stderr)
    if log_format != "json":
        handler.setFormatter(_Text("%(asctime)s %(message)s"))
        with _logging(handler):
            yield
        return
    handler.setFormatter(_Json())
    with _logging(handler), divert_stderr(_log_line) as stderr:
        handler.setStream(stderr)
        try:
            yield
        except BooruTaggerError as error:
            LOGGER.error("%s", error, extra={"event": "error", "reason": str(error)})
            raise click.exceptions.Exit(error.exit_code) from error


@contextmanager
def _logging(handler: logging.Handler) -> Iterator[None]:
    former = LOGGER.level, LOGGER.propagate
    LOGGER.addHandler(handler)
    LOGGER.setLevel(logging.WARNING if is_quiet() else logging.INFO)
    LOGGER.propagate = False
    try:
        yield
    finally:
        LOGGER.removeHandler(handler)
        LOGGER.level, LOGGER.propagate = former


def _log_line(text: str) -> None:
    LOGGER.warning("%s", text, extra={"event": "message"})


class _Text(logging.Formatter):
    """One line whatever a file may be called."""

    def format(self, record: logging.LogRecord) -> str:
        return printable(super().format(record))


class _Json(logging.Formatter):
    """One object a line: ``time`` (ISO 8601), ``level``, ``event``, what belongs to the event, ``message``.

    Bytes of a name that are not valid UTF-8 come as lone surrogates, escaped.
    """

    def format(self, record: logging.LogRecord) -> str:
        time = datetime.fromtimestamp(record.created).astimezone()
        line: dict[str, Any] = {"time": time.isoformat(), "level": record.levelname.lower()}
        line.update({name: getattr(record, name) for name in _FIELDS if hasattr(record, name)})
        return json.dumps({**line, "message": record.getMessage()})


def log_running(line: str | None) -> None:
    """Log what the model runs on, where that was chosen."""
    if line is not None:
        LOGGER.info("%s", line, extra={"event": "running", "reason": line})


def log_outcome(outcome: Outcome) -> None:
    """Log a picture that was tagged. Of one that failed, the watch tells when it gives up."""
    if outcome.result is None or outcome.result.error is not None:
        return
    tags = [tag.tag for tag in outcome.result.tags]
    LOGGER.info(
        "%s: %s",
        outcome.path,
        ", ".join(tags) or "no tags",
        extra={
            "event": "tagged",
            "path": outcome.path,
            "tags": tags,
            "files": [str(path) for path in outcome.changed],
        },
    )


def log_end(report: RunReport) -> int:
    """Log what ended the watch; its exit code. A signal is how it is meant to end, and a folder may well be
    empty."""
    if report.signal is not None:
        name = signal.Signals(report.signal).name
        LOGGER.info("ended by %s", name, extra={"event": "ended", "reason": name})
        return 0
    if report.stopped is not None:
        LOGGER.error("%s", report.stopped, extra={"event": "stopped", "reason": str(report.stopped)})
    return report.exit_code if report.seen else 0


class WatchStats:
    """Counts outcomes, and logs the counts now and then."""

    def __init__(self) -> None:
        self.tagged = self.unchanged = self.failed = 0

    def count(self, outcome: Outcome) -> None:
        if outcome.result is None:
            self.unchanged += 1
        elif outcome.result.error is None:
            self.tagged += 1
        else:
            self.failed += 1

    def log(self) -> None:
        LOGGER.info(
            "so far %s tagged, %s unchanged, %s",
            counted(self.tagged, "picture"),
            f"{self.unchanged:,}",
            counted(self.failed, "failed try", "failed tries"),
            extra={
                "event": "stats",
                "tagged": self.tagged,
                "unchanged": self.unchanged,
                "failed": self.failed,
            },
        )

    @contextmanager
    def logged_every(self, seconds: float) -> Iterator[None]:
        """Log the counts at intervals while this lasts, in a thread, whatever else is going on."""
        over = threading.Event()

        def log() -> None:
            while not over.wait(seconds):
                self.log()

        thread = threading.Thread(target=log, name="stats", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
