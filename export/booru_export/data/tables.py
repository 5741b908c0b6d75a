"""Reading data sets: face crops with labels, and whole illustrations with head boxes."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from booru_tagger.errors import DataError
from booru_tagger.files.replace import replace_file
from booru_tagger.files.text import open_text, read_text
from booru_tagger.sources.listed import is_picture_name
from booru_tagger.types import Box

COLUMNS = ("path", "label", "source", "group", "split")
"""Columns of a ``faces.csv``."""

FACE_TABLES = ("faces", "identities")
"""Folders of a data folder with faces: tight crops, and crops wider than the head."""


@dataclass(frozen=True, slots=True)
class FaceItem:
    """One labelled face crop. ``group`` ties pictures that must stay on one side of a split.

    ``split`` is the part that the picture was given to, or empty where nobody decided yet. ``head`` is the
    head box in the picture's pixels where the table has one: the crop is then wider than the head. ``kind``
    and ``series`` are as the table tells them, or empty.
    """

    path: Path
    label: str
    source: str
    group: str
    split: str = ""
    head: Box | None = None
    kind: str = ""
    series: str = ""


@dataclass(frozen=True, slots=True)
class Scene:
    """One illustration with its head boxes in pixels; ``hair`` and ``eyes`` hold one name for each box.

    ``label`` is the character that the picture was collected for, or empty. ``group`` ties pictures that must
    stay on one side of a split; empty: the picture is on its own.
    """

    path: Path
    width: int
    height: int
    source: str
    label: str
    boxes: tuple[Box, ...]
    ignore: tuple[Box, ...]
    hair: tuple[str, ...]
    eyes: tuple[str, ...]
    group: str = ""


def read_faces(place: Path) -> list[FaceItem]:
    """Faces of a ``faces.csv`` (or the folder that holds one), or of a folder with one folder per character.

    The CSV needs the columns ``path`` and ``label``; ``source``, ``group``, ``split``, ``kind``, ``series``
    and the head box ``x0,y0,x1,y1`` are optional (a picture without a group is a group of its own). Raises
    :class:`DataError`.
    """
    table = table_of(place)
    if table.is_file():
        return list(_faces_of_csv(table))
    if not place.is_dir():
        raise DataError(f"{place}: no such folder or faces.csv")
    items = list(_faces_of_folders(place))
    if not items:
        raise DataError(f"{place}: neither a faces.csv nor folders of pictures, one per character")
    return items


def read_all_faces(places: Iterable[Path]) -> list[FaceItem]:
    """The faces of several data sets; a group of one is not that of another."""
    found = []
    for place in places:
        found += read_faces(place)
    return found


def read_data_faces(data: Path) -> list[FaceItem]:
    """The faces of a data folder: those of ``faces`` and of ``identities``, as far as they are there."""
    return read_all_faces(data / name for name in FACE_TABLES if (data / name).is_dir())


def table_of(place: Path) -> Path:
    """The table of a data set that is named by it or by its folder, whether it is there or not."""
    return place if place.suffix == ".csv" else place / "faces.csv"


def _faces_of_csv(table: Path) -> Iterator[FaceItem]:
    with open_text(table, newline="") as handle:
        reader = csv.DictReader(handle)
        missing = {"path", "label"} - set(reader.fieldnames or ())
        if missing:
            raise DataError(f"{table}: the header lacks {', '.join(sorted(missing))}")
        for row in reader:
            if not row["path"] or not row["label"]:
                raise DataError(f"{table}, line {reader.line_num}: empty path or label")
            yield FaceItem(
                path=table.parent / row["path"],
                label=row["label"],
                source=row.get("source") or table.parent.name,
                group=row.get("group") or row["path"],
                split=row.get("split") or "",
                head=_head_of(row, f"{table}, line {reader.line_num}"),
                kind=row.get("kind") or "",
                series=row.get("series") or "",
            )


def _head_of(row: Mapping[str, str | None], where: str) -> Box | None:
    values = [row.get(name) for name in ("x0", "y0", "x1", "y1")]
    if not any(values):
        return None
    try:
        box = Box(*(float(value or "") for value in values))
    except ValueError as error:
        raise DataError(f"{where}: the head box is not four numbers: {values}") from error
    if not (box.x1 > box.x0 and box.y1 > box.y0):
        raise DataError(f"{where}: the head box has no area: {values}")
    return box


def _faces_of_folders(place: Path) -> Iterator[FaceItem]:
    for folder in sorted(item for item in place.iterdir() if item.is_dir()):
        for path in sorted(folder.iterdir()):
            if is_picture_name(path.name):
                yield FaceItem(path, folder.name, place.name, f"{folder.name}/{path.name}")


def add_faces(table: Path, items: Iterable[FaceItem]) -> None:
    """Put items behind the rows of a ``faces.csv``, which is made if it is not there.

    Rows and columns that are there stay as they are; the file changes whole or not at all. Raises
    :class:`booru_tagger.errors.OutputError`.
    """
    rows: list[dict[str, Any]] = []
    if table.is_file():
        with open_text(table, newline="") as handle:
            rows = list(csv.DictReader(handle))
    columns = _columns(rows)
    for item in items:
        place = path_from(table.parent, item.path)
        values = (place, item.label, item.source, item.group, item.split)
        rows.append(dict(zip(COLUMNS, values, strict=True)))
    replace_file(table, table_bytes(columns, [{name: row.get(name) for name in columns} for row in rows]))


def _columns(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """The known columns, and those that somebody added."""
    return list(dict.fromkeys([*COLUMNS, *(name for row in rows[:1] for name in row if name)]))


def write_split(place: Path, target: Path, part_of: Mapping[Path, str]) -> None:
    """Write the table of a data set with the part of each picture in the column ``split``.

    Other columns stay as they are. A picture that ``part_of`` does not know loses its part.
    """
    items, table = read_faces(place), table_of(place)
    if table.is_file():
        with open_text(table, newline="") as handle:
            rows: list[dict[str, Any]] = list(csv.DictReader(handle))
    else:
        rows = [{"label": item.label, "source": item.source, "group": item.group} for item in items]
    for row, item in zip(rows, items, strict=True):
        row["group"] = item.group  # a missing group is made of the path, which may now read differently
        row["path"] = path_from(target.parent, item.path)
        row["split"] = part_of.get(item.path, "")
    columns = _columns(rows)
    target.parent.mkdir(parents=True, exist_ok=True)
    replace_file(target, table_bytes(columns, [{name: row.get(name) for name in columns} for row in rows]))


def path_from(folder: Path, path: Path) -> str:
    """How a table in ``folder`` names a picture: relative where it lies below, else by its whole path."""
    path, folder = Path(os.path.abspath(path)), Path(os.path.abspath(folder))  # noqa: PTH100 (links stay links)
    return (path.relative_to(folder) if path.is_relative_to(folder) else path).as_posix()


def table_bytes(columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> bytes:
    """A CSV file with a header."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode("utf-8", "surrogateescape")


