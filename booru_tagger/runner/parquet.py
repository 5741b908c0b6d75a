"""The door to pyarrow: a run's results as a Parquet file."""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from booru_tagger.errors import MissingExtraError, OutputError
from booru_tagger.runner.records import Records, name_of
from booru_tagger.runner.sink import WriteOutcome
from booru_tagger.types import TagResult

try:
    import pyarrow as pa
    import pyarrow.parquet as pq
except ImportError as missing:
    raise MissingExtraError(
        "records in Parquet need pyarrow; install it with: pip install 'booru-tagger[cluster]'"
    ) from missing

_CHUNK = 1_000
"""Rows that are put together at once."""

_TAG = pa.struct([("tag", pa.string()), ("score", pa.float64())])
_MATCH = pa.struct([("tag", pa.string()), ("score", pa.float64()), ("source", pa.string())])
_FACE = pa.struct(
    [
        ("box", pa.list_(pa.int32())),
        ("score", pa.float64()),
        ("character", _MATCH),
        ("candidates", pa.list_(_TAG)),
        ("hair_color", _TAG),
        ("eye_color", _TAG),
        ("at", pa.float64()),
        ("times", pa.list_(pa.list_(pa.float64()))),
    ]
)
_COLUMNS = pa.schema(
    [
        ("path", pa.string()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("faces", pa.list_(_FACE)),
        (
            "tags",
            pa.list_(
                pa.struct(
                    [
                        ("tag", pa.string()),
                        ("category", pa.string()),
                        ("score", pa.float64()),
                        ("source", pa.string()),
                    ]
                )
            ),
        ),
        (
            "conflicts",
            pa.list_(
                pa.struct(
                    [
                        ("character", pa.string()),
                        ("implied", pa.string()),
                        ("measured", pa.string()),
                        ("score", pa.float64()),
                    ]
                )
            ),
        ),
        ("model", pa.string()),
        ("error", pa.struct([("kind", pa.string()), ("message", pa.string())])),
        ("moving", pa.struct([("duration", pa.float64()), ("frames", pa.int32())])),
        ("fingerprint", pa.string()),
        ("file_size", pa.int64()),
        ("mtime_ns", pa.int64()),
        ("raw", pa.string()),
        ("raw_fingerprint", pa.string()),
        ("schema", pa.int32()),
    ]
)


class ParquetRecords:
    """As :class:`~booru_tagger.runner.records.Records`, in one Parquet file with a row for each picture.

    Such a file cannot grow. During a run results go into a JSON Lines file beside it, and at the end both
    become the new Parquet file; after a kill the next run goes on from there. Rows also hold what the results
    were made of.
    """

    def __init__(self, path: Path, fingerprint: str, *, force: bool = False, raw_fingerprint: str) -> None:
        self.path = path
        self._fingerprint, self._force = fingerprint, force
        self._done = {row["path"]: row["fingerprint"] for row in _rows(path, ["path", "fingerprint"])}
        self._lines = Records(
            path.with_name(f"{path.name}.unfinished.jsonl"),
            fingerprint,
            force=force,
            raw_fingerprint=raw_fingerprint,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lines.close()
        try:
            self._finish()
        except (OSError, pa.ArrowException) as failure:
            raise OutputError(
                f"{self.path}: cannot be written ({failure}); the results are kept in {self._lines.path}, "
                "and the same command goes on from there"
            ) from failure

    def is_done(self, picture: Path, /) -> bool:
        known = not self._force and self._done.get(name_of(picture)) == self._fingerprint
        return known or self._lines.is_done(picture)

    def found_before(self, picture: Path, /) -> None:
        """Nothing, as for lines."""

    def keep(self, picture: Path, result: TagResult, raw: TagResult, /) -> WriteOutcome:
        kept = self._lines.keep(picture, result, raw)
        return kept if kept.fatal is not None else WriteOutcome(changed=[self.path])

    def _finish(self) -> None:
        """Make one file of the old rows and the new lines; the last line of a picture counts."""
        lines = self._lines.path
        last = {row["path"]: number for number, row in enumerate(_json_lines(lines))}
        if last or not self.path.exists():
            unfinished = self.path.with_name(f"{self.path.name}.unfinished.parquet")
            old = (row for row in _rows(self.path) if row["path"] not in last)
            new = (row for number, row in enumerate(_json_lines(lines)) if last[row["path"]] == number)
            with pq.ParquetWriter(unfinished, _COLUMNS, compression="zstd") as writer:
                rows = itertools.chain(old, new)
                while chunk := list(itertools.islice(rows, _CHUNK)):
                    writer.write_table(pa.Table.from_pylist(chunk, _COLUMNS))
            with unfinished.open("r+b") as written:
                os.fsync(written.fileno())
            unfinished.replace(self.path)
        with suppress(FileNotFoundError):
            lines.unlink()


def rows_of(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of a data set that was written here. Raises :class:`OutputError` where it is none."""
    if not path.exists():
        raise OutputError(f"{path}: there is no such file")
    return _rows(path)


def _rows(path: Path, columns: list[str] | None = None) -> Iterator[dict[str, Any]]:
    """The rows as the stable JSON has them; none where there is no file."""
    if not path.exists():
        return
    try:
        with pq.ParquetFile(path) as file:
            if not {"path", "fingerprint", "schema"} <= set(file.schema_arrow.names):
                raise OutputError(f"{path}: not records of this program; name another file")
            for batch in file.iter_batches(_CHUNK, columns=columns):
                yield from map(_plain, batch.to_pylist())
    except (OSError, pa.ArrowException) as error:
        raise OutputError(f"{path}: not records of this program, or damaged ({error})") from error


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    """A row without the columns that say nothing; its schema is that of the JSON form."""
    faces = [
        {key: value for key, value in face.items() if value is not None} for face in row.get("faces") or ()
    ]
    told = {key: value for key, value in row.items() if value is not None}
    return {**told, **({"faces": faces} if "faces" in row else {})}


def _json_lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open("rb") as stream:
        for line in stream:
            yield json.loads(line)
