"""The list ``labels`` of a manifest: whom its recogniser knows."""

from __future__ import annotations

from typing import NamedTuple

from booru_tagger.models.manifest.fields import Table
from booru_tagger.vocab import CATEGORIES, CHARACTER, problem

_USUAL = frozenset({"tag", "series", "implied"})


class Label(NamedTuple):
    """A name that the recogniser gives: one column of its output ``character``.

    ``implied`` are tags that follow from it; ``series`` is a tag of the category copyright, or empty.
    """

    tag: str
    category: str = CHARACTER
    series: str = ""
    implied: tuple[str, ...] = ()
    threshold: float | None = None


def read_labels(table: Table) -> tuple[Label, ...]:
    """The list ``labels`` of the whole manifest."""
    items = table.items("labels", ()) if table.has("labels") else ()
    labels = tuple(
        _plain(item) or _label(Table(item, table.where, f"labels[{index}]"))
        for index, item in enumerate(items)
    )
    seen: set[str] = set()
    for index, label in enumerate(labels):
        if label.tag in seen:
            table.fail(f"labels[{index}].tag", f"{label.tag!r} is listed twice")
        seen.add(label.tag)
    return labels


def _plain(item: object) -> Label | None:
    """A character with nothing wrong and nothing rare about it.

    There are thousands of them, in a list that is read at each start: this is a few times as fast as
    :func:`_label`, which also says what is wrong.
    """
    if not isinstance(item, dict) or not _USUAL.issuperset(item):
        return None
    tag, series, implied = item.get("tag"), item.get("series", ""), item.get("implied", [])
    if not (isinstance(tag, str) and isinstance(series, str) and isinstance(implied, list)):
        return None
    for text in (tag, series, *implied) if series else (tag, *implied):
        if not isinstance(text, str) or problem(text):
            return None
    return Label(tag, CHARACTER, series, tuple(implied)) if len(set(implied)) == len(implied) else None


def _label(table: Table) -> Label:
    table.only("tag", "category", "series", "implied", "threshold")
    category = table.text("category", CHARACTER)
    if category not in CATEGORIES:
        table.fail("category", f"unknown category {category!r}; known: {', '.join(CATEGORIES)}")
    threshold = table.share("threshold") if table.has("threshold") else None
    return read_label(table, category, threshold)


def read_label(table: Table, category: str = CHARACTER, threshold: float | None = None) -> Label:
    """A character with what it implies: the keys ``tag``, ``series`` and ``implied``."""
    label = Label(
        table.text("tag"), category, table.text("series", ""), table.texts("implied", ()), threshold
    )
    named = [("tag", label.tag), *(("implied", tag) for tag in label.implied)]
    for key, value in (*named, *([("series", label.series)] if label.series else [])):
        if reason := problem(value):
            table.fail(key, f"{value!r} is not a tag: {reason}")
    return label