def read_scenes(table: Path) -> list[Scene]:
    """Scenes of a ``boxes.jsonl`` (or of the folder that holds one). Raises :class:`DataError`."""
    if table.is_dir():
        table = table / "boxes.jsonl"
    try:
        text = read_text(table)
    except OSError as error:
        raise DataError(f"{table}: {error.strerror}") from error
    scenes = []
    for number, line in enumerate(text.splitlines(), 1):
        try:
            scenes.append(_scene(json.loads(line), table.parent))
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(f"{table}, line {number}: not a scene ({error!r})") from error
    return scenes


def read_all_scenes(places: Iterable[Path]) -> list[Scene]:
    """The scenes of several data sets."""
    return [scene for place in places for scene in read_scenes(place)]


def _scene(row: dict[str, Any], folder: Path) -> Scene:
    boxes = tuple(Box(*map(float, box)) for box in row["boxes"])
    unclear = ("unclear",) * len(boxes)
    return Scene(
        path=folder / row["path"],
        width=int(row["width"]),
        height=int(row["height"]),
        source=str(row.get("source", "")),
        label=str(row.get("label", "")),
        boxes=boxes,
        ignore=tuple(Box(*map(float, box)) for box in row.get("ignore", ())),
        hair=tuple(row.get("hair") or unclear),
        eyes=tuple(row.get("eyes") or unclear),
        group=str(row.get("group", "")),
    )


def write_scenes(table: Path, scenes: Iterable[Scene]) -> None:
    """Write scenes in the form that :func:`read_scenes` reads, paths relative to the file where possible."""
    lines = []
    for scene in scenes:
        inside = scene.path.is_relative_to(table.parent)
        path = scene.path.relative_to(table.parent) if inside else scene.path.resolve()
        row = {
            "path": path.as_posix(),
            "width": scene.width,
            "height": scene.height,
            "source": scene.source,
            "label": scene.label,
            "boxes": [list(box.rounded()) for box in scene.boxes],
            "ignore": [list(box.rounded()) for box in scene.ignore],
            "hair": list(scene.hair),
            "eyes": list(scene.eyes),
            **({"group": scene.group} if scene.group else {}),
        }
        lines.append(json.dumps(row, ensure_ascii=False))
    table.parent.mkdir(parents=True, exist_ok=True)
    replace_file(table, ("\n".join(lines) + "\n").encode())
