"""What `booru-tagger show` does, put together from the journal, the writers and the drawing."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from booru_tagger.app import writer_options
from booru_tagger.cli.journal import need_journal
from booru_tagger.cli.printing import printable
from booru_tagger.config import Settings
from booru_tagger.drawing.boxes import LONGEST, draw_faces, is_drawing, png
from booru_tagger.errors import EXIT_NOTHING_DONE, OutputError
from booru_tagger.files.replace import replace_file
from booru_tagger.imaging import Limits, read_picture
from booru_tagger.runner.provenance import DELETED, PERSON, FileState, Origin, Provenance, provenance
from booru_tagger.types import FaceResult, ScoredTag, TagResult
from booru_tagger.writers.registry import make_writer

_PIPE_WIDTH = 1_000


@dataclass(frozen=True, slots=True)
class Request:
    """What one call asks for, besides the settings. ``form`` is ``table`` or ``json``."""

    file: Path
    form: str = "table"
    draw: Path | None = None


def show_picture(request: Request, settings: Settings) -> int:
    """Print what is known of a picture, and return the exit code. Raises UsageError and BooruTaggerError."""
    if request.file.is_dir():
        raise click.UsageError(f"{printable(str(request.file))} is a folder; name one picture.")
    if request.draw is not None:
        _check_drawing(request.draw)
    options = writer_options(settings, [request.file.parent])
    writers = [make_writer(name, options) for name in settings.writing.writer]
    with need_journal(settings) as journal:
        known = provenance(request.file, journal, writers, options)
    if known.result is None and not known.tags and not request.file.exists():
        click.echo(printable(f"{request.file}: there is no such file, and nothing is known of it"), err=True)
        return EXIT_NOTHING_DONE
    if request.draw is not None:
        _draw(request.draw, request.file, known, settings)
    if request.form == "json":
        click.echo(json.dumps(known.to_json(), indent=2))
    else:
        _print(known)
    return 0


def _check_drawing(path: Path) -> None:
    if path.suffix.lower() != ".png":
        raise click.UsageError(f"--draw {path}: the file's name must end in .png")
    if path.exists() and not is_drawing(path):
        raise OutputError(f"{path}: exists and is no drawing of ours; it is left alone, choose another name")


def _draw(path: Path, file: Path, known: Provenance, settings: Settings) -> None:
    if known.result is None:
        raise OutputError(f"{path}: nothing to draw: {file} was not tagged yet, or was untagged since")
    limits = Limits(pixels=settings.reading.max_pixels, file_bytes=settings.reading.max_bytes)
    picture = read_picture(file, longest=LONGEST, limits=limits)
    if (picture.width, picture.height) != (known.result.width, known.result.height):
        raise OutputError(f"{path}: not drawn: {file} has changed since it was tagged; tag it again first")
    replace_file(path, png(draw_faces(picture, known.result)))


def _print(known: Provenance) -> None:
    options = {} if sys.stdout.isatty() else {"width": _PIPE_WIDTH, "color_system": None}
    console = Console(**options)  # type: ignore[arg-type]
    console.print(Text(_heading(known)))
    tables = (_tags(known.tags), _conflicts(known.result), _faces(known.result), _files(known.files))
    for table in tables:
        if table.row_count:
            console.print()
            console.print(table)


def _heading(known: Provenance) -> str:
    name = printable(str(known.picture))
    if known.result is None:
        return f"{name}: not tagged by this program"
    result = known.result
    by = f" by {result.model}" if result.model else ""
    return f"{name}: {result.width}x{result.height}, tagged {_moment(known.tagged_at)}{by}"


def _moment(time: datetime | None) -> str:
    return "" if time is None else time.astimezone().isoformat(" ", "seconds")


def _tags(tags: Sequence[Origin]) -> Table:
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
        ", ".join(map(_scored, others[:2])),
        _scored(face.hair_color),
        _scored(face.eye_color),
    )


def _scored(found: ScoredTag | None) -> str:
    return f"{found.tag} {found.score:.2f}" if found else "-"


def _files(files: Sequence[FileState]) -> Table:
    table = _table("file", "writer", "written", "state")
    for file in files:
        cells = (str(file.path), file.writer, _moment(file.written_at), file.error or file.state)
        table.add_row(*(Text(printable(cell)) for cell in cells))
    return table


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table
