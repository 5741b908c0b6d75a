"""Pictures labelled by booru metadata: JSON lines as Danbooru's dumps, gallery-dl and others write them."""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from booru_export.data.layouts import PictureListing
from booru_export.data.tables import FaceItem
from booru_tagger.errors import DataError
from booru_tagger.files.text import open_text, read_text
from booru_tagger.sources.listed import is_picture_name

CHARACTER = ("4", "character")
"""Danbooru's number and name of the category."""
_LISTS = ("tag_string_character", "tags_character", "characters", "character")
_NAMES = ("path", "file_name", "filename", "file", "file_url", "large_file_url")


def read_danbooru(place: Path, images: Path | None = None) -> PictureListing:
    """Pictures with exactly one character tag, from ``*.json``/``*.jsonl`` (a file, or all in a folder).

    ``images`` is where the pictures lie, in any folders below it: by default the metadata's own folder. They
    are found by the names that boorus give them: the post's number, the MD5 of the file, or the file name in
    the metadata. Posts of one family (``parent_id``) are one group. Raises :class:`DataError`.
    """
    tables = [place] if place.is_file() else sorted(path for path in place.rglob("*.json*") if path.is_file())
    if not tables:
        raise DataError(f"{place}: no .json or .jsonl file in it")
    folder = images or (place.parent if place.is_file() else place)
    known = _Pictures(folder)
    listing = PictureListing()
    for table in tables:
        for row in _rows(table, listing):
            _read_post(row, known, listing, folder.name)
    if not listing.items and listing.left_out:
        worst, count = listing.left_out.most_common(1)[0]
        raise DataError(f"{place}: no usable post; {count:,} of them: {worst}. Pictures sought in {folder}")
    return listing


class _Pictures:
    """Where each picture below a folder lies, by file name and by its stem."""

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise DataError(f"{folder}: no such folder; say with --images where the pictures are")
        self._places: dict[str, Path] = {}
        for here, _, names in os.walk(folder):
            for name in names:
                if is_picture_name(name):
                    stem, _ = os.path.splitext(name)  # noqa: PTH122 (hundreds of thousands of them)
                    self._places[name] = self._places[stem] = Path(here, name)

    def of(self, post: Mapping[str, Any]) -> Path | None:
        named = [str(post[key]).rsplit("/", 1)[-1] for key in _NAMES if post.get(key)]
        keys = [*named, *(str(post[key]) for key in ("md5", "id") if post.get(key))]
        return next((self._places[key] for key in keys if key in self._places), None)


def _rows(table: Path, listing: PictureListing) -> Iterator[Mapping[str, Any]]:
    """Posts of one file: JSON lines, read as they come, or one JSON document with a post or several."""
    try:
        with open_text(table) as handle:
            first = next(filter(str.strip, handle), "")
            values = itertools.chain([first], handle) if _is_object(first) else _whole(table)
            for value in values:
                yield from _post(value, listing)
    except (OSError, UnicodeDecodeError) as error:
        listing.left_out[f"{table.name} cannot be read: {error}"] += 1


def _is_object(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


def _whole(table: Path) -> Iterable[object]:
    """The values of a file that is one JSON document, else its lines."""
    text = read_text(table)
    try:
        whole = json.loads(text)
    except ValueError:
        return text.splitlines()
    return whole if isinstance(whole, list) else [whole]


def _post(value: object, listing: PictureListing) -> Iterator[Mapping[str, Any]]:
    if isinstance(value, str):
        if not value.strip():
            return
        try:
            value = json.loads(value)
        except ValueError:
            listing.left_out["a line that is not JSON"] += 1
            return
    if isinstance(value, dict):
        yield value
    else:
        listing.left_out["not a post (no JSON object)"] += 1


def _read_post(post: Mapping[str, Any], known: _Pictures, listing: PictureListing, source: str) -> None:
    who = characters(post)
    if len(who) != 1:
        listing.left_out["no character tag" if not who else "several character tags"] += 1
    elif (path := known.of(post)) is None:
        listing.left_out["the picture is not there"] += 1
    else:
        family = post.get("parent_id") or post.get("id") or post.get("md5") or path.stem
        listing.items.append(FaceItem(path, who[0], source, f"post:{family}"))


def characters(post: Mapping[str, Any]) -> list[str]:
    """The character tags of a post, however its writer puts them."""
    for key in _LISTS:
        if (value := post.get(key)) is not None:
            return _names(value)
    tags = post.get("tags")
    if isinstance(tags, Mapping):
        return _names(tags.get("character", ()))
    if isinstance(tags, list):
        named = [tag for tag in tags if isinstance(tag, Mapping)]
        return [
            str(tag["name"]) for tag in named if str(tag.get("category")) in CHARACTER and tag.get("name")
        ]
    return []


def _names(value: object) -> list[str]:
    if isinstance(value, str):
        return value.split()
    return [str(name) for name in value] if isinstance(value, list | tuple) else []
