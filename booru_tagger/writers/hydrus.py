"""Sidecars that hydrus imports: one tag per line, lower case, spaces, namespaces."""

from __future__ import annotations

from booru_tagger.types import Tag
from booru_tagger.vocab import to_spaces
from booru_tagger.writers.text import TextWriter

NAMESPACES = {
    "character": "character:",
    "copyright": "series:",
    "artist": "creator:",
    "rating": "rating:",
    "meta": "meta:",
}
"""Hydrus's namespaces for Danbooru's categories; general tags have none."""


def spell(tag: Tag) -> str:
    """The tag as hydrus wants it."""
    if tag.is_literal:
        return tag.tag
    return NAMESPACES.get(tag.category, "") + to_spaces(tag.tag).lower()


class HydrusWriter(TextWriter):
    """``a.png.txt``: ``character:hatsune miku``, ``aqua hair``, one to a line."""

    name = "hydrus"

    def spell(self, tag: Tag) -> str:
        return spell(tag)
