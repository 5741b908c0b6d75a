"""Sidecars that are a list of tags in plain text: what captions and hydrus lists have in common."""

from __future__ import annotations

import re
import string
from typing import NamedTuple

from booru_tagger.files.text import encoding_of
from booru_tagger.types import Tag
from booru_tagger.writers.base import FormatError, Job, Revision
from booru_tagger.writers.layout import ListLayout
from booru_tagger.writers.merge import Merged, merge_job, take_out
from booru_tagger.writers.sentences import count_sentences
from booru_tagger.writers.sidecar import Sidecar

_BOM = "\ufeff"
_WIDE_BLANK = "\u3000"


class Dialect(NamedTuple):
    """How a list is written: what may stand between tags (besides white space), what we put there, and
    whether sentences may follow."""

    separators: str
    gap: str
    holds_sentences: bool = False

    def parse(self, text: str) -> ListLayout:
        """Any text is a list of tags; a newline always separates, white space around tags is not theirs."""
        before = _BOM if text.startswith(_BOM) else ""
        text = text.removeprefix(_BOM)
        ignored = string.whitespace + _WIDE_BLANK + self.separators
        core = text.strip(ignored)
        if not core:
            return ListLayout(before, [], [], text)
        start = len(text) - len(text.lstrip(ignored))
        # The look-behind keeps long runs of blanks from being tried at every one of them.
        blank, separator = rf"\s{_WIDE_BLANK}", rf"\n{self.separators}"
        between = re.compile(rf"((?<![{blank}])[{blank}]*[{separator}][{blank}{separator}]*)", re.ASCII)
        parts = between.split(core)
        return ListLayout(before + text[:start], parts[::2], parts[1::2], text[start + len(core) :])


class TextWriter(Sidecar):
    """A text sidecar per picture. Subclasses say how it is spelled; a person's layout stays."""

    extension = ".txt"
    dialect = Dialect("", "\n")

    def spell(self, tag: Tag) -> str:
        """The tag as it stands in the file."""
        raise NotImplementedError

    def tags(self, content: bytes) -> list[str]:
        return self.dialect.parse(_decoded(content)[0]).items

    def merged(self, before: bytes | None, job: Job) -> Revision:
        ours = [self._spelled(tag) for tag in job.tags]
        text, encoding = ("\n", "utf-8") if before is None else _decoded(before)
        layout = self.dialect.parse(text)
        sentences = count_sentences(layout.items) if self.dialect.holds_sentences else 0
        return self._followed(layout, merge_job(layout.items, job, ours, sentences), encoding)

    def stripped(self, before: bytes, owned: frozenset[str]) -> Revision:
        text, encoding = _decoded(before)
        layout = self.dialect.parse(text)
        return self._followed(layout, take_out(layout.items, owned), encoding)

    def _followed(self, layout: ListLayout, merged: Merged, encoding: str) -> Revision:
        layout.follow(merged.entries, layout.gap(self.dialect.gap), merged.tags)
        return Revision(str(layout).encode(encoding), merged.owned, merged.deleted)

    def _spelled(self, tag: Tag) -> str:
        text = self.spell(tag)
        if self.dialect.parse(text).items != [text]:
            raise FormatError(f"the tag {text!r} would not be read back as one tag; rename it")
        return text


def _decoded(content: bytes) -> tuple[str, str]:
    """The text, with its byte-order mark, and the encoding to give it back in."""
    encoding, _ = encoding_of(content)
    text = content.decode(encoding)
    if "\0" in text:
        raise FormatError("is not text (it holds null bytes); move it away")
    return text, encoding
