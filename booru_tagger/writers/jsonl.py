"""``metadata.jsonl`` as Hugging Face's imagefolder reads it: one line for each picture of a folder.

Each line is ``{"file_name": ..., "text": ..., "tags": [...]}``. Other lines, other keys and a text that a
person wrote stay, to the byte. Every write rewrites the list, under a lock, so that several processes may
write: meant for data sets of thousands of pictures to a folder, not for millions.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from booru_tagger.files.locking import locked
from booru_tagger.files.replace import output_error
from booru_tagger.files.temporary import PREFIX
from booru_tagger.types import Tag
from booru_tagger.vocab import GENERAL
from booru_tagger.writers.atomic import read_target, revise
from booru_tagger.writers.base import MARK, FormatError, Job, Revision, Written, plain
from booru_tagger.writers.json_text import JsonObject, array_layout, dumps, object_layout
from booru_tagger.writers.layout import ListLayout
from booru_tagger.writers.merge import Merged, merge_job, take_out
from booru_tagger.writers.naming import WriterOptions
from booru_tagger.writers.sidecar import is_elsewhere, naming_target

NAME = "metadata.jsonl"

_LINE = MARK + "line"
"""The note that we added the picture's line."""
_TAGS = MARK + "tags"
"""The note that we added the member ``tags`` to it."""
_TEXT = MARK + "text="
"""Beginning of the note that we wrote the member ``text``, and what."""

_Caption = Callable[[Sequence[str]], str]
_Merging = Callable[[Sequence[str], bool], Merged]
"""From the tags that stand in a line, and whether there is such a line."""


class JsonlWriter:
    """``metadata.jsonl`` in the picture's folder (or the mirrored one)."""

    name = "jsonl"

    def __init__(self, options: WriterOptions) -> None:
        self.options = options

    def target(self, picture: Path) -> Path:
        return self.options.naming.folder(picture) / NAME

    def read(self, picture: Path, target: Path) -> tuple[str, ...]:
        lines = _lines(read_target(target))
        at = _find(lines, _file_name(picture, target))
        with naming_target(target):
            return () if at is None else tuple(_tags(object_layout(lines.items[at])))

    def write(self, job: Job) -> Written:
        return self._revise(job.picture, job.target, job.owned, *self._wanted(job), job.announce)

    def rehearse(self, job: Job) -> None:
        name = _file_name(job.picture, job.target)
        with naming_target(job.target):
            _change(read_target(job.target), name, job.owned, *self._wanted(job))

    def _wanted(self, job: Job) -> tuple[_Merging, _Caption]:
        ours = {tag.tag: tag for tag in job.tags}

        def merging(existing: Sequence[str], stood: bool) -> Merged:
            return merge_job(
                existing, replace(job, owned=plain(job.owned) if stood else frozenset()), list(ours)
            )

        def caption(texts: Sequence[str]) -> str:
            tags = (ours.get(text) or Tag(text, GENERAL, 1.0, "") for text in texts)
            return ", ".join(map(self.options.caption, tags))

        return merging, caption

    def remove(self, picture: Path, target: Path, owned: frozenset[str]) -> Written:
        def merging(existing: Sequence[str], stood: bool) -> Merged:
            return take_out(existing, plain(owned) if stood else ())

        written = self._revise(picture, target, owned, merging, lambda tags: "", None)
        return written._replace(owned=frozenset())

    def _revise(
        self,
        picture: Path,
        target: Path,
        owned: frozenset[str],
        merging: _Merging,
        caption: _Caption,
        announce: Callable[[Written], None] | None,
    ) -> Written:
        name = _file_name(picture, target)

        def change(before: bytes | None) -> Revision:
            return _change(before, name, owned, merging, caption)

        with naming_target(target), self._alone(target, make_folder=is_elsewhere(picture, target)):
            return revise(target, change, announce=announce, restorable=False)

    @contextlib.contextmanager
    def _alone(self, target: Path, *, make_folder: bool) -> Iterator[None]:
        lock = target.with_name(f"{PREFIX}{target.name}.lock")
        with contextlib.ExitStack() as stack:
            try:
                if make_folder:
                    target.parent.mkdir(parents=True, exist_ok=True)
                stack.enter_context(locked(lock, self.options.lock_timeout))
            except OSError as error:
                raise output_error(target, error) from error
            yield


