"""The page on which people upload pictures and see their tags."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from booru_tagger.drawing.templates import Markup, Pieces

_fill = Pieces("booru_tagger.server.tagging", "page.html").fill


def page(items: Iterable[Mapping[str, Any]] = ()) -> str:
    """The form, and below it the tags of pictures; items as :func:`answers.evaluation` makes them."""
    return _fill(
        "page", pictures=[_fill("picture", name=one["filename"], tags=_tags(one["tags"])) for one in items]
    )


def _tags(tags: Mapping[str, float]) -> Markup:
    rows = [
        _fill("tag", name=name, score=f"{score:.4f}", percent=f"{score:.0%}") for name, score in tags.items()
    ]
    return _fill("tags", rows=rows) if rows else _fill("no_tags")
