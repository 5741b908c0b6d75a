"""Pictures labelled by booru metadata: JSON lines as Danbooru's dumps, gallery-dl and others write them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from booru_export.data.layouts import PictureListing
from booru_export.data.tables import FaceItem
from booru_tagger.errors import DataError
from booru_tagger.sources.booru_posts import characters, file_keys, posts_in
from booru_tagger.sources.listed import is_picture_name


def read_danbooru(place: Path, images: Path | None = None) -> PictureListing:
    """Pictures with exactly one character tag, from ``*.json``/``*.jsonl`` (a file, or all in a folder).

    ``images`` is where the pictures lie, in any folders below it: by default the metadata's own folder. They
    are found by the names that boorus give them: the post's number, the MD5 of the file, or the file name in
    the metadata. Posts of one family (``parent_id``) are one group. Raises :class:`DataError`.
    """
    tables = [place] if place.is_file() else sorted(path for path in place.rglob("*.json*") if path.is_file())
    if not tables:
        raise DataError(f"{place}: no .json or .jsonl file in it")
    folder = images or (place.parent if place.is_file() else place)
    known = _Pictures(folder)
    listing = PictureListing()
    for table in tables:
        for row in posts_in(table, lambda reason: listing.left_out.update([reason])):
            _read_post(row, known, listing, folder.name)
    if not listing.items and listing.left_out:
        worst, count = listing.left_out.most_common(1)[0]
        raise DataError(f"{place}: no usable post; {count:,} of them: {worst}. Pictures sought in {folder}")
    return listing


class _Pictures:
    """Where each picture below a folder lies, by file name and by its stem."""

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise DataError(f"{folder}: no such folder; say with --images where the pictures are")
        self._places: dict[str, Path] = {}
        for here, _, names in os.walk(folder):
            for name in names:
                if is_picture_name(name):
                    stem, _ = os.path.splitext(name)  # noqa: PTH122 (hundreds of thousands of them)
                    self._places[name] = self._places[stem] = Path(here, name)

    def of(self, post: Mapping[str, Any]) -> Path | None:
        return next((self._places[key] for key in file_keys(post) if key in self._places), None)


def _read_post(post: Mapping[str, Any], known: _Pictures, listing: PictureListing, source: str) -> None:
    who = characters(post)
    if len(who) != 1:
        listing.left_out["no character tag" if not who else "several character tags"] += 1
    elif (path := known.of(post)) is None:
        listing.left_out["the picture is not there"] += 1
    else:
        family = post.get("parent_id") or post.get("id") or post.get("md5") or path.stem
        listing.items.append(FaceItem(path, who[0], source, f"post:{family}"))
