"""Names for pictures in folders where many pictures are called the same, as the pages of books are."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from booru_tagger.files import bringing


@dataclass(slots=True)
class _Taken:
    """How many of the names from the first one on are taken, and by files of which sizes."""

    names: int = 0
    by_size: defaultdict[int, list[Path]] = field(default_factory=lambda: defaultdict(list))


class FreeNames:
    """Finds ``a.png``, ``a (2).png`` and so on; looks at none twice that was taken.

    ``place_now`` tells where the file is that a path stands for, or is promised to.
    """

    def __init__(self, place_now: Callable[[Path], Path]) -> None:
        self._place_now = place_now
        self._folders: dict[Path, dict[str, _Taken]] = {}

    def path(self, picture: Path, folder: Path, is_free: Callable[[Path], bool]) -> Path:
        """Where the picture stands in the folder, by whomever, or the first path in it that is free."""
        taken = self._folders.setdefault(folder, {}).setdefault(picture.name, _Taken())
        for target in taken.by_size.get(_size(picture), ()):
            if is_there(picture, self._place_now(target)):
                return target
        for number in count(taken.names + 1):
            target = folder / _numbered(picture.name, number)
            if is_there(picture, self._place_now(target)) or is_free(target):
                return target
            if number == taken.names + 1 and os.path.lexists(target):
                taken.names = number
                taken.by_size[_size(target)].append(target)
        raise AssertionError("numbers do not end")

    def forget(self, folder: Path) -> None:
        """Look anew: files were removed from the folder."""
        self._folders.pop(folder, None)


def is_there(picture: Path, target: Path) -> bool:
    """Whether the picture stands at the target, be it by another name of the file or by a copy."""
    return os.path.lexists(target) and (
        bringing.is_same_file(picture, target) or bringing.has_same_content(picture, target)
    )


def _numbered(name: str, number: int) -> str:
    if number == 1:
        return name
    stem, suffix = os.path.splitext(name)  # noqa: PTH122
    return f"{stem} ({number}){suffix}"


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1
