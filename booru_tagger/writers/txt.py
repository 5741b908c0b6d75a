"""Captions as trainers read them: one line, ``", "`` between tags, UTF-8, a newline at the end.

An existing file keeps its own layout (several lines, other gaps, no newline at the end) and its encoding; its
sentences, where it ends in some, stay last.
"""

from __future__ import annotations

from booru_tagger.types import Tag
from booru_tagger.vocab import RATING
from booru_tagger.writers.text import Dialect, TextWriter


class TxtWriter(TextWriter):
    """``a.png.txt`` (``a.txt`` for trainers): ``hatsune_miku, aqua_hair, aqua_eyes``.

    A rating says that it is one, for `general` alone would tell nobody anything: ``rating:general``.
    """

    name = "txt"
    dialect = Dialect(",，", ", ", holds_sentences=True)

    def spell(self, tag: Tag) -> str:
        text = self.options.caption(tag)
        return f"{RATING}:{text}" if tag.category == RATING else text
