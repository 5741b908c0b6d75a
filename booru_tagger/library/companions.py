"""Which files belong to a picture, and go where it goes."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from pathlib import Path

from booru_tagger.sources.listed import is_picture_name

_OF_STEM = frozenset((".txt", ".json", ".xmp", ".caption", ".cap", ".tags"))
"""Ends of files that are named after a picture without its extension, as trainers and Adobe do it."""


class Companions:
    """Finds the files beside pictures that were named after them: ``a.png.*``, and ``a.txt`` and the like
    where no other picture is called ``a``. Lists a folder once."""

    def __init__(self) -> None:
        self._folder: Path | None = None
        self._by_base: dict[str, list[str]] = {}
        self._stems: Counter[str] = Counter()

    def of(self, picture: Path) -> list[Path]:
        """Those that stand there, sorted. Raises OSError where the folder cannot be listed."""
        if picture.parent != self._folder:
            self._list(picture.parent)
        names = set(self._by_base.get(picture.name, ()))
        if self._stems[picture.stem] <= 1:
            names |= {
                name
                for name in self._by_base.get(picture.stem, ())
                if name.startswith(picture.stem) and name[len(picture.stem) :].lower() in _OF_STEM
            }
        return [path for name in sorted(names) if (path := picture.parent / name).is_file()]

    def _list(self, folder: Path) -> None:
        by_base: defaultdict[str, list[str]] = defaultdict(list)
        self._stems = Counter()
        for name in os.listdir(folder):  # noqa: PTH208 - names are all that is needed
            base = os.path.splitext(name)[0]  # noqa: PTH122
            if is_picture_name(name):
                self._stems[base] += 1
                continue
            while base and base != os.path.splitext(base)[0]:  # noqa: PTH122
                by_base[base].append(name)
                base = os.path.splitext(base)[0]  # noqa: PTH122
            by_base[base].append(name)
        self._folder, self._by_base = folder, dict(by_base)


def renamed(file: Path, picture: Path, name: str) -> str:
    """What a companion is called where its picture is called ``name``."""
    if file.name.startswith(picture.name):
        return name + file.name[len(picture.name) :]
    return Path(name).stem + file.name[len(picture.stem) :]
