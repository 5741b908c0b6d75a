"""What the columns of a foreign tagger's answer mean: readers of the label files in use."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from booru_tagger.errors import ModelError
from booru_tagger.files.reading import OversizeFileError, read_regular
from booru_tagger.files.text import decoded
from booru_tagger.models.formats.format_records import Format, TagLabel
from booru_tagger.vocab import CATEGORIES, CHARACTER, GENERAL, RATING, normalise, problem

MAX_BYTES = 256_000_000
_NAMES = {number: name for name, number in CATEGORIES.items()}
_RATINGS = ("rating:", "rating_")
_LETTERS = {"g": "general", "s": "sensitive", "q": "questionable", "e": "explicit"}
"""Danbooru's ratings by their letters."""
_EMPTY = ("<PAD>", "<UNK>")
"""Names of columns that stand for no tag."""
_SYSTEM = ("score:", "system:")
"""Beginnings of DeepDanbooru's columns that are about a post, not about a picture."""


def read_labels(path: Path, layout: Format, folder: Path) -> tuple[TagLabel, ...]:
    """The labels in ``path``, in the order of the columns. Raises :class:`ModelError`.

    ``folder`` is where files are that say more, such as which of the tags are characters.
    """
    text = read_text(path)
    try:
        labels = tuple(_READERS[layout.reader](text, layout, folder))
    except ModelError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, csv.Error, RecursionError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise ModelError(
            f"{path}: not the labels of a {layout.title} ({reason}); download the file again"
        ) from error
    if not labels:
        raise ModelError(f"{path}: there are no labels in it; download the file again")
    return labels


def read_text(path: Path) -> str:
    """A text file of a model. Raises :class:`ModelError`."""
    try:
        return decoded(read_regular(path, MAX_BYTES), newline=None)
    except OversizeFileError as error:
        raise ModelError(f"{path}: larger than such a file can be; is it the right one?") from error
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise ModelError(f"{path}: not text in UTF-8 ({error}); download the file again") from error


def label(name: str, category: str) -> TagLabel:
    """The label for a name as the model has it. Ratings lose what only says that they are ratings."""
    if category == RATING:
        name = next((name.removeprefix(start) for start in _RATINGS if name.startswith(start)), name)
        name = _LETTERS.get(name, name)
    tag = normalise(name)
    return TagLabel(None if not category or problem(tag) else tag, category)


def _csv(text: str, layout: Format, folder: Path) -> Iterable[TagLabel]:
    """``selected_tags.csv``: a row a column, with ``name`` and Danbooru's number of the ``category``.

    ``best_threshold`` is a column's own threshold, where there is one. Ratings may be among the general tags.
    """
    rows = csv.DictReader(io.StringIO(text, newline=""))
    names = {**_NAMES, **_category_names(folder / "categories.json")}
    for row in rows:
        name, category = row["name"], _category(names.get(int(row["category"]), ""), layout)
        if name in _EMPTY:
            yield TagLabel(None, "")
        elif category == GENERAL and name.startswith(_RATINGS[0]):
            yield label(name, RATING)
        else:
            yield replace(label(name, category), min_score=_own_threshold(row.get("best_threshold")))


def _own_threshold(text: str | None) -> float | None:
    """A column's threshold; nought, or none that was found, is no threshold."""
    value = float(text or "nan")
    if math.isnan(value) or value == 0:
        return None
    if not 0 < value <= 1:
        raise ValueError(f"a threshold of {value}")
    return value


def _category_names(path: Path) -> Mapping[int, str]:
    """A file of some repositories that names the numbers: ``[{"category": 0, "name": "general"}, …]``."""
    if not path.is_file():
        return {}
    try:
        return {int(row["category"]): str(row["name"]) for row in json.loads(read_text(path))}
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{path}: not a list of categories ({error}); download the file again") from error


