"""From somebody's pictures to one ``faces.csv`` that training, statistics and splits read."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from booru_export.data.cropping import Cut, Cutter, Rejected, Several, folder_name
from booru_export.data.danbooru import read_danbooru
from booru_export.data.layouts import (
    RGB,
    DataLayout,
    PictureListing,
    guess_layout,
    keep_frequent,
    read_folders,
    read_moeimouto,
    read_table,
    relabel,
)
from booru_export.data.tables import FaceItem, add_faces, path_from, read_faces, table_bytes
from booru_export.progress import progress
from booru_tagger.errors import DataError, ImageError
from booru_tagger.files.replace import replace_file
from booru_tagger.files.stamps import sha256_of_bytes
from booru_tagger.files.text import open_text
from booru_tagger.imaging import read_picture

TABLE = "faces.csv"
ORIGINS = "origins.csv"
COLORS = "colors.csv"
ORIGIN_COLUMNS = ("path", "picture", "x0", "y0", "x1", "y1", "score", "model")
COLOR_COLUMNS = ("path", "hair", "skin")


@dataclass(frozen=True, slots=True)
class ImportRequest:
    """What is to be imported and how; see ``booru-tagger dataset import --help``.

    ``whole``: the pictures are illustrations whose faces the detector cuts out; ``None``: as the layout says.
    """

    place: Path
    output: Path
    layout: DataLayout | None = None
    images: Path | None = None
    ignored: bool = False
    min_pictures: int = 1
    renames: Mapping[str, str] = field(default_factory=dict)
    source: str = ""
    whole: bool | None = None
    model: str = "default"
    expand: float | None = None
    several: Several = "skip"
    copy: bool = False
    add: bool = False
    dry_run: bool = False
    limit: int | None = None


@dataclass(slots=True)
class Imported:
    """What came of a request. ``items`` are all of the table, ``new`` those of this import."""

    layout: DataLayout
    table: Path
    items: list[FaceItem]
    new: list[FaceItem]
    left_out: Counter[str]
    errors: list[ImageError]


def import_data(request: ImportRequest) -> Imported:
    """Do what ``request`` says; with ``dry_run`` everything but writing. Raises :class:`DataError`."""
    table = request.output / TABLE
    before = _existing(table, request.add)
    layout = request.layout or guess_layout(request.place)
    listing = _read(layout, request)
    if request.source:
        listing.items = [replace(item, source=request.source) for item in listing.items]
    listing = relabel(listing, request.renames)
    if request.limit is not None:
        listing.items = listing.items[: request.limit]
    whole = layout is DataLayout.DANBOORU if request.whole is None else request.whole
    cuts: list[Cut] = []
    errors: list[ImageError] = []
    if whole:
        cuts = _cut(listing, request, errors)
        listing.items = [cut.item for cut in cuts]
    else:
        _check(listing, errors)
    listing = keep_frequent(listing, request.min_pictures)
    kept = {item.path for item in listing.items}
    if whole and not request.dry_run:
        _forget(cuts, kept, before)
    new = _unlisted(listing, before)
    if not new and not before:
        raise DataError(f"{request.place}: nothing to import{_worst(listing.left_out)}")
    if request.copy and not whole and not request.dry_run:
        new = [_copied(item, request.output, listing) for item in new]
    items = before + new
    if not request.dry_run:
        request.output.mkdir(parents=True, exist_ok=True)
        _write_origins(request, [cut for cut in cuts if cut.item.path in kept])
        _write_colors(request.output / COLORS, listing, new)
        add_faces(table, new)
    return Imported(layout, table, items, new, listing.left_out, errors)


def _existing(table: Path, add: bool) -> list[FaceItem]:
    if not table.exists():
        return []
    if not add:
        raise DataError(
            f"{table} exists already: add to it with --add, or choose another folder with --output"
        )
    return read_faces(table)


def _read(layout: DataLayout, request: ImportRequest) -> PictureListing:
    if layout is DataLayout.CSV:
        return read_table(request.place)
    if layout is DataLayout.DANBOORU:
        return read_danbooru(request.place, request.images)
    if not request.place.is_dir():
        raise DataError(
            f"{request.place}: the layout '{layout}' is a folder of folders, and this is not a folder"
        )
    if layout is DataLayout.MOEIMOUTO:
        return read_moeimouto(request.place, ignored=request.ignored)
    return read_folders(request.place)


def _cut(listing: PictureListing, request: ImportRequest, errors: list[ImageError]) -> list[Cut]:
    cutter = Cutter(
        request.model,
        request.output,
        expand=request.expand,
        several=request.several,
        write=not request.dry_run,
    )
    cuts: dict[Path, Cut] = {}
    with progress("cutting out faces", len(listing.items)) as step:
        for item in listing.items:
            try:
                found = cutter.cut(item)
            except ImageError as error:
                listing.left_out["cannot be read"] += 1
                errors.append(error)
            else:
                if isinstance(found, Rejected):
                    listing.left_out[found.reason] += 1
                elif found.item.path in cuts:
                    listing.left_out["the same face as in another picture"] += 1
                else:
                    cuts[found.item.path] = found
            step()
    return list(cuts.values())


def _check(listing: PictureListing, errors: list[ImageError]) -> None:
    """Leave out what cannot be decoded, before a training run meets it."""
    good = []
    with progress("reading pictures", len(listing.items)) as step:
        for item in listing.items:
            try:
                read_picture(item.path, longest=64)
            except ImageError as error:
                listing.left_out["cannot be read"] += 1
                errors.append(error)
            else:
                good.append(item)
            step()
    listing.items = good


def _forget(cuts: list[Cut], kept: set[Path], before: list[FaceItem]) -> None:
    """Remove the crops of characters that are too rare after all; they are ours and in no table."""
    listed = kept | {item.path for item in before}
    for cut in cuts:
        if cut.item.path not in listed:
            cut.item.path.unlink(missing_ok=True)


def _unlisted(listing: PictureListing, before: list[FaceItem]) -> list[FaceItem]:
    known = {item.path.resolve() for item in before}
    new = []
    for item in listing.items:
        if item.path.resolve() in known:
            listing.left_out["in the table already"] += 1
        else:
            known.add(item.path.resolve())
            new.append(item)
    return new


def _worst(left_out: Counter[str]) -> str:
    if not left_out:
        return ": no picture found there"
    reason, count = left_out.most_common(1)[0]
    return f"; {count:,} pictures left out: {reason}"


def _copied(item: FaceItem, output: Path, listing: PictureListing) -> FaceItem:
    data = item.path.read_bytes()
    name = f"{sha256_of_bytes(data)[:16]}{item.path.suffix.lower()}"
    target = output / folder_name(item.label) / name
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        replace_file(target, data)
    if item.path in listing.colors:
        listing.colors[target] = listing.colors[item.path]
    return replace(item, path=target)


def _write_origins(request: ImportRequest, cuts: list[Cut]) -> None:
    """Where each crop was cut: kept beside the table, so that a doubtful one can be looked up."""
    if not cuts:
        return
    rows: list[dict[str, object]] = [
        {
            "path": path_from(request.output, cut.item.path),
            "picture": cut.picture.resolve().as_posix(),
            **dict(zip(("x0", "y0", "x1", "y1"), cut.box.rounded(), strict=True)),
            "score": round(cut.score, 4),
            "model": request.model,
        }
        for cut in cuts
    ]
    append_rows(request.output / ORIGINS, ORIGIN_COLUMNS, rows)


def _write_colors(table: Path, listing: PictureListing, new: list[FaceItem]) -> None:
    rows: list[dict[str, object]] = [
        {
            "path": path_from(table.parent, item.path),
            "hair": _hex(colors.hair),
            "skin": _hex(colors.skin),
        }
        for item in new
        if (colors := listing.colors.get(item.path))
    ]
    if rows:
        append_rows(table, COLOR_COLUMNS, rows)


def _hex(color: RGB | None) -> str:
    return "" if color is None else "#{:02x}{:02x}{:02x}".format(*color)


def append_rows(table: Path, columns: tuple[str, ...], rows: list[dict[str, object]]) -> None:
    """Put rows behind those of a CSV file, replacing older rows for the same first column."""
    kept: list[Mapping[str, object]] = []
    if table.exists():
        fresh = {row[columns[0]] for row in rows}
        with open_text(table, newline="") as handle:
            old = [{name: row.get(name) for name in columns} for row in csv.DictReader(handle)]
        kept = [row for row in old if row[columns[0]] not in fresh]
    replace_file(table, table_bytes(columns, [*kept, *rows]))