def _change(
    before: bytes | None,
    name: str,
    owned: frozenset[str],
    merging: _Merging,
    caption: _Caption,
) -> Revision:
    lines = _lines(before)
    at = _find(lines, name)
    notes = {note for note in owned if note.startswith(MARK)} if at is not None else {_LINE}
    line = object_layout(lines.items[at] if at is not None else dumps({"file_name": name}))
    merged = merging(_tags(line), at is not None)
    deleted = set(merged.deleted)
    _put_text(line, caption(merged.tags), notes, deleted)
    _put_tags(line, merged, notes)
    if _LINE in notes and line.keys == ["file_name"]:
        notes.clear()
        if at is not None:
            lines.remove(at)
    elif at is not None:
        lines.items[at] = str(line)
    else:
        lines.insert(
            len(lines.items),
            str(line) + ("\r" if lines.items and lines.items[-1].endswith("\r") else ""),
            "\n",
        )
    # A list whose last line was ours goes with it: an empty one is of no use to anybody.
    data = str(lines).encode("utf-8", "surrogateescape") if lines.items else None
    if not lines.items and at is None:
        data = before
    return Revision(data, merged.owned | notes, frozenset(deleted))


def _put_text(line: JsonObject, caption: str, notes: set[str], deleted: set[str]) -> None:
    """Write the caption, unless the text that stands there is a person's, or a person took ours away."""
    noted = next((note for note in notes if note.startswith(_TEXT)), None)
    if noted is None:
        theirs = "text" in line.keys
    else:
        theirs = line.get("text") != noted.removeprefix(_TEXT)
        notes.discard(noted)
        if "text" not in line.keys:
            deleted.add(noted)
    if theirs or any(note.startswith(_TEXT) for note in deleted):
        return
    if caption:
        if line.get("text") != caption:
            line.set("text", dumps(caption))
        notes.add(_TEXT + caption)
    else:
        line.drop("text")


def _put_tags(line: JsonObject, merged: Merged, notes: set[str]) -> None:
    if not merged.entries and (_TAGS in notes or "tags" not in line.keys):
        line.drop("tags")
        notes.discard(_TAGS)
    elif "tags" not in line.keys:
        line.set("tags", dumps(list(merged.tags)))
        notes.add(_TAGS)
    else:
        array = array_layout(line.raw("tags"))
        texts = [
            array.items[place] if place is not None and line.get("tags")[place] == text else dumps(text)
            for place, text in merged.entries
        ]
        array.follow(merged.entries, array.gap(", "), texts)
        line.set("tags", str(array))


def _tags(line: JsonObject) -> list[str]:
    tags = line.get("tags") if "tags" in line.keys else []
    if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        raise FormatError(f"the 'tags' of {line.get('file_name')!r} are not a list of strings; repair it")
    return tags


def _lines(data: bytes | None) -> ListLayout:
    if data is None:
        return ListLayout("", [], [], "\n")
    text = data.decode("utf-8", "surrogateescape")  # a line that is not UTF-8 is a person's, and stays
    behind = "\n" if text.endswith("\n") else ""
    text = text.removesuffix("\n")
    items = text.split("\n") if text else []
    return ListLayout("", items, ["\n"] * (len(items) - 1), behind)


def _find(lines: ListLayout, name: str) -> int | None:
    """The line of the picture called ``name``; anything but a JSON object is passed over."""
    spellings = {json.dumps(name), json.dumps(name, ensure_ascii=False)}
    for index, text in enumerate(lines.items):
        if any(spelling in text for spelling in spellings):
            with contextlib.suppress(ValueError, RecursionError):
                line = json.loads(text.removeprefix("\ufeff"))
                if isinstance(line, dict) and line.get("file_name") == name:
                    return index
    return None


def _file_name(picture: Path, target: Path) -> str:
    # relpath, not name: with a mirrored tree the picture lies elsewhere.
    return Path(os.path.relpath(picture, target.parent)).as_posix()
