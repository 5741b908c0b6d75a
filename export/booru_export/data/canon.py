"""What is known of the characters before looking: their series, colors and what they are known for."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from booru_tagger.errors import DataError
from booru_tagger.files.text import read_text

HAIR = (
    "black", "brown", "blonde", "red", "orange", "pink", "purple", "blue", "aqua", "green", "grey", "white",
    "multicolored",
)  # fmt: skip
EYES = (
    "black", "brown", "yellow", "red", "orange", "pink", "purple", "blue", "aqua", "green", "grey", "closed",
)  # fmt: skip
SHADES = frozenset({"black", "grey", "white"})
COLUMNS = ("tag", "series", "hair", "eyes", "implied", "source")
SOURCES = ("known", "measured", "")
"""Common knowledge; for one color at least, measured pictures alone; nothing but the series is told."""


@dataclass(frozen=True, slots=True)
class Canon:
    """A character's series and looks; ``hair`` and ``eyes`` are empty where they vary or are not sure."""

    tag: str
    series: str = ""
    hair: str = ""
    eyes: str = ""
    implied: tuple[str, ...] = ()
    source: str = ""
    """One of ``SOURCES``."""

    def implied_tags(self) -> tuple[str, ...]:
        """All tags that follow from the character, colors first."""
        colors = [f"{self.hair}_hair"] * bool(self.hair) + [f"{self.eyes}_eyes"] * bool(self.eyes)
        return (*colors, *self.implied)

    def to_label(self) -> dict[str, Any]:
        """The character as a label of a bundle's manifest, in which labels are characters as a rule."""
        return {
            "tag": self.tag,
            "series": self.series,
            "implied": list(self.implied_tags()),
        }


def read_canon(path: Path | None = None) -> dict[str, Canon]:
    """The table that comes with the package, or a user's own CSV with the same columns, by tag.

    The last column, ``source``, may be missing. Raises :class:`DataError` naming the line where a color or
    source is unknown or a column is missing.
    """
    if path is None:
        text = (resources.files("booru_export") / "characters.csv").read_text("utf-8")
        name = "characters.csv"
    else:
        name = str(path)
        try:
            text = read_text(path)
        except OSError as error:
            raise DataError(f"{path}: {error.strerror}") from error
    reader = csv.DictReader(text.splitlines())
    if tuple(reader.fieldnames or ()) not in (COLUMNS, COLUMNS[:-1]):
        raise DataError(f"{name}: the header must be {','.join(COLUMNS)}")
    table = {}
    for row in reader:
        where = f"{name}, line {reader.line_num}"
        for column, known in (("hair", HAIR), ("eyes", EYES)):
            if row[column] and row[column] not in known:
                raise DataError(
                    f"{where}: {row[column]!r} is not a {column} color; known: {', '.join(known)}"
                )
        source = row.get("source") or ""
        if source not in SOURCES:
            raise DataError(f"{where}: the source is {source!r}; it may be known, measured or empty")
        implied = tuple((row["implied"] or "").split())
        table[row["tag"]] = Canon(row["tag"], row["series"], row["hair"], row["eyes"], implied, source)
    return table
