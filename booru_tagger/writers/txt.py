"""Captions as trainers read them: one line, ``", "`` between tags, UTF-8, a newline at the end.

An existing file keeps its own layout (several lines, other gaps, no newline at the end).
"""

from __future__ import annotations

from booru_tagger.types import Tag
from booru_tagger.writers.text import Dialect, TextWriter


class TxtWriter(TextWriter):
    """``a.png.txt`` (``a.txt`` for trainers): ``hatsune_miku, aqua_hair, aqua_eyes``."""

    name = "txt"
    dialect = Dialect(",", ", ")

    def spell(self, tag: Tag) -> str:
        return self.options.caption(tag.tag)
