"""Sidecars that are a list of tags in plain text: what captions and hydrus lists have in common."""

from __future__ import annotations

import re
import string
from dataclasses import dataclass
from pathlib import Path

from booru_tagger.errors import OutputError
from booru_tagger.types import Tag
from booru_tagger.writers.atomic import Change, read_target, revise
from booru_tagger.writers.base import CREATED, Job, Written, plain
from booru_tagger.writers.layout import Layout
from booru_tagger.writers.merge import Merged, merge, take_out
from booru_tagger.writers.naming import WriterOptions

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


class TextWriter:
    """A text sidecar per picture. Subclasses say how it is spelled and named; this class never lets one go
    empty and keeps the layout that a person gave it."""

    name = ""
    extension = ".txt"
    dialect = Dialect("", "\n")

    def __init__(self, options: WriterOptions) -> None:
        self.options = options
        self.naming = options.naming

    def spell(self, tag: Tag) -> str:
        """The tag as it stands in the file."""
        raise NotImplementedError

    def target(self, picture: Path) -> Path:
        return self.naming.sidecar(picture, self.extension)

    def read(self, picture: Path) -> tuple[str, ...]:
        target = self.target(picture)
        data = read_target(target)
        return () if data is None else tuple(self.dialect.parse(_decoded(data, target)).items)

    def write(self, job: Job) -> Written:
        target = self.target(job.picture)
        ours = [self._spelled(tag, target) for tag in job.tags]

        def change(before: bytes | None) -> Change:
            if before is None:  # a person who deletes the whole file wants a new one, not none for ever
                merged = merge((), ours, (), job.deleted)
                layout = Layout("", [], [], "\n")
            else:
                layout = self.dialect.parse(_decoded(before, target))
                merged = merge(layout.items, ours, plain(job.owned), job.deleted)
            return self._change(before, layout, merged, CREATED in job.owned or before is None)

        return revise(target, change, announce=job.announce, make_folder=self.naming.output is not None)

    def remove(self, picture: Path, owned: frozenset[str]) -> Written:
        target = self.target(picture)

        def change(before: bytes | None) -> Change:
            if before is None:
                return Change(None, frozenset(), frozenset())
            layout = self.dialect.parse(_decoded(before, target))
            return self._change(before, layout, take_out(layout.items, plain(owned)), CREATED in owned)

        return revise(target, change)

    def _change(self, before: bytes | None, layout: Layout, merged: Merged, created: bool) -> Change:
        layout.follow(merged.entries, layout.gap(self.dialect.gap), merged.tags)
        if not layout.items and created:
            return Change(None, frozenset(), merged.deleted)
        owned = merged.owned | {CREATED} if created and merged.owned else merged.owned
        return Change(str(layout).encode(), owned, merged.deleted)

    def _spelled(self, tag: Tag, target: Path) -> str:
        text = self.spell(tag)
        if self.dialect.parse(text).items != [text]:
            raise OutputError(f"{target}: the tag {text!r} would not be read back as one tag; rename it")
        return text


def _decoded(data: bytes, target: Path) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise OutputError(
            f"{target}: is not UTF-8 text, so tags cannot be merged into it; save it as UTF-8 or move it away"
        ) from error
