"""What boorus say of pictures: JSON as Danbooru's dumps, gallery-dl and others write it."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from booru_tagger.files.text import open_text, read_text

CHARACTER = ("4", "character")
"""Danbooru's number and name of the category."""
_LISTS = ("tag_string_character", "tags_character", "characters", "character")
_FLAT = ("tags", "tag_string", "tag_list")
_NAMES = ("path", "file_name", "filename", "file", "file_url", "large_file_url")

Post = Mapping[str, Any]


def posts_in(table: Path, problem: Callable[[str], None]) -> Iterator[Post]:
    """Posts of one file: JSON lines, read as they come, or one JSON document with a post or several.

    ``problem`` is told what cannot be read.
    """
    try:
        with open_text(table) as handle:
            first = next(filter(str.strip, handle), "")
            values = itertools.chain([first], handle) if _is_object(first) else _whole(table)
            for value in values:
                yield from _post(value, problem)
    except (OSError, UnicodeDecodeError) as error:
        problem(f"{table.name} cannot be read: {error}")


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


def _post(value: object, problem: Callable[[str], None]) -> Iterator[Post]:
    if isinstance(value, str):
        if not value.strip():
            return
        try:
            value = json.loads(value)
        except ValueError:
            problem("a line that is not JSON")
            return
    if isinstance(value, dict):
        yield value
    else:
        problem("not a post (no JSON object)")


def file_keys(post: Post) -> list[str]:
    """The names and stems that the post's file may go by: its name, its MD5, the post's number."""
    named = [str(post[key]).rsplit("/", 1)[-1] for key in _NAMES if post.get(key)]
    return [*named, *(str(post[key]) for key in ("md5", "id") if post.get(key))]


def characters(post: Post) -> list[str]:
    """The character tags of a post, however its writer puts them."""
    return marked_characters(post) or []


def marked_characters(post: Post) -> list[str] | None:
    """The same; ``None`` where the post does not tell characters from other tags."""
    for key in _LISTS:
        if (value := post.get(key)) is not None:
            return _names(value)
    tags = post.get("tags")
    if isinstance(tags, Mapping):
        return _names(tags.get("character", ()))
    if isinstance(tags, list) and any(isinstance(tag, Mapping) for tag in tags):
        named = [tag for tag in tags if isinstance(tag, Mapping)]
        return [
            str(tag["name"]) for tag in named if str(tag.get("category")) in CHARACTER and tag.get("name")
        ]
    return None


def flat_tags(post: Post) -> list[str]:
    """The tags of a post that does not tell what each is."""
    for key in _FLAT:
        if (value := post.get(key)) is not None:
            return _names(value)
    return []


def _names(value: object) -> list[str]:
    if isinstance(value, str):
        return [part.strip() for part in value.split(",")] if "," in value else value.split()
    return [name for name in value if isinstance(name, str)] if isinstance(value, list | tuple) else []