def _mapping(text: str, layout: Format, folder: Path) -> Iterable[TagLabel]:
    """``tag_mapping.json``: ``{"0": {"tag": …, "category": …}, …}``, the numbers of the columns as keys."""
    columns = {int(key): entry for key, entry in json.loads(text).items()}
    for entry in _in_order(columns):
        yield label(str(entry["tag"]), _category(str(entry["category"]), layout))


def _metadata(text: str, layout: Format, folder: Path) -> Iterable[TagLabel]:
    """Camie's metadata: ``dataset_info.tag_mapping`` with ``idx_to_tag`` and ``tag_to_category``."""
    tags = json.loads(text)["dataset_info"]["tag_mapping"]
    categories = tags["tag_to_category"]
    for name in _in_order({int(key): str(value) for key, value in tags["idx_to_tag"].items()}):
        yield label(name, _category(str(categories.get(name, GENERAL)), layout))


def _lines(text: str, layout: Format, folder: Path) -> Iterable[TagLabel]:
    """A tag a line; characters are those that ``tags-character.txt`` has, too, where that is there."""
    characters = folder / "tags-character.txt"
    named = set(read_text(characters).split("\n")) if characters.is_file() else set()
    named = {name.strip() for name in named}
    for name in (line.strip() for line in text.split("\n")):
        if name.startswith("rating:"):
            yield label(name, RATING)
        elif name.startswith(_SYSTEM):
            yield TagLabel(None, "")
        elif name:
            yield label(name, CHARACTER if name in named else GENERAL)


def _vocabulary(text: str, layout: Format, folder: Path) -> Iterable[TagLabel]:
    """``idx_to_tag``, a list or numbered, and ``tag_to_category`` with names or Danbooru's numbers."""
    data = json.loads(text)
    tags, categories = data["idx_to_tag"], data["tag_to_category"]
    columns = dict(enumerate(tags)) if isinstance(tags, list) else {int(key): tags[key] for key in tags}
    for name in map(str, _in_order(columns)):
        category = str(categories.get(name, GENERAL))
        named = _NAMES.get(int(category), "") if category.isdecimal() else category
        yield label(name, _category(named, layout))


def _blocks(text: str, layout: Format, folder: Path) -> Iterable[TagLabel]:
    """Tags by category, one block after the other: ``tags`` with ``tags_split`` of a category and its number
    of tags each, or ``categories`` of a ``name``, an ``offset`` and ``tags`` each."""
    data = json.loads(text)
    if "tags_split" in data:
        tags, place = data["tags"], 0
        for category, count in data["tags_split"]:
            for name in tags[place : place + count]:
                yield label(str(name), _category(str(category), layout))
            place += count
        _check_end(place, len(tags))
        return
    place = 0
    for block in data["categories"]:
        _check_end(place, block["offset"])
        for name in block["tags"]:
            yield label(str(name), _category(str(block["name"]), layout))
        place += len(block["tags"])


def _check_end(place: int, expected: int) -> None:
    if place != expected:
        raise ValueError(f"a block of tags ends at {place}, not at {expected}")


def _in_order(columns: Mapping[int, Any]) -> Iterable[Any]:
    """The entries from 0 upwards. Raises ValueError where one is missing."""
    if set(columns) != set(range(len(columns))):
        raise ValueError(f"the columns are not numbered from 0 to {len(columns) - 1}")
    return (columns[index] for index in range(len(columns)))


def _category(name: str, layout: Format) -> str:
    """Danbooru's name for a layout's own; empty where its tags are not for us."""
    name = name.strip().lower()
    name = (layout.categories or {}).get(name, name)
    return name if name in CATEGORIES else ""


_READERS: Mapping[str, Callable[[str, Format, Path], Iterable[TagLabel]]] = {
    "csv": _csv,
    "mapping": _mapping,
    "lines": _lines,
    "metadata": _metadata,
    "vocabulary": _vocabulary,
    "blocks": _blocks,
}
