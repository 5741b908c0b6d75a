"""The whole result as JSON beside the picture: faces, boxes, scores, candidates.

A file of ours may be edited: keys and tags that people add stay. A JSON file that is not ours (a downloader's
metadata, say) keeps every byte and gets our result as one more member, ``booru_tagger``.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from booru_tagger.types import SCHEMA, Tag, TagResult
from booru_tagger.writers.base import CREATED, FormatError, Job, Revision, plain
from booru_tagger.writers.json_text import dumps, loads, object_layout
from booru_tagger.writers.merge import Merged, merge_job, take_out
from booru_tagger.writers.sidecar import Sidecar

GUEST_KEY = "booru_tagger"
"""The member that holds our result in a JSON file that somebody else made."""
BY_PERSON = "tags_by_person"
"""A member in which people may list their own tags; it is kept like every key that is not ours."""

_OURS = frozenset(TagResult("").to_json())

_Record = dict[str, Any]


class JsonWriter(Sidecar):
    """``a.png.json``: :meth:`TagResult.to_json`, with ``tags`` as the policy left them and ``path`` seen from
    the sidecar's folder, so that a folder can move."""

    name = "json"
    extension = ".json"

    def tags(self, content: bytes) -> list[str]:
        whole = _loaded(content)
        record = whole if _is_ours(whole) else whole.get(GUEST_KEY, {})
        by_person = record.get(BY_PERSON) or []
        return [*map(_text, _tags(record)), *(tag for tag in by_person if isinstance(tag, str))]

    def is_empty(self, content: bytes) -> bool:
        return not _loaded(content)

    def merged(self, before: bytes | None, job: Job) -> Revision:
        if before is None:
            record, merged = _updated({}, job)
            return Revision(_pretty(record), merged.owned | {CREATED}, merged.deleted)
        whole = _loaded(before)
        guest = not _is_ours(whole)
        old = whole.get(GUEST_KEY) if guest else whole
        if isinstance(old, dict):
            record, merged = _updated(old, job)
        else:
            record, merged = _updated({}, replace(job, owned=frozenset()))
        owned = merged.owned | (job.owned & {CREATED})  # a file without tags has faces, and may still be ours
        if record == old:
            return Revision(before, owned, merged.deleted)
        return Revision(_with_guest(before, record) if guest else _pretty(record), owned, merged.deleted)

    def stripped(self, before: bytes, owned: frozenset[str]) -> Revision:
        whole = _loaded(before)
        guest = not _is_ours(whole)
        old = whole.get(GUEST_KEY) if guest else whole
        if not isinstance(old, dict):
            return Revision(before, frozenset(), plain(owned))
        entries = _tags(old)
        merged = take_out(list(map(_text, entries)), owned)
        left = merged.items(entries, {})
        record = _without_us(old, left) if guest or CREATED in owned else old | {"tags": left}
        data = _with_guest(before, record) if guest else _pretty(record)
        return Revision(before if record == old else data, frozenset(), merged.deleted)


def _updated(record: _Record, job: Job) -> tuple[_Record, Merged]:
    fresh = job.result.to_json() | {"path": _seen_from(job.target.parent, job.picture)}
    entries = _tags(record)
    merged = merge_job(list(map(_text, entries)), job, [tag.tag for tag in job.tags])
    return record | fresh | {"tags": _listed(merged, entries, job.tags)}, merged


def _loaded(data: bytes) -> _Record:
    whole = loads(data.decode())
    if not isinstance(whole, dict):
        raise FormatError(f"holds a JSON {type(whole).__name__}, not an object; move it away")
    return whole


def _is_ours(whole: Mapping[str, Any]) -> bool:
    return whole.get("schema") == SCHEMA and ("faces" in whole or "tags" in whole)


def _without_us(record: _Record, left: list[Any]) -> _Record:
    """What people put into a record of ours; it stays known as ours. Empty where they put nothing."""
    theirs = {key: value for key, value in record.items() if key not in _OURS}
    return {"schema": SCHEMA, "tags": left} | theirs if theirs or left else {}


def _tags(record: Mapping[str, Any]) -> list[Any]:
    tags = record.get("tags", [])
    if not isinstance(tags, list):
        raise FormatError("its 'tags' are not a list; make them one or move the file away")
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


def _with_guest(before: bytes, record: _Record) -> bytes:
    whole = object_layout(before.decode())
    if record:
        whole.set(GUEST_KEY, dumps(record, indent=2))
    else:
        whole.drop(GUEST_KEY)
    return str(whole).encode()
