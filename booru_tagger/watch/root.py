"""One watched folder: listened to while it is there, waited for while it is not."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path, PurePath
from typing import TypeAlias

from booru_tagger.types import TagResult
from booru_tagger.watch.inbox import Inbox
from booru_tagger.watch.observer import LimitError, Observer
from booru_tagger.watch.watched_names import WatchedNames

Walk: TypeAlias = Callable[[Path], Iterable[Path | TagResult]]
"""Lists the pictures of a folder; what is wrong with a folder comes as a failed result."""

_log = logging.getLogger("booru_tagger.watch")


class Root:
    """A folder as the user named it, and the observer behind it, if any: with ``polling`` there is none."""

    def __init__(
        self,
        path: Path,
        walk: Walk,
        names: WatchedNames,
        inbox: Inbox,
        *,
        recursive: bool,
        file_links: bool,
        polling: bool,
    ) -> None:
        self.path = path
        self.polling = polling
        self._asked_to_poll = polling
        self._walk = walk
        self._names = names
        self._inbox = inbox
        self._recursive = recursive
        self._file_links = file_links
        self._real = ""
        self._identity: tuple[int, int] | None = None
        self._was_missed = False
        self._observer: Observer | None = None

    @property
    def is_here(self) -> bool:
        return self._identity is not None

    def check(self) -> bool:
        """See whether the folder is there. True where it has (again) begun to be watched, and should be
        listed: what happened before went unheard."""
        try:
            identity = _identity(self.path)
            if identity == self._identity and (self._observer is None or self._observer.is_alive()):
                return False
            self.close()
            self._attach(identity)
        except OSError as error:
            self._miss(error)
            return False
        return True

    def _attach(self, identity: tuple[int, int]) -> None:
        self._real = os.path.realpath(self.path)
        self.polling = self._asked_to_poll
        if not self.polling:
            try:
                self._observer = Observer(self._real, self, recursive=self._recursive)
            except LimitError as error:
                self._poll(error)
        self._identity, self._was_missed = identity, False
        _log.info(
            "%s: watching%s",
            self.path,
            " by polling" if self.polling else "",
            extra={"event": "watching", "path": str(self.path)},
        )

    def _poll(self, reason: LimitError) -> None:
        self._close_observer()
        self.polling = True
        _log.warning(
            "%s: %s; polling it instead",
            self.path,
            reason,
            extra={"event": "polling", "path": str(self.path)},
        )

    def check_limit(self) -> bool:
        """To be called after new folders came. False where the system did not let them be watched: from now
        on the folder is to be polled."""
        if self._observer is not None:
            try:
                self._observer.check_limit()
            except LimitError as error:
                self._poll(error)
                return False
        return True

    def _miss(self, error: OSError) -> None:
        self.close()
        if not self._was_missed:
            _log.warning(
                "%s: cannot be watched (%s); waiting for it",
                self.path,
                error.strerror or error,
                extra={"event": "missing", "path": str(self.path)},
            )
        self._was_missed = True

    def close(self) -> None:
        self._identity = None
        self._close_observer()

    def _close_observer(self) -> None:
        observer, self._observer = self._observer, None
        if observer is not None:
            observer.close()

    def pictures(self, folder: Path) -> Iterator[Path | TagResult]:
        """What is to be tagged in ``folder``, which is this one or below it."""
        for item in self._walk(folder):
            if isinstance(item, TagResult) or self._names.wants(item.relative_to(self.path)):
                yield item

    # From here on, the observer's thread.

    def file(self, path: str, *, writing: bool) -> None:
        relative = self._below(path)
        if relative is not None and self._names.wants(relative) and self._may_be_link(path):
            self._inbox.put_file(str(self.path / relative), writing=writing)
        else:
            self._inbox.count()

    def _may_be_link(self, path: str) -> bool:
        return self._file_links or not Path(path).is_symlink()

    def folder(self, path: str) -> None:
        relative = self._below(path)
        if self._recursive and relative is not None and self._names.wants_folder(relative):
            self._inbox.put_folder(str(self.path / relative))
        else:
            self._inbox.count()

    def lost(self, reason: str) -> None:
        self._inbox.put_loss(reason)

    def _below(self, path: str) -> PurePath | None:
        """The path relative to the folder; the observer knows only the real one."""
        with suppress(ValueError):
            return PurePath(path).relative_to(self._real)
        return None


def _identity(folder: Path) -> tuple[int, int]:
    """Tells this folder from another one at the same place, as after an unmount. Raises OSError."""
    with os.scandir(folder):  # a share that has gone can often still be looked at, but not into
        status = folder.stat()
    return status.st_dev, status.st_ino
