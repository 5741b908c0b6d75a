"""Finds the faces in anime art, says who they are, and gives the picture booru tags.

    >>> from booru_tagger import Tagger
    >>> Tagger().tag("picture.jpg").tags  # doctest: +SKIP

Importing the package loads nothing heavy: the names below are looked up on first use.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from booru_tagger.app import tag_folder
    from booru_tagger.config import Settings
    from booru_tagger.tagging.options import TaggerOptions
    from booru_tagger.tagging.tagger import Tagger, tag_paths
    from booru_tagger.types import TagResult

__all__ = ["Settings", "TagResult", "Tagger", "TaggerOptions", "tag_folder", "tag_paths"]

_HOMES = {
    "Settings": "booru_tagger.config",
    "tag_folder": "booru_tagger.app",
    "TagResult": "booru_tagger.types",
    "Tagger": "booru_tagger.tagging.tagger",
    "TaggerOptions": "booru_tagger.tagging.options",
    "tag_paths": "booru_tagger.tagging.tagger",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
