"""Reading data sets: face crops with labels, and whole illustrations with head boxes."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from booru_tagger.errors import DataError
from booru_tagger.types import Box

PICTURE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".avif"})


@dataclass(frozen=True, slots=True)
class FaceItem:
    """One labelled face crop. ``group`` ties pictures that must stay on one side of a split."""

    path: Path
    label: str
    source: str
    group: str


@dataclass(frozen=True, slots=True)
class Scene:
    """One illustration with its head boxes in pixels; ``hair`` and ``eyes`` hold one name for each box.

    ``label`` is the character that the picture was collected for, or empty.
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


def read_faces(place: Path) -> list[FaceItem]:
    """Faces of a ``faces.csv`` (or the folder that holds one), or of a folder with one folder per character.

    The CSV needs the columns ``path`` and ``label``; ``source`` and ``group`` are optional (a picture
    without a group is a group of its own). Raises :class:`DataError`.
    """
    table = place if place.suffix == ".csv" else place / "faces.csv"
    if table.is_file():
        return list(_faces_of_csv(table))
    if not place.is_dir():
        raise DataError(f"{place}: no such folder or faces.csv")
    items = list(_faces_of_folders(place))
    if not items:
        raise DataError(f"{place}: neither a faces.csv nor folders of pictures, one per character")
    return items


def _faces_of_csv(table: Path) -> Iterator[FaceItem]:
    with table.open(encoding="utf-8", newline="") as handle:
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
            )


def _faces_of_folders(place: Path) -> Iterator[FaceItem]:
    for folder in sorted(item for item in place.iterdir() if item.is_dir()):
        for path in sorted(folder.iterdir()):
            if path.suffix.lower() in PICTURE_SUFFIXES:
                yield FaceItem(path, folder.name, place.name, f"{folder.name}/{path.name}")


def read_scenes(table: Path) -> list[Scene]:
    """Scenes of a ``boxes.jsonl`` (or of the folder that holds one). Raises :class:`DataError`."""
    if table.is_dir():
        table = table / "boxes.jsonl"
    try:
        text = table.read_text("utf-8")
    except OSError as error:
        raise DataError(f"{table}: {error.strerror}") from error
    scenes = []
    for number, line in enumerate(text.splitlines(), 1):
        try:
            scenes.append(_scene(json.loads(line), table.parent))
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(f"{table}, line {number}: not a scene ({error!r})") from error
    return scenes


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
        }
        lines.append(json.dumps(row, ensure_ascii=False))
    table.write_text("\n".join(lines) + "\n", "utf-8")
