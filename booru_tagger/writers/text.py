"""Sidecars that are a list of tags in plain text: what captions and hydrus lists have in common."""

from __future__ import annotations

import re
import string
from dataclasses import dataclass

from booru_tagger.types import Tag
from booru_tagger.writers.base import FormatError, Job, Revision
from booru_tagger.writers.layout import Layout
from booru_tagger.writers.merge import Merged, merge_job, take_out
from booru_tagger.writers.sidecar import Sidecar

_BOM = "\ufeff"


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a list is written: what may stand between tags (besides white space), and what we put there."""

    separators: str
    gap: str

    def parse(self, text: str) -> Layout:
        """Any text is a list of tags; a newline always separates, white space around tags is not theirs."""
        before = _BOM if text.startswith(_BOM) else ""
        text = text.removeprefix(_BOM)
        ignored = string.whitespace + self.separators
        core = text.strip(ignored)
        if not core:
            return Layout(before, [], [], text)
        start = len(text) - len(text.lstrip(ignored))
        # The look-behind keeps long runs of blanks from being tried at every one of them.
        between = re.compile(rf"((?<!\s)\s*[\n{self.separators}][\s{self.separators}]*)", re.ASCII)
        parts = between.split(core)
        return Layout(before + text[:start], parts[::2], parts[1::2], text[start + len(core) :])


class TextWriter(Sidecar):
    """A text sidecar per picture. Subclasses say how it is spelled; a person's layout stays."""

    extension = ".txt"
    dialect = Dialect("", "\n")

    def spell(self, tag: Tag) -> str:
        """The tag as it stands in the file."""
        raise NotImplementedError

    def tags(self, content: bytes) -> list[str]:
        return self.dialect.parse(content.decode()).items

    def merged(self, before: bytes | None, job: Job) -> Revision:
        ours = [self._spelled(tag) for tag in job.tags]
        layout = Layout("", [], [], "\n") if before is None else self.dialect.parse(before.decode())
        return self._followed(layout, merge_job(layout.items, job, ours))

    def stripped(self, before: bytes, owned: frozenset[str]) -> Revision:
        layout = self.dialect.parse(before.decode())
        return self._followed(layout, take_out(layout.items, owned))

    def _followed(self, layout: Layout, merged: Merged) -> Revision:
        layout.follow(merged.entries, layout.gap(self.dialect.gap), merged.tags)
        return Revision(str(layout).encode(), merged.owned, merged.deleted)

    def _spelled(self, tag: Tag) -> str:
        text = self.spell(tag)
        if self.dialect.parse(text).items != [text]:
            raise FormatError(f"the tag {text!r} would not be read back as one tag; rename it")
        return text
