"""Tagged pictures that stand on the disk: what `sort` and `crops` work on."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from booru_tagger.app.parts import make_walk
from booru_tagger.app.tagging import STDIN
from booru_tagger.config import ReadingSettings
from booru_tagger.journal import Journal
from booru_tagger.sources.listed import Item, from_list, from_paths
from booru_tagger.types import PictureError, TagResult


def standing(
    paths: Sequence[str], reading: ReadingSettings, *, null: bool = False, exclude: Path | None = None
) -> Iterator[Item]:
    """The pictures of ``paths``: files, folders, and ``-`` for a list on standard input. No path comes twice.

    What lies below the folder ``exclude`` is left out.
    """
    walk = make_walk(reading)
    seen: set[Path] = set()
    for path in paths:
        if path == STDIN:
            items: Iterator[Item | None] = from_list(
                sys.stdin.buffer, walk, separator=b"\0" if null else b"\n"
            )
        else:
            items = from_paths([Path(path)], walk)
        for item in items:
            if isinstance(item, TagResult):
                yield item
            elif item is not None and item not in seen and not _is_below(item, exclude):
                seen.add(item)
                yield item


def _is_below(picture: Path, folder: Path | None) -> bool:
    return folder is not None and picture.parent.resolve().is_relative_to(folder)


def written_for(picture: Path, journal: Journal) -> TagResult | PictureError:
    """What was written for a picture, or why that cannot be told. Raises :class:`OutputError`."""
    if not picture.exists():
        return PictureError("unreadable", f"{picture}: there is no such file or folder")
    entry = journal.entry(picture)
    if entry is None or entry.result is None:
        return PictureError("not-tagged", f"{picture}: was not tagged yet; begin with: booru-tagger tag")
    if not journal.is_unchanged(picture):
        return PictureError("changed", f"{picture}: has changed since it was tagged; tag it again")
    return entry.result
