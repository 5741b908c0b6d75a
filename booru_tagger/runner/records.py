"""A run's results as one data set instead of a file beside each picture."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from booru_tagger.errors import OutputError
from booru_tagger.files.stamps import Stamp, stamp_of
from booru_tagger.journal import RawResult
from booru_tagger.runner.sink import WriteOutcome
from booru_tagger.sources.storage import url_of
from booru_tagger.types import TagResult


class Records:
    """A :class:`~booru_tagger.runner.sink.Sink` that adds a line to a JSON Lines file for each picture.

    A line is the stable JSON of a result, the ``fingerprint`` of the model and settings that gave it, and
    what the file was like (``file_size`` in bytes, ``mtime_ns``). A picture that has a line with the same
    fingerprint is done; under another one it gets a further line, and the last of a picture counts. A line
    that a killed run left unfinished is taken away. With a ``raw_fingerprint`` lines also hold what the
    results were made of. Raises :class:`OutputError` where the file cannot be used.
    """

    def __init__(
        self, path: Path, fingerprint: str, *, force: bool = False, raw_fingerprint: str | None = None
    ) -> None:
        self.path = path
        self._fingerprint = fingerprint
        self._raw_fingerprint = raw_fingerprint
        self._force = force
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with ExitStack() as stack:
                self._stream = stack.enter_context(path.open("a+b"))
                self._done = self._read()
                stack.pop_all()
        except OSError as error:
            raise OutputError(f"{path}: {error.strerror or error}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
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
                raise _foreign(self.path, number) from error
            whole += len(line)
        self._stream.truncate(whole)
        return done

    def is_done(self, picture: Path, /) -> bool:
        return not self._force and self._done.get(name_of(picture)) == self._fingerprint

    def found_before(self, picture: Path, /) -> None:
        """Nothing: a record holds what was made of a result."""

    def keep(self, picture: Path, result: TagResult, raw: TagResult | None = None, /) -> WriteOutcome:
        record = {**result.to_json(), "path": name_of(picture), "fingerprint": self._fingerprint}
        stamp = None if url_of(picture) else stamp_of(picture)
        if stamp is not None:
            record |= {"file_size": stamp.size, "mtime_ns": stamp.mtime_ns}
        if raw is not None and self._raw_fingerprint is not None:
            record |= {"raw": json.dumps(raw.to_raw_json()), "raw_fingerprint": self._raw_fingerprint}
        try:
            self._stream.write(json.dumps(record, ensure_ascii=True).encode() + b"\n")
            self._stream.flush()
        except OSError as error:
            failure = OutputError(f"{self.path}: {error.strerror or error}")
            return WriteOutcome(failures=[failure], fatal=failure)
        self._done[name_of(picture)] = self._fingerprint
        return WriteOutcome(changed=[self.path])


def name_of(picture: Path) -> str:
    """A picture's address, or its whole path: the data set may lie elsewhere."""
    return url_of(picture) or os.path.abspath(picture)  # noqa: PTH100 (links stay links)


@dataclass(frozen=True, slots=True)
class Record:
    """What a data set says of a picture; ``stamp`` and ``raw`` are ``None`` where it does not say."""

    path: str
    result: TagResult
    stamp: Stamp | None = None
    raw: RawResult | None = None


def read_records(path: Path) -> Iterator[Record]:
    """All records of a data set, in their order, JSON Lines or Parquet by the file's name.

    Raises :class:`OutputError` where it is none, or cannot be read.
    """
    if path.suffix.lower() == ".parquet":
        from booru_tagger.runner.parquet import rows_of  # an extra

        rows = rows_of(path)
    else:
        rows = _lines_of(path)
    for number, row in enumerate(rows, 1):
        try:
            yield _record(row)
        except (ValueError, KeyError, TypeError) as error:
            raise _foreign(path, number) from error


def _lines_of(path: Path) -> Iterator[Any]:
    try:
        with path.open("rb") as stream:
            for number, line in enumerate(stream, 1):
                if not line.endswith(b"\n"):  # a killed run left it unfinished
                    return
                try:
                    yield json.loads(line)
                except ValueError as error:
                    raise _foreign(path, number) from error
    except OSError as error:
        raise OutputError(f"{path}: {error.strerror or error}") from error


def _record(row: Mapping[str, Any]) -> Record:
    size, mtime_ns, raw = row.get("file_size"), row.get("mtime_ns"), row.get("raw")
    return Record(
        str(row["path"]),
        TagResult.from_json(row),
        None if size is None or mtime_ns is None else Stamp(int(size), int(mtime_ns)),
        RawResult(TagResult.from_raw_json(json.loads(raw)), str(row["raw_fingerprint"])) if raw else None,
    )


def _foreign(path: Path, number: int) -> OutputError:
    return OutputError(f"{path}, line {number}: not a record of this program; name another file")
