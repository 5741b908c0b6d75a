"""The tables that `booru-tagger show` prints: no line of them is wrapped."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import zip_longest
from pathlib import Path

from rich.console import Console
from rich.text import Text

from booru_tagger.cli.columns import Cell, Row, Shrinking, header, print_rows
from booru_tagger.cli.printing import console, is_listing, printable
from booru_tagger.imaging.exif_notes import ExifNotes
from booru_tagger.reporting.cast import clock
from booru_tagger.runner.provenance import DELETED, PERSON, Provenance, TaggedFile, TagOrigin
from booru_tagger.types import FaceResult, ScoredTag, TagResult

_WORTH_NAMING = 0.01
"""Score from which another candidate is shown."""
_SCORED = 80
"""Width of a terminal from which there is room for the scores of colors."""
_MAX_TIMES = 4
"""Stretches of time that are shown of a face in a film."""


def print_tables(known: Provenance) -> None:
    """Everything that is known of a picture, on standard output."""
    print_known(known, console(), listing=is_listing())


def print_known(known: Provenance, out: Console, *, listing: bool) -> None:
    """The same on any console; in a ``listing`` nothing is shortened."""
    room = None if listing else out.width
    for heading in _heading(known):
        out.print(Text(heading), no_wrap=True, overflow="ignore", crop=False)
    folder = Path(os.path.abspath(known.picture)).parent  # noqa: PTH100 - a link stays
    tables: tuple[tuple[list[Row], Shrinking], ...] = (
        (_tags(known.tags), ((-1, 8), (0, 20), (1, 4), (0, 1), (-1, 1))),
        (_conflicts(known.result), ((1, 12), (0, 12), (1, 1), (0, 1))),
        (_faces(known.result, scored=room is None or room >= _SCORED), ((-3, 20), (-3, 1))),
        (_files(known.files, folder), ((0, 16), (2, 10), (0, 1))),
    )
    for rows, shrinking in tables:
        if len(rows) > 1:
            out.print()
            print_rows(out, rows, room, shrinking)
    errors = [Text(printable(file.error), "red") for file in known.files if file.error is not None]
    for lines in (errors, _exif(known.exif)):
        if lines:
            out.print()
        for line in lines:
            out.print(line, overflow="fold", soft_wrap=listing)


def _heading(known: Provenance) -> Iterator[str]:
    """The path alone on its line, for it may be long."""
    name = printable(str(known.picture))
    result = known.result
    if result is None:
        yield f"{name}: not tagged by this program"
        return
    yield name
    by = f" by {result.model}" if result.model else ""
    length = f", {clock(result.moving.duration)} long" if result.moving is not None else ""
    yield f"{result.width}x{result.height}{length}, tagged {_moment(known.tagged_at)}{by}"


def _moment(time: datetime | None) -> str:
    """As the clock on the wall says, to the second."""
    return "" if time is None else time.astimezone().replace(tzinfo=None).isoformat(" ", "seconds")


def _tags(tags: Sequence[TagOrigin]) -> list[Row]:
    rows = [header("tag", "category", "score", "source", "in")]
    for origin in tags:
        style = {PERSON: "bold", DELETED: "dim"}.get(origin.source, "")
        score = "" if origin.score is None else f"{origin.score:.2f}"
        others = (origin.category or "", score, origin.source, ", ".join(origin.writers))
        cells = (Cell(printable(other), style, cut=True) for other in others)
        rows.append((Cell(printable(origin.tag), style), *cells))
    return rows


def _conflicts(result: TagResult | None) -> list[Row]:
    rows = [header("left out", "implied by", "for it looks like")]
    for conflict in result.conflicts if result is not None else ():
        seen = f"{conflict.measured or 'not seen'} {conflict.score:.2f}"
        rows.append((Cell(conflict.implied), Cell(conflict.character), Cell(seen)))
    return rows


def _faces(result: TagResult | None, *, scored: bool) -> list[Row]:
    """A row for each head; below it who else it might be and, in a film, when it is there."""
    rows = [header("head", "score", "character", "hair", "eyes")]
    for face in result.faces if result is not None else ():
        rows += _face(face, scored)
    return rows


def _face(face: FaceResult, scored: bool) -> Iterator[Row]:
    x0, y0, x1, y1 = face.box.rounded()
    who = face.character
    name = Cell(who.tag, "green", f" {who.score:.2f}") if who else Cell("unknown", "dim")
    others = [other for other in face.candidates if who is None or other.tag != who.tag]
    guesses = [
        Cell(f"or {other.tag}", "dim", f" {other.score:.2f}")
        for other in others[:2]
        if other.score >= _WORTH_NAMING
    ]
    colors = (Cell(_color(found, scored)) for found in (face.hair_color, face.eye_color))
    yield (Cell(f"{x0},{y0} {x1 - x0}x{y1 - y0}"), Cell(f"{face.score:.2f}"), name, *colors)
    for time, guess in zip_longest(_times(face), guesses, fillvalue=Cell()):
        yield time, Cell(), guess, Cell(), Cell()


def _times(face: FaceResult) -> list[Cell]:
    shown = [f"{clock(start)}-{clock(end)}" for start, end in face.times]
    more = len(shown) - _MAX_TIMES
    return [
        Cell(f"  {time}", "dim") for time in [*shown[:_MAX_TIMES], *([f"{more:,} more"] if more > 0 else [])]
    ]


def _color(found: ScoredTag | None, scored: bool) -> str:
    """The color, as its column says of what."""
    if found is None:
        return "-"
    word = found.tag.rpartition("_")[0] or found.tag
    return f"{word} {found.score:.2f}" if scored else word


def _files(files: Sequence[TaggedFile], folder: Path) -> list[Row]:
    """Files in the picture's ``folder`` by their names alone."""
    rows = [header("file", "writer", "written", "state")]
    for file in files:
        path = file.path.name if file.path.parent == folder else str(file.path)
        written = Cell(_moment(file.written_at), cut=True)
        rows.append((Cell(printable(path)), Cell(file.writer), written, Cell(file.state)))
    return rows


def _exif(notes: ExifNotes) -> list[Text]:
    """Lines that may be long: a prompt is."""
    rating = "" if notes.rating is None else str(notes.rating)
    said = {
        "artist": notes.artist,
        "subject": notes.subject,
        "rating": rating,
        "parameters or comment": notes.parameters,
    }
    lines = [Text(f"{name}: {printable(value)}") for name, value in said.items() if value]
    return [Text("the picture says", "bold"), *lines] if lines else []
