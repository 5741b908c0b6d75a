"""A run's results as one data set instead of a file beside each picture."""

from __future__ import annotations

import json
import os
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

from booru_tagger.errors import OutputError
from booru_tagger.runner.files_sink import WriteOutcome
from booru_tagger.sources.storage import url_of
from booru_tagger.types import TagResult


class Records:
    """A :class:`~booru_tagger.runner.files_sink.Sink` that adds a line to a JSON Lines file for each picture.

    A line is the stable JSON of a result and the ``fingerprint`` of the model and settings that gave it. A
    picture that has a line with the same fingerprint is done; under another one it gets a further line, and
    the last of a picture counts. A line that a killed run left unfinished is taken away. Raises
    :class:`OutputError` where the file cannot be used.
    """

    def __init__(self, path: Path, fingerprint: str, *, force: bool = False) -> None:
        self.path = path
        self._fingerprint = fingerprint
        self._force = force
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with ExitStack() as stack:
                self._stream = stack.enter_context(path.open("a+b"))
                self._done = self._read()
                stack.pop_all()
        except OSError as error:
            raise OutputError(f"{path}: {error.strerror or error}") from error

    def __enter__(self) -> Records:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stream.close()

    def _read(self) -> dict[str, str]:
        done: dict[str, str] = {}
        whole = 0
        self._stream.seek(0)
        for number, line in enumerate(self._stream, 1):
            if not line.endswith(b"\n"):
                break
            try:
                record = json.loads(line)
                done[str(record["path"])] = str(record["fingerprint"])
            except (ValueError, KeyError, TypeError) as error:
                raise OutputError(
                    f"{self.path}, line {number}: not a record of this program; name another file"
                ) from error
            whole += len(line)
        self._stream.truncate(whole)
        return done

    def is_done(self, picture: Path, /) -> bool:
        return not self._force and self._done.get(_name(picture)) == self._fingerprint

    def found_before(self, picture: Path, /) -> None:
        """Nothing: a record holds what was made of a result."""

    def keep(self, picture: Path, result: TagResult, raw: TagResult | None = None, /) -> WriteOutcome:
        record = {**result.to_json(), "path": _name(picture), "fingerprint": self._fingerprint}
        try:
            self._stream.write(json.dumps(record, ensure_ascii=True).encode() + b"\n")
            self._stream.flush()
        except OSError as error:
            failure = OutputError(f"{self.path}: {error.strerror or error}")
            return WriteOutcome(failures=[failure], fatal=failure)
        self._done[_name(picture)] = self._fingerprint
        return WriteOutcome(changed=[self.path])


def _name(picture: Path) -> str:
    """A picture's address, or its whole path: the data set may lie elsewhere."""
    return url_of(picture) or os.path.abspath(picture)  # noqa: PTH100 (links stay links)
