"""What both sinks share: what was done before is skipped, and an error is a value in the report."""

from __future__ import annotations

from pathlib import Path

from booru_tagger.boorus.http import LostError, Server
from booru_tagger.errors import BooruTaggerError, ConfigError, OutputError, RemoteError
from booru_tagger.journal.pushes import Pushes
from booru_tagger.runner import WriteOutcome
from booru_tagger.types import TagResult


class BooruSink:
    """Base of the sinks. ``pushes`` remembers what was sent, ``None`` where nothing is to be remembered.

    ``fingerprint`` stands for the model and all settings that shape what is sent; under ``force`` each
    picture is done again. A picture is a path whose text names it on the booru, or a file to upload.
    """

    def __init__(
        self, server: Server, *, pushes: Pushes | None, fingerprint: str, marker: str | None, force: bool
    ) -> None:
        self._server = server
        self._pushes = pushes
        self._fingerprint = fingerprint
        self._marker = marker
        self._force = force

    def is_done(self, picture: Path) -> bool:
        """Raises OutputError where the server is lost, or the journal."""
        if self._server.lost is not None:
            raise self._server.lost
        if self._pushes is None:
            return False
        return self._pushes.known(self.item(picture)).fingerprint == self._fingerprint and not self._force

    def found_before(self, picture: Path) -> None:
        """Nothing: what was sent is known by its tags alone."""

    def keep(self, picture: Path, result: TagResult, raw: TagResult | None = None) -> WriteOutcome:
        kept = WriteOutcome()
        try:
            if self.push(picture, result):
                kept.changed.append(picture)
        except BooruTaggerError as error:
            kept.failures.append(error)
            kept.fatal = error if _is_fatal(error) else None
        return kept

    def item(self, picture: Path) -> str:
        """What the journal knows the picture by."""
        raise NotImplementedError

    def push(self, picture: Path, result: TagResult) -> bool:
        """Send and remember; whether anything was changed on the booru. Raises :class:`BooruTaggerError`."""
        raise NotImplementedError


def _is_fatal(error: BooruTaggerError) -> bool:
    """Whether the next picture would fail for the same reason."""
    of_the_journal = isinstance(error, OutputError) and not isinstance(error, RemoteError)
    return of_the_journal or isinstance(error, LostError | ConfigError)
