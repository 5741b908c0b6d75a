"""The door to watchdog: the system's own word on what happens in a folder."""

from __future__ import annotations

import errno
import logging
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from watchdog import events
from watchdog.observers import Observer as SystemObserver

TELLS_CLOSING = sys.platform == "linux"
"""Whether the system says when a file that was written to is closed. Then a write without it is not over."""

_EVENTS: list[type[events.FileSystemEvent]] = [
    events.FileCreatedEvent,
    events.FileModifiedEvent,
    events.FileAttribEvent,
    events.FileMovedEvent,
    events.FileClosedEvent,
    events.DirCreatedEvent,
    events.DirMovedEvent,
]
"""Never those of opening, reading or closing unwritten: our own reading would wake us without end."""

_OUTSIDE = "/proc/sys/fs/inotify"
"""A folder that always exists, and hardly below a watched one."""
_AT_LIMIT = frozenset({errno.ENOSPC, errno.EMFILE, errno.ENFILE})


class LimitError(Exception):
    """The system allows no more watches; the message says which limit and how to raise it."""


class ChangeListener(Protocol):
    """Is called for changes in a folder, in a thread of the observer's."""

    def file(self, path: str, *, writing: bool) -> None: ...
    def folder(self, path: str) -> None: ...
    def lost(self, reason: str) -> None: ...


class Observer:
    """Tells ``listener`` what happens in ``folder``, from the end of this call until it is closed.

    Links to folders are not followed. Raises :class:`LimitError`, and OSError where the folder cannot be
    watched.
    """

    def __init__(self, folder: str, listener: ChangeListener, *, recursive: bool) -> None:
        self._complaints = _WatchdogLog(listener.lost)
        try:
            self._observer = SystemObserver()
            self._observer.schedule(
                _Handler(listener), folder, recursive=recursive, event_filter=list(_EVENTS)
            )
            logging.getLogger("watchdog").addHandler(self._complaints)
            self._observer.start()
            self.check_limit()
        except OSError as error:
            self.close()
            if error.errno in _AT_LIMIT:
                raise LimitError(_advice(error)) from error
            raise
        except BaseException:
            self.close()
            raise

    def check_limit(self) -> None:
        """Raise :class:`LimitError` where not one folder more could be watched.

        watchdog does not say when it could not watch a folder below the first one; but then the next attempt,
        at any folder, fails as well.
        """
        if sys.platform != "linux":
            return
        try:
            watch = self._observer.schedule(events.FileSystemEventHandler(), _OUTSIDE)
        except OSError as error:
            if error.errno in _AT_LIMIT:
                raise LimitError(_advice(error)) from error
        else:
            self._observer.unschedule(watch)

    def is_alive(self) -> bool:
        """Whether events still arrive; they stop once the folder is gone."""
        emitters = self._observer.emitters
        return self._observer.is_alive() and bool(emitters) and all(one.is_alive() for one in emitters)

    def close(self) -> None:
        logging.getLogger("watchdog").removeHandler(self._complaints)
        observer = getattr(self, "_observer", None)
        if observer is None:
            return
        observer.stop()
        with suppress(RuntimeError):  # it was never started
            observer.join()


class _Handler(events.FileSystemEventHandler):
    def __init__(self, listener: ChangeListener) -> None:
        self._listener = listener

    def on_any_event(self, event: events.FileSystemEvent) -> None:
        moved = isinstance(event, events.FileSystemMovedEvent)
        path = os.fsdecode(event.dest_path if moved else event.src_path)
        if not path:  # moved to where nobody watches
            return
        if event.is_directory:
            self._listener.folder(path)
        else:
            writing = TELLS_CLOSING and isinstance(event, events.FileModifiedEvent)
            self._listener.file(path, writing=writing)


class _WatchdogLog(logging.Handler):
    """watchdog says only in its log that the system's queue overflowed and that events are gone."""

    def __init__(self, lost: Callable[[str], None]) -> None:
        super().__init__(logging.WARNING)
        self._lost = lost

    def emit(self, record: logging.LogRecord) -> None:
        self._lost(record.getMessage())


def _advice(error: OSError) -> str:
    limit = "max_user_instances" if error.errno in {errno.EMFILE, errno.ENFILE} else "max_user_watches"
    return f"the system's limit on watched folders is reached (raise fs.inotify.{limit} with sysctl)"
