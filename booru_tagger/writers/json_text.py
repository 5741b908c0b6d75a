"""JSON edited in place: what we don't touch keeps its bytes, down to a person's blanks and escapes."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from booru_tagger.writers.base import FormatError
from booru_tagger.writers.layout import ListLayout

_DECODER = json.JSONDecoder()
_BOM = "\ufeff"
_BLANKS = re.compile(rf"[{_BOM} \t\r\n]*")


def dumps(value: Any, indent: int | None = None) -> str:
    """JSON with real letters; escapes where a file name is not valid Unicode."""
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(value, indent=indent)
    return text


def loads(text: str) -> Any:
    """Raises :class:`FormatError` where it is not JSON. Passes over a byte order mark."""
    try:
        return json.loads(text.removeprefix(_BOM))
    except (ValueError, RecursionError) as error:
        raise FormatError(f"is not valid JSON ({error}); repair it or move it away") from error


@dataclass(slots=True)
class JsonObject:
    """The text of a JSON object, member by member."""

    layout: ListLayout
    keys: list[str]
    values: list[Any]

    def __str__(self) -> str:
        return str(self.layout)

    def get(self, key: str) -> Any:
        """The member's value, ``None`` where there is no such member."""
        return self.values[self.keys.index(key)] if key in self.keys else None

    def raw(self, key: str) -> str:
        """The text of the member's value."""
        item = self.layout.items[self.keys.index(key)]
        return item[_value_start(item) :]

    def set(self, key: str, raw: str) -> None:
        """Make ``raw``, JSON, the member's value; a new member goes last. In an object that is laid out on
        lines of its own, so is the value."""
        gap = self.layout.gap(", ")
        _, newline, indent = gap.rpartition("\n")
        raw = raw.replace("\n", newline + indent) if newline else raw
        if key in self.keys:
            index = self.keys.index(key)
            item = self.layout.items[index]
            self.layout.items[index] = item[: _value_start(item)] + raw
            self.values[index] = json.loads(raw)
        else:
            self.layout.insert(len(self.keys), f"{json.dumps(key)}: {raw}", gap)
            self.keys.append(key)
            self.values.append(json.loads(raw))

    def drop(self, key: str) -> None:
        if key in self.keys:
            index = self.keys.index(key)
            self.layout.remove(index)
            del self.keys[index], self.values[index]


def object_layout(text: str) -> JsonObject:
    """Take apart an object. ``text`` is valid JSON for one, blanks around it allowed."""
    layout, keys, values = _take_apart(text, in_object=True)
    return JsonObject(layout, keys, values)


def array_layout(text: str) -> ListLayout:
    """Take apart an array: its items' JSON. ``text`` is valid JSON for one."""
    return _take_apart(text, in_object=False)[0]


def _take_apart(text: str, in_object: bool) -> tuple[ListLayout, list[str], list[Any]]:
    first = _skip(text, 0) + 1
    position = _skip(text, first)
    spans: list[tuple[int, int]] = []
    keys: list[str] = []
    values: list[Any] = []
    while text[position] not in "]}":
        begin = position
        if in_object:
            key, position = _DECODER.raw_decode(text, position)
            keys.append(key)
            position = _skip(text, _skip(text, position) + 1)  # over the colon
        value, position = _DECODER.raw_decode(text, position)
        values.append(value)
        spans.append((begin, position))
        position = _skip(text, position)
        if text[position] == ",":
            position = _skip(text, position + 1)
    if not spans:
        return ListLayout(text[:first], [], [], text[first:]), keys, values
    items = [text[begin:end] for begin, end in spans]
    gaps = [text[end:begin] for (_, end), (begin, _) in pairwise(spans)]
    return ListLayout(text[: spans[0][0]], items, gaps, text[spans[-1][1] :]), keys, values


def _value_start(item: str) -> int:
    _, after_key = _DECODER.raw_decode(item, 0)
    return _skip(item, _skip(item, after_key) + 1)  # over the colon


def _skip(text: str, position: int) -> int:
    match = _BLANKS.match(text, position)
    return match.end() if match else position
