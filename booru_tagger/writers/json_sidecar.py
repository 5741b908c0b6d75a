"""The whole result as JSON beside the picture: faces, boxes, scores, candidates.

A file of ours may be edited: keys and tags that people add stay. A JSON file that is not ours (a downloader's
metadata, say) keeps every byte and gets our result as one more member, ``booru_tagger``.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from booru_tagger.errors import OutputError
from booru_tagger.types import SCHEMA, Tag, TagResult
from booru_tagger.writers.atomic import Change, read_target, revise
from booru_tagger.writers.base import CREATED, Job, Written, plain
from booru_tagger.writers.json_text import decoded, dumps, loads, object_layout
from booru_tagger.writers.merge import Merged, merge, take_out
from booru_tagger.writers.naming import WriterOptions

GUEST_KEY = "booru_tagger"
"""The member that holds our result in a JSON file that somebody else made."""
BY_PERSON = "tags_by_person"
"""A member in which people may list their own tags; it is kept like every key that is not ours."""

_OURS = frozenset(TagResult("").to_json())

_Record = dict[str, Any]


class JsonWriter:
    """``a.png.json``: :meth:`TagResult.to_json`, with ``tags`` as the policy left them and ``path`` seen from
    the sidecar's folder, so that a folder can move."""

    name = "json"

    def __init__(self, options: WriterOptions) -> None:
        self.naming = options.naming

    def target(self, picture: Path) -> Path:
        return self.naming.sidecar(picture, ".json")

    def read(self, picture: Path) -> tuple[str, ...]:
        target = self.target(picture)
        data = read_target(target)
        if data is None:
            return ()
        whole = _loaded(data, target)
        record = whole if _is_ours(whole) else whole.get(GUEST_KEY, {})
        by_person = record.get(BY_PERSON) or []
        return (*map(_text, _tags(record, target)), *(tag for tag in by_person if isinstance(tag, str)))

    def write(self, job: Job) -> Written:
        target = self.target(job.picture)
        fresh = job.result.to_json() | {"path": _seen_from(target.parent, job.picture)}

        def updated(record: _Record, standing: bool) -> tuple[_Record, Merged]:
            entries = _tags(record, target)
            owned = plain(job.owned) if standing else frozenset()
            merged = merge(list(map(_text, entries)), [tag.tag for tag in job.tags], owned, job.deleted)
            return record | fresh | {"tags": _listed(merged, entries, job.tags)}, merged

        def change(before: bytes | None) -> Change:
            if before is None:
                record, merged = updated({}, False)
                return Change(_pretty(record), merged.owned | {CREATED}, merged.deleted)
            whole = _loaded(before, target)
            guest = not _is_ours(whole)
            old = whole.get(GUEST_KEY) if guest else whole
            record, merged = updated(old if isinstance(old, dict) else {}, isinstance(old, dict))
            owned = merged.owned | (job.owned & {CREATED})
            if record == old:
                return Change(before, owned, merged.deleted)
            data = _with_guest(before.decode(), record) if guest else _pretty(record)
            return Change(data, owned, merged.deleted)

        return revise(target, change, announce=job.announce, make_folder=self.naming.output is not None)

    def remove(self, picture: Path, owned: frozenset[str]) -> Written:
        target = self.target(picture)

        def change(before: bytes | None) -> Change:
            if before is None:
                return Change(None, frozenset(), frozenset())
            whole = _loaded(before, target)
            guest = not _is_ours(whole)
            old = whole.get(GUEST_KEY) if guest else whole
            if not isinstance(old, dict):
                return Change(before, frozenset(), plain(owned))
            entries = _tags(old, target)
            merged = take_out(list(map(_text, entries)), plain(owned))
            left = [entries[entry.place] for entry in merged.entries if entry.place is not None]
            record = _without_us(old, left) if guest or CREATED in owned else old | {"tags": left}
            data = _with_guest(before.decode(), record) if guest else _pretty(record) if record else None
            return Change(before if record == old else data, frozenset(), merged.deleted)

        return revise(target, change)


def _loaded(data: bytes, target: Path) -> _Record:
    whole = loads(decoded(data, target), str(target))
    if not isinstance(whole, dict):
        raise OutputError(f"{target}: holds a JSON {type(whole).__name__}, not an object; move it away")
    return whole


def _is_ours(whole: Mapping[str, Any]) -> bool:
    return whole.get("schema") == SCHEMA and ("faces" in whole or "tags" in whole)


def _without_us(record: _Record, left: list[Any]) -> _Record:
    """What people put into a record of ours; it stays known as ours. Empty where they put nothing."""
    theirs = {key: value for key, value in record.items() if key not in _OURS}
    return {"schema": SCHEMA, "tags": left} | theirs if theirs or left else {}


def _tags(record: Mapping[str, Any], target: Path) -> list[Any]:
    tags = record.get("tags", [])
    if not isinstance(tags, list):
        raise OutputError(f"{target}: its 'tags' are not a list; make them one or move the file away")
    return tags


def _text(entry: Any) -> str:
    """The tag of an entry: ours are objects, people may write a plain string; all else stays opaque."""
    if isinstance(entry, dict) and "tag" in entry:
        return str(entry["tag"])
    return entry if isinstance(entry, str) else dumps(entry)


def _listed(merged: Merged, entries: Sequence[Any], tags: Sequence[Tag]) -> list[Any]:
    ours = {tag.tag: tag.to_json() for tag in reversed(tags)}
    listed = []
    for place, text in merged.entries:
        old = entries[place] if place is not None else {}
        if text not in merged.owned:
            listed.append(old)
        else:
            listed.append((old if isinstance(old, dict) else {}) | ours[text])
    return listed


def _seen_from(folder: Path, picture: Path) -> str:
    # relpath, not relative_to: with a mirrored tree the picture lies outside the sidecar's folder.
    return Path(os.path.relpath(picture, folder)).as_posix()


def _pretty(record: _Record) -> bytes:
    return (dumps(record, indent=2) + "\n").encode()


def _with_guest(text: str, record: _Record) -> bytes:
    whole = object_layout(text)
    if record:
        whole.set(GUEST_KEY, dumps(record, indent=2))
    else:
        whole.drop(GUEST_KEY)
    return str(whole).encode()
