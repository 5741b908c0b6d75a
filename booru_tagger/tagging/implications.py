"""A user's own table of what characters imply: it extends and overrides what the model says of them.

A CSV file with the columns ``tag,series,hair,eyes,implied``, of which only ``tag`` is required. An empty
cell leaves things as they are. ``series``, ``hair`` and ``eyes`` replace what was known (``-``: nothing is
known); ``hair`` and ``eyes`` are colors (``blonde``, ``light_blue multicolored``). The tags in ``implied``
are added, those with a minus before them are taken out: ``sword armor -twintails``.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from booru_tagger.colors import COLORS, MIXED, Part, color_of, tag_for
from booru_tagger.errors import ConfigError
from booru_tagger.files.reading import OversizeFileError, read_regular
from booru_tagger.files.text import decoded
from booru_tagger.models.bundle import Label
from booru_tagger.vocab import tag_named

COLUMNS = ("tag", "series", "hair", "eyes", "implied")
MAX_BYTES = 64_000_000
NOTHING = "-"
"""In a cell: this is not known of the character, whatever the model says."""


class Implication(NamedTuple):
    """One row of the table. ``None`` leaves things as they are."""

    series: str | None = None
    hair: tuple[str, ...] | None = None
    eyes: tuple[str, ...] | None = None
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()

    def applied(self, label: Label) -> Label:
        """The label with this row's changes."""
        implied = label.implied
        for part, tags in ((Part.EYES, self.eyes), (Part.HAIR, self.hair)):
            if tags is not None:
                implied = (*tags, *(tag for tag in implied if _part(tag) != part))
        kept = [tag for tag in (*implied, *self.added) if tag not in self.removed]
        series = label.series if self.series is None else self.series
        return label._replace(series=series, implied=tuple(dict.fromkeys(kept)))


def extended(labels: Iterable[Label], table: Mapping[str, Implication]) -> tuple[Label, ...]:
    """The labels with what the table says of them."""
    return tuple(table[label.tag].applied(label) if label.tag in table else label for label in labels)


def completed(enrolled: Iterable[Label], model: Iterable[Label]) -> list[Label]:
    """Enrolled characters with what the model knows of those that are its own, too.

    Who teaches the program more faces of a character does not mean it to forget the series and the horns. A
    series, and the colors of hair or eyes, that were enrolled stand.
    """
    known = {label.tag: label for label in model}
    return [_completed(label, known[label.tag]) if label.tag in known else label for label in enrolled]


def _completed(label: Label, known: Label) -> Label:
    told = {_part(tag) for tag in label.implied} - {None}
    more = [tag for tag in known.implied if _part(tag) not in told]
    implied = tuple(dict.fromkeys((*label.implied, *more)))
    return label._replace(series=label.series or known.series, implied=implied)


def color_tag(part: Part, word: str) -> str:
    """The tag for a color that a user named: ``blonde``, ``blonde_hair``, ``multicolored``.

    Raises ValueError for an unknown color.
    """
    tag = tag_for(part, word)
    if tag is None or _part(tag) != part:
        raise ValueError(f"{word!r} is not a color of {part}; known are {', '.join(sorted(COLORS))}")
    return tag


def read_implications(path: Path) -> dict[str, Implication]:
    """The table in a CSV file, by character. Raises :class:`ConfigError` that names the line."""
    import csv  # which few have such a table for

    try:
        text = decoded(read_regular(path, MAX_BYTES))
    except OversizeFileError as error:
        raise ConfigError(
            f"{path}: larger than a table of implied tags can be; is it the right file?"
        ) from error
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not text in UTF-8 ({error}); save it as CSV in UTF-8") from error
    reader = csv.DictReader(io.StringIO(text, newline=""), restval="")
    table: dict[str, Implication] = {}
    try:
        _check_header(reader.fieldnames or ())
        for row in reader:
            tag = tag_named(row["tag"])
            if tag in table:
                raise ValueError(f"{tag!r} already has a line")
            table[tag] = _implication(row)
    except (ValueError, csv.Error) as error:
        raise ConfigError(f"{path}, line {max(1, reader.line_num)}: {error}") from error
    return table


def _check_header(names: Iterable[str]) -> None:
    found = tuple(names)
    if "tag" not in found or not set(found) <= set(COLUMNS) or len(set(found)) < len(found):
        raise ValueError(
            f"the header must name columns of {','.join(COLUMNS)}, 'tag' among them; "
            f"found {','.join(found)!r}"
        )


def _implication(row: Mapping[str | None, str]) -> Implication:
    if None in row:
        raise ValueError("there are more cells than columns; separate several tags by spaces")
    words = row.get("implied", "").split()
    series = row.get("series", "").strip()
    return Implication(
        series=None if not series else "" if series == NOTHING else tag_named(series),
        hair=_colors(Part.HAIR, row.get("hair", "")),
        eyes=_colors(Part.EYES, row.get("eyes", "")),
        added=tuple(tag_named(word) for word in words if not word.startswith("-")),
        removed=tuple(tag_named(word[1:]) for word in words if word.startswith("-")),
    )


def _colors(part: Part, cell: str) -> tuple[str, ...] | None:
    words = cell.split()
    if words == [NOTHING]:
        return ()
    return tuple(color_tag(part, word) for word in words) if words else None


def _part(tag: str) -> Part | None:
    """What the tag gives a color, or several, to."""
    color = color_of(tag)
    return color.part if color else MIXED.get(tag)
