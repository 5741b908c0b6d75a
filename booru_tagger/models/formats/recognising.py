"""Which layout a folder's files really have: files of several layouts have the same names."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import Path

from booru_tagger.errors import ModelError, docs_url
from booru_tagger.models.formats.format_records import Sign
from booru_tagger.models.formats.known import FoundFormat, candidates
from booru_tagger.models.formats.labels import read_text
from booru_tagger.models.model_record import FILE_RECORD


def found_in(folder: Path) -> FoundFormat | None:
    """The layout of the files in a folder; ``None`` where no known one has files of these names.

    Raises :class:`ModelError` where the folder cannot be listed, and where the files only look like those of
    a known layout, with what differs.
    """
    try:
        names = [path.name for path in folder.iterdir() if path.is_file() and path.name != FILE_RECORD]
    except OSError as error:
        raise ModelError(f"{folder}: cannot be listed: {error.strerror or error}") from error
    try:
        found = list(candidates(names))
    except ModelError as error:
        raise ModelError(f"{folder}: {error}") from error
    if not found:
        return None
    return recognised(found, folder)


def recognised(found: Iterable[FoundFormat], folder: Path) -> FoundFormat:
    """The first of these layouts whose signs are in the folder's files.

    Raises :class:`ModelError` with what differs from the likeliest one where none is.
    """
    likeliest: tuple[FoundFormat, list[str]] | None = None
    for one in found:
        differences = _differences(one, folder)
        if not differences:
            return one
        likeliest = likeliest or (one, differences)
    assert likeliest is not None  # the caller has found some
    one, differences = likeliest
    raise ModelError(
        f"{folder}: these files have the names of a {one.format.title}'s, but {'; '.join(differences)}. They "
        f"are not used as if they were one: download all files of the model, from its makers; "
        f"{docs_url('models')} lists what is known"
    )


def _differences(found: FoundFormat, folder: Path) -> list[str]:
    layout = found.format
    lacking = [
        f"{name} has no {sign.word!r}"
        for sign in layout.signs
        for name in _named(found, sign)
        if sign.word not in _words(folder / name)
    ]
    strange = [
        f"{name} has {sign.word!r}, as that of {sign.whose}"
        for sign in layout.strange
        for name in _named(found, sign)
        if sign.word in _words(folder / name)
    ]
    return lacking + strange


def _named(found: FoundFormat, sign: Sign) -> list[str]:
    files = (found.labels, *found.described)
    return [name for name in files if fnmatchcase(name, sign.file)]


def _words(path: Path) -> frozenset[str]:
    """The keys at the top of a JSON file, or the columns of a table and its names. None of a damaged file."""
    text = read_text(path)
    try:
        if path.suffix == ".json":
            top = json.loads(text)
            return frozenset(top) if isinstance(top, dict) else frozenset()
        rows = csv.DictReader(io.StringIO(text, newline=""))
        columns = frozenset(rows.fieldnames or ())
        return columns | {row["name"] for row in rows} if "name" in columns else columns
    except (ValueError, csv.Error, RecursionError):
        return frozenset()  # the reader of the labels says what is wrong with it
