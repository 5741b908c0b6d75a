"""Where the sidecars of a picture lie, and which pictures would share one.

``full`` keeps the picture's whole name (``a.png.txt``: hydrus, gallery-dl, digiKam), ``stem`` drops its
extension (``a.txt``: trainers). With ``output`` the same tree grows in another folder.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from booru_tagger.errors import OutputError

Scheme = Literal["full", "stem"]


@dataclass(frozen=True, slots=True)
class Naming:
    """How a picture's path becomes that of its sidecar.

    Below ``output`` stands the picture's path relative to the innermost of ``roots`` that holds it; without
    roots, its name alone.
    """

    scheme: Scheme = "full"
    output: Path | None = None
    roots: tuple[Path, ...] = ()

    def sidecar(self, picture: Path, extension: str) -> Path:
        """``extension`` with its dot. Raises :class:`OutputError` for a picture in none of the roots."""
        name = picture.name if self.scheme == "full" else picture.stem
        return self.folder(picture) / (name + extension)

    def folder(self, picture: Path) -> Path:
        """The folder in which the picture's sidecars lie."""
        if self.output is None:
            return picture.parent
        return self.output / self._relative(picture).parent

    def _relative(self, picture: Path) -> Path:
        if not self.roots:
            return Path(picture.name)
        full = _absolute(picture)
        holding = [root for root in map(_absolute, self.roots) if full.is_relative_to(root)]
        if not holding:
            raise OutputError(
                f"{picture}: lies in none of the folders that are mirrored into {self.output}; "
                "name its folder too, or leave out --output"
            )
        return full.relative_to(max(holding, key=lambda root: len(root.parts)))


def _absolute(path: Path) -> Path:
    # Not resolve(): a linked folder is mirrored under the name the user gave it. abspath drops "..".
    return Path(os.path.abspath(path))  # noqa: PTH100


def collisions(pictures: Iterable[Path], naming: Naming) -> dict[Path, tuple[Path, ...]]:
    """Sidecars (without extension) that several of ``pictures`` would be written to, with those pictures.

    The same picture named twice is no collision.
    """
    claims: defaultdict[str, dict[str, Path]] = defaultdict(dict)
    for picture in pictures:
        place = os.path.normcase(_absolute(naming.sidecar(picture, "")))
        claims[place].setdefault(os.path.normcase(_absolute(picture)), picture)
    return {Path(place): tuple(found.values()) for place, found in claims.items() if len(found) > 1}


def refuse_collisions(pictures: Iterable[Path], naming: Naming) -> None:
    """Raises :class:`OutputError` that names the first two pictures which would share a sidecar."""
    for place, (first, second, *_) in collisions(pictures, naming).items():
        raise _collision(first, second, place, naming)


def refuse_rival(picture: Path, naming: Naming, suffixes: Iterable[str]) -> None:
    """The same for one picture of an endless stream: a few dozen look-ups instead of a listing.

    ``suffixes`` are the extensions of pictures, with the dot, in lower case; upper case is tried as well.
    Raises :class:`OutputError` where another picture on the disk would be written to the same sidecar.
    """
    for rival in _rivals(picture, naming, suffixes):
        if rival.is_file() and not rival.samefile(picture):
            raise _collision(min(picture, rival), max(picture, rival), naming.sidecar(picture, ""), naming)


def _rivals(picture: Path, naming: Naming, suffixes: Iterable[str]) -> Iterable[Path]:
    if naming.scheme == "stem":
        names = [picture.stem + form for suffix in suffixes for form in (suffix, suffix.upper())]
    else:
        names = [picture.name]
    folders = [picture.parent]
    if naming.output is not None and naming.roots:
        inside = naming._relative(picture).parent
        folders += [root / inside for root in naming.roots]
    return (folder / name for folder in folders for name in names if folder / name != picture)


def _collision(first: Path, second: Path, place: Path, naming: Naming) -> OutputError:
    message = f"{first} and {second} would both be written to {place}.*; "
    if naming.scheme == "stem":
        message += f"use --sidecar-name full ({first.name}.*, {second.name}.*), or rename one of them"
    else:
        message += "write them to different --output folders, one run each"
    return OutputError(message)
