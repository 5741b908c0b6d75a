"""Faces that people named on the review page, as approved candidates for a data set."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from booru_export.data.collecting import SOURCE, Candidate
from booru_export.data.cropping import Cutter
from booru_export.data.tables import FaceItem
from booru_tagger.errors import DataError, ImageError
from booru_tagger.files.text import open_text
from booru_tagger.imaging import read_picture
from booru_tagger.types import Box, Face

COLUMNS = frozenset({"picture", "x0", "y0", "x1", "y1", "verdict", "tag"})
NAMED = "named"


def read_verdicts(table: Path, labels: Collection[str] = ()) -> list[dict[str, str]]:
    """The rows of a table by ``booru-tagger review --export`` that name a face: all, or those of ``labels``.

    Raises :class:`DataError`.
    """
    with open_text(table, errors="surrogateescape", newline="") as handle:
        rows = list(csv.DictReader(handle))
    missing = COLUMNS - set(rows[0] if rows else COLUMNS)
    if missing:
        raise DataError(
            f"{table}: the header lacks {', '.join(sorted(missing))}; booru-tagger review --export writes it"
        )
    return [row for row in rows if row["verdict"] == NAMED and (not labels or row["tag"] in labels)]


def named_faces(rows: Sequence[dict[str, str]], cutter: Cutter) -> Iterator[Candidate | ImageError]:
    """A crop of each named face, approved already; an error for a picture that cannot be read any more.

    Raises :class:`DataError` for an invalid box.
    """
    by_picture: defaultdict[str, list[dict[str, str]]] = defaultdict(list)
    for row in rows:
        by_picture[row["picture"]].append(row)
    for name, members in by_picture.items():
        path = Path(name)
        try:
            picture = read_picture(path)
        except ImageError as error:
            yield error
            continue
        for row in members:
            box = _box(row)
            item = FaceItem(path, row["tag"], SOURCE, path.resolve().as_posix())
            cut = cutter.save(item, picture.pixels, Face(box, 1.0))
            yield Candidate(row["tag"], cut.item.path, 1.0, 1.0, "", path, box, 1.0, approved=True)


def _box(row: dict[str, str]) -> Box:
    try:
        return Box(float(row["x0"]), float(row["y0"]), float(row["x1"]), float(row["y1"]))
    except ValueError as error:
        raise DataError(f"{row['picture']}: the box of a verdict is not four numbers ({error})") from error
