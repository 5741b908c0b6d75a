"""Reading the data sets that people have: who is on which picture, before anything is written.

A reader lists pictures and says what it left out and why; it never fails for one bad entry. What it lists
goes through :mod:`booru_export.data.importing`.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path

from booru_export.data.tables import FaceItem, read_faces
from booru_tagger.errors import DataError
from booru_tagger.files.text import read_text
from booru_tagger.sources.listed import is_picture_name
from booru_tagger.vocab import normalise, problem

RGB = tuple[int, int, int]

_ILLUSTRATION = re.compile(r"face_\d+(?=_)")
_NUMBERED = re.compile(r"\d{3,}_(?P<name>.+)")
IGNORE = "ignore"
COLORS = "color.csv"


class DataLayout(StrEnum):
    """How a data set lies on the disk."""

    MOEIMOUTO = "moeimouto"
    FOLDERS = "folders"
    CSV = "csv"
    DANBOORU = "danbooru"


@dataclass(frozen=True, slots=True)
class FaceColors:
    """Mean colors measured on a face by whoever made the data set; ``None`` where the entry is damaged."""

    hair: RGB | None
    skin: RGB | None


@dataclass(slots=True)
class PictureListing:
    """What a reader found: pictures, and how many were left out for which reason."""

    items: list[FaceItem] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    colors: dict[Path, FaceColors] = field(default_factory=dict)

    def tags(self) -> Counter[str]:
        """Pictures of each character."""
        return Counter(item.label for item in self.items)


def guess_layout(place: Path) -> DataLayout:
    """The layout of a file or folder by what it holds. Raises :class:`DataError`."""
    if place.is_file():
        if place.suffix.lower() == ".csv":
            return DataLayout.CSV
        if place.suffix.lower() in (".json", ".jsonl"):
            return DataLayout.DANBOORU
        raise DataError(f"{place}: neither .csv nor .jsonl; name the folder of a data set, or give --layout")
    if not place.is_dir():
        raise DataError(f"{place}: no such file or folder")
    if (place / "faces.csv").is_file():
        return DataLayout.CSV
    folders = [item.name for item in place.iterdir() if item.is_dir() and not item.name.startswith(".")]
    if folders:
        numbered = sum(1 for name in folders if _NUMBERED.fullmatch(name))
        return DataLayout.MOEIMOUTO if numbered > len(folders) / 2 else DataLayout.FOLDERS
    if any(place.glob("*.json*")):
        return DataLayout.DANBOORU
    raise DataError(
        f"{place}: no layout that is known here: folders of pictures (one per character), a faces.csv, "
        "or *.json files with Danbooru's metadata"
    )


def read_folders(place: Path) -> PictureListing:
    """One folder per character, pictures in it or in folders below it."""
    listing = PictureListing()
    for folder in _folders(place):
        files = sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
        _take(listing, files, folder.name, place)
    return listing


def read_moeimouto(place: Path, *, ignored: bool) -> PictureListing:
    """Nagadomi's layout: ``NNN_character/face_*.png`` with ``color.csv`` and, in some folders, ``ignore``.

    Folders that hold an ``ignore`` file are left out unless ``ignored``. The first number in a picture's name
    counts the illustrations: faces that share it make a group.
    """
    listing = PictureListing()
    for folder in _folders(place):
        name = _NUMBERED.fullmatch(folder.name)
        files = sorted(path for path in folder.iterdir() if path.is_file())
        marked = any(path.name == IGNORE for path in files)
        pictures = [path for path in files if path.name not in (IGNORE, COLORS)]
        if name is None:
            listing.left_out["in a folder that is not named NNN_character"] += len(pictures)
        elif marked and not ignored:
            listing.left_out["in a folder with an 'ignore' file"] += len(pictures)
        else:
            _take(listing, pictures, name["name"], place, _ILLUSTRATION)
            if folder / COLORS in files:
                listing.colors |= read_colors(folder / COLORS)
    return listing


def _folders(place: Path) -> list[Path]:
    return sorted(item for item in place.iterdir() if item.is_dir() and not item.name.startswith("."))


def _take(
    listing: PictureListing,
    files: Sequence[Path],
    label: str,
    place: Path,
    grouping: re.Pattern[str] | None = None,
) -> None:
    for path in files:
        if is_picture_name(path.name):
            shared = grouping.match(path.name) if grouping else None
            group = path.relative_to(place).with_name(shared[0] if shared else path.name).as_posix()
            listing.items.append(FaceItem(path, label, place.name, group))
        else:
            listing.left_out["not a picture by its name"] += 1


def read_colors(table: Path) -> dict[Path, FaceColors]:
    """A ``color.csv`` by its header (``file,hair_r,hair_g,hair_b,skin_r,…``); a damaged row gives less.

    A file without the column ``file``, or that cannot be read, gives nothing: colors are an extra.
    """
    try:
        text = read_text(table, "replace")
    except OSError:
        return {}
    colors = {}
    for row in csv.DictReader(text.splitlines(), skipinitialspace=True):
        if name := (row.get("file") or "").strip():
            found = FaceColors(_color(row, "hair"), _color(row, "skin"))
            if found.hair or found.skin:
                colors[table.parent / name] = found
    return colors


def _color(row: Mapping[str, str | None], part: str) -> RGB | None:
    try:
        red, green, blue = (round(float(row.get(f"{part}_{channel}") or "")) for channel in "rgb")
    except (ValueError, OverflowError):
        return None
    return (red, green, blue) if all(0 <= value <= 255 for value in (red, green, blue)) else None


def read_table(place: Path) -> PictureListing:
    """A CSV with at least ``path`` and ``label``, as :func:`booru_export.data.tables.read_faces` reads it."""
    listing = PictureListing()
    for item in read_faces(place):
        if item.path.is_file():
            listing.items.append(item)
        else:
            listing.left_out["listed, but there is no such file"] += 1
    return listing


def relabel(listing: PictureListing, renames: Mapping[str, str]) -> PictureListing:
    """Labels as Danbooru spells tags, after ``renames``; a picture whose label cannot be one is left out."""
    spelled = {normalise(old): normalise(new) for old, new in renames.items()}
    items, left_out = [], Counter(listing.left_out)
    for item in listing.items:
        label = normalise(item.label)
        label = spelled.get(label, label)
        if reason := problem(label):
            left_out[f"the label {label!r} cannot be a tag: {reason}"] += 1
        else:
            items.append(replace(item, label=label))
    return PictureListing(items, left_out, listing.colors)


def keep_frequent(listing: PictureListing, min_pictures: int) -> PictureListing:
    """Without the characters that have fewer than ``min_pictures`` pictures."""
    counts = listing.tags()
    items = [item for item in listing.items if counts[item.label] >= min_pictures]
    left_out = Counter(listing.left_out)
    if dropped := len(listing.items) - len(items):
        rare = sum(1 for count in counts.values() if count < min_pictures)
        left_out[f"of {rare:,} characters with fewer than {min_pictures} pictures"] += dropped
    return PictureListing(items, left_out, listing.colors)


def read_renames(pairs: Sequence[str], table: Path | None) -> dict[str, str]:
    """``OLD=NEW`` pairs and the rows of a CSV ``old,new`` without a header. Raises :class:`DataError`."""
    renames = {}
    rows = [("--rename", pair.split("=", 1)) for pair in pairs]
    if table is not None:
        try:
            lines = read_text(table).splitlines()
        except OSError as error:
            raise DataError(f"{table}: {error.strerror}") from error
        rows += [(f"{table}, line {number}", row) for number, row in enumerate(csv.reader(lines), 1) if row]
    for where, row in rows:
        if len(row) != 2 or not all(part.strip() for part in row):
            raise DataError(f"{where}: expected an old and a new name, found {row!r}")
        renames[row[0]] = row[1]
    return renames
