"""A folder of cut-outs: what was taken and what was left out, in a log that a run goes on from.

The log has a line for each face that was looked at. That of a cut-out waits until its file is on the disk.
A crash loses the last ones, which the next run makes again. The lists for people, ``metadata.jsonl`` and
``left_out.jsonl``, are made from it at the end of each run.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from booru_tagger.errors import OutputError
from booru_tagger.files.replace import flush_file, output_error, replace_file
from booru_tagger.library.cropping import CropCandidate, CutOut, Shape
from booru_tagger.library.near_duplicates import SeenPictures, packed, unpacked

_LOG = ".booru-tagger-crops.jsonl"
_LISTS = ("metadata.jsonl", "left_out.jsonl")
_BATCH = 64
"""Cut-outs that are flushed to the disk together."""

LeftOut = Counter[tuple[str | None, str]]
"""How many faces were left out, by label and reason."""


class CropFolder:
    """An open folder of cut-outs, all of one ``shape``, in folders by character unless ``flat``.

    ``kept`` counts the cut-outs by label. Raises :class:`OutputError` for a folder that holds others' lists,
    or cut-outs made another way.
    """

    def __init__(self, root: Path, shape: Shape, settings: dict[str, Any], *, flat: bool) -> None:
        self.root = root
        self.kept: Counter[str | None] = Counter()
        self._shape, self._flat = shape, flat
        self._seen: dict[str | None, SeenPictures] = {}
        self._known: set[str] = set()
        self._unflushed: list[Path] = []
        self._unwritten: list[dict[str, Any]] = []
        self._path = root / _LOG
        try:
            self._open(settings)
        except OSError as error:
            raise output_error(root, error) from error

    def close(self) -> None:
        """Raises :class:`OutputError`."""
        with closing(self._log):
            self._flush()

    def knows(self, candidate: CropCandidate) -> bool:
        """Whether it was decided before what becomes of a face."""
        return candidate.key in self._known

    def has_like(self, candidate: CropCandidate, cut: CutOut) -> bool:
        """Whether a near-duplicate of it, of the same character, was taken."""
        seen = self._seen.get(candidate.label)
        return seen is not None and seen.has_like(cut.print)

    def take(self, candidate: CropCandidate, cut: CutOut) -> None:
        """Write a cut-out. Raises :class:`OutputError`."""
        name = candidate.file_name(self._shape, flat=self._flat)
        self._write(self.root / name, cut.data)
        row = {"file_name": name, **candidate.metadata(), **cut.metadata()}
        self._note({"key": candidate.key, "kept": row, "print": packed(cut.print)})

    def leave_out(self, candidate: CropCandidate, reason: str) -> None:
        """Note why a face was not taken."""
        self._note({"key": candidate.key, "left_out": {"reason": reason, **candidate.metadata()}})

    def write_lists(self, others: Iterable[dict[str, Any]]) -> LeftOut:
        """Write both lists; ``others`` were left out without a look at their picture. Counts the latter."""
        self._flush()
        reasons: LeftOut = Counter()

        def left_out() -> Iterator[dict[str, Any]]:
            yield from (line["left_out"] for line in self._lines() if "left_out" in line)
            yield from others

        rows = [json.dumps(line["kept"]) for line in self._lines() if "kept" in line]
        self._replace(self.root / _LISTS[0], _text(rows))
        rows = []
        for row in left_out():
            reasons[row["label"], row["reason"]] += 1
            rows.append(json.dumps(row))
        self._replace(self.root / _LISTS[1], _text(rows))
        return reasons

    def _open(self, settings: dict[str, Any]) -> None:
        self.root.mkdir(parents=True, exist_ok=True)
        if self._path.exists():
            self._resume(settings)
        else:
            self._refuse_foreign()
            self._replace(self._path, _text([json.dumps({"settings": settings})]))
        self._log = self._path.open("ab")

    def _write(self, path: Path, data: bytes) -> None:
        try:
            path.parent.mkdir(exist_ok=True)
        except OSError as error:
            raise output_error(path, error) from error
        replace_file(path, data, flush=False)
        self._unflushed.append(path)

    def _replace(self, path: Path, data: bytes) -> None:
        replace_file(path, data)

    def _refuse_foreign(self) -> None:
        for name in _LISTS:
            if (self.root / name).exists():
                raise OutputError(
                    f"{self.root / name}: was not made by booru-tagger crops and is left alone; "
                    "choose another folder"
                )

    def _resume(self, settings: dict[str, Any]) -> None:
        data = self._path.read_bytes()
        whole = data[: data.rfind(b"\n") + 1]
        if whole != data:  # a killed run's last line
            self._replace(self._path, whole)
        try:
            lines = [json.loads(line) for line in whole.splitlines()]
            former = lines[0]["settings"]
            for line in lines[1:]:
                self._heed(line)
        except (ValueError, LookupError, TypeError) as error:
            raise OutputError(
                f"{self._path}: cannot be read ({error}); remove it and the cut-outs, or choose another one"
            ) from error
        if former != settings:
            differing = sorted(key for key in {*former, *settings} if former.get(key) != settings.get(key))
            raise OutputError(
                f"{self.root}: holds cut-outs that were made with another {', '.join(differing)}; "
                "choose another folder, or the same options"
            )

    def _note(self, line: dict[str, Any]) -> None:
        self._unwritten.append(line)
        self._heed(line)
        if len(self._unwritten) >= _BATCH:
            self._flush()

    def _flush(self) -> None:
        for path in self._unflushed:
            flush_file(path)
        self._unflushed.clear()
        try:
            self._log.write(_text(list(map(json.dumps, self._unwritten))))
            self._log.flush()
        except OSError as error:
            raise output_error(self._path, error) from error
        self._unwritten.clear()

    def _heed(self, line: dict[str, Any]) -> None:
        self._known.add(line["key"])
        if "kept" in line:
            label = line["kept"]["label"]
            self.kept[label] += 1
            self._seen.setdefault(label, SeenPictures()).take(unpacked(line["print"]))

    def _lines(self) -> Iterator[dict[str, Any]]:
        with self._path.open("rb") as log:
            yield from (json.loads(line) for line in log if line.endswith(b"\n"))


class RehearsedCropFolder(CropFolder):
    """Takes the folder's place in a dry run: it looks at what is there, and writes nothing."""

    def close(self) -> None:
        pass

    def _open(self, settings: dict[str, Any]) -> None:
        if self._path.exists():
            self._resume(settings)
        else:
            self._refuse_foreign()

    def _write(self, path: Path, data: bytes) -> None:
        pass

    def _replace(self, path: Path, data: bytes) -> None:
        pass

    def _flush(self) -> None:
        pass

    def _lines(self) -> Iterator[dict[str, Any]]:
        if self._path.exists():
            yield from super()._lines()
        yield from self._unwritten


def _text(rows: list[str]) -> bytes:
    return "".join(f"{row}\n" for row in rows).encode("ascii")
