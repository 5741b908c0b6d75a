"""The tables that `booru-tagger show` prints."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from rich.table import Table
from rich.text import Text

from booru_tagger.cli.printing import console, printable
from booru_tagger.imaging.exif_notes import ExifNotes
from booru_tagger.runner.provenance import DELETED, PERSON, Provenance, TaggedFile, TagOrigin
from booru_tagger.types import FaceResult, ScoredTag, TagResult

_WORTH_NAMING = 0.01
"""Score from which another candidate is shown."""


def print_tables(known: Provenance) -> None:
    """Everything that is known of a picture, on standard output."""
    out = console()
    out.print(Text(_heading(known)))
    tables = (
        _tags(known.tags),
        _conflicts(known.result),
        _faces(known.result),
        _files(known.files, Path(os.path.abspath(known.picture)).parent),  # noqa: PTH100 - a link stays
        _exif(known.exif),
    )
    for table in tables:
        if table.row_count:
            out.print()
            out.print(table)


def _heading(known: Provenance) -> str:
    name = printable(str(known.picture))
    if known.result is None:
        return f"{name}: not tagged by this program"
    result = known.result
    by = f" by {result.model}" if result.model else ""
    return f"{name}: {result.width}x{result.height}, tagged {_moment(known.tagged_at)}{by}"


def _moment(time: datetime | None) -> str:
    return "" if time is None else time.astimezone().isoformat(" ", "seconds")


def _tags(tags: Sequence[TagOrigin]) -> Table:
    table = _table("tag", "category", "score", "source", "in")
    for origin in tags:
        style = {PERSON: "bold", DELETED: "dim"}.get(origin.source, "")
        score = "" if origin.score is None else f"{origin.score:.2f}"
        cells = (origin.tag, origin.category or "", score, origin.source, ", ".join(origin.writers))
        table.add_row(*(Text(printable(cell), style) for cell in cells))
    return table


def _conflicts(result: TagResult | None) -> Table:
    table = _table("left out", "implied by", "for it looks like")
    for conflict in result.conflicts if result is not None else ():
        seen = f"{conflict.measured or 'not seen'} {conflict.score:.2f}"
        table.add_row(*map(Text, (conflict.implied, conflict.character, seen)))
    return table


def _faces(result: TagResult | None) -> Table:
    table = _table("head", "score", "character", "next best", "hair", "eyes")
    for face in result.faces if result is not None else ():
        table.add_row(*map(Text, _face(face)))
    return table


def _face(face: FaceResult) -> tuple[str, ...]:
    x0, y0, x1, y1 = face.box.rounded()
    who = face.character
    others = [other for other in face.candidates if who is None or other.tag != who.tag]
    return (
        f"{x0},{y0} {x1 - x0}x{y1 - y0}",
        f"{face.score:.2f}",
        f"{who.tag} {who.score:.2f}" if who else "unknown",
        "\n".join(f"{other.tag} {other.score:.2f}" for other in others[:2] if other.score >= _WORTH_NAMING),
        _color(face.hair_color),
        _color(face.eye_color),
    )


def _color(found: ScoredTag | None) -> str:
    """The color, as its column says of what."""
    return f"{found.tag.rpartition('_')[0] or found.tag} {found.score:.2f}" if found else "-"


def _files(files: Sequence[TaggedFile], folder: Path) -> Table:
    """Files in the picture's ``folder`` by their names alone."""
    table = _table("file", "writer", "written", "state")
    for file in files:
        path = file.path.name if file.path.parent == folder else str(file.path)
        cells = (path, file.writer, _moment(file.written_at), file.error or file.state)
        table.add_row(*(Text(printable(cell)) for cell in cells))
    return table


def _exif(notes: ExifNotes) -> Table:
    table = _table("the picture says", "")
    rating = "" if notes.rating is None else str(notes.rating)
    said = {
        "artist": notes.artist,
        "subject": notes.subject,
        "rating": rating,
        "parameters or comment": notes.parameters,
    }
    for name, value in said.items():
        if value:
            table.add_row(name, Text(printable(value)))
    return table


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table
