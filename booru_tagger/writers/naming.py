"""Where the sidecars of a picture lie, which pictures would share one, and what else a user can choose.

``full`` keeps the picture's whole name (``a.png.txt``: hydrus, gallery-dl, digiKam), ``stem`` drops its
extension (``a.txt``: trainers), and ``stem-or-full`` does that where no other picture has the same stem. With
``output`` the same tree grows in another folder.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from booru_tagger.errors import OutputError
from booru_tagger.files.bringing import is_same_file
from booru_tagger.types import Tag
from booru_tagger.vocab import escape, to_spaces

Scheme = Literal["full", "stem", "stem-or-full"]


@dataclass(frozen=True, slots=True)
class Naming:
    """How a picture's path becomes that of its sidecar.

    Below ``output`` stands the picture's path relative to the innermost of ``roots`` that holds it; without
    roots, its name alone. ``suffixes`` are the extensions of pictures, with the dot, in lower case: by them,
    and the same in upper case, pictures of the same stem are looked for.
    """

    scheme: Scheme = "full"
    output: Path | None = None
    roots: tuple[Path, ...] = ()
    suffixes: Collection[str] = field(default=(), repr=False)

    def sidecar(self, picture: Path, extension: str) -> Path:
        """``extension`` with its dot. Raises :class:`OutputError` for a picture in none of the roots."""
        return self.folder(picture) / (self._name(picture) + extension)

    def rivals(self, picture: Path) -> Iterator[Path]:
        """Other pictures on the disk that would be written to the sidecar of ``picture``."""
        name = self._name(picture)
        names = [name] if self.scheme != "stem" else []
        names += self._named(name) if self.scheme != "full" else []
        return (rival for rival in self._standing(picture, names) if self._name(rival) == name)

    def _name(self, picture: Path) -> str:
        if self.scheme == "full":
            return picture.name
        if self.scheme == "stem-or-full" and any(self._standing(picture, self._named(picture.stem))):
            return picture.name
        return picture.stem

    def _named(self, stem: str) -> list[str]:
        return [stem + form for suffix in self.suffixes for form in (suffix, suffix.upper())]

    def _standing(self, picture: Path, names: Collection[str]) -> Iterator[Path]:
        """Those of ``names`` that are other pictures whose sidecars lie in the same folder."""
        folders = [picture.parent]
        if self.output is not None and self.roots:
            inside = self._relative(picture).parent
            folders += [root / inside for root in self.roots]
        for path in (folder / name for folder in folders for name in names):
            if path != picture and path.is_file() and not is_same_file(path, picture):
                yield path

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


def refuse_rival(picture: Path, naming: Naming) -> None:
    """Raises :class:`OutputError` where another picture on the disk would be written to the same sidecar.

    A few dozen look-ups instead of a listing, so that it can be asked for each picture of an endless stream.
    """
    for rival in naming.rivals(picture):
        raise _collision(min(picture, rival), max(picture, rival), naming.sidecar(picture, ""), naming)


def _collision(first: Path, second: Path, place: Path, naming: Naming) -> OutputError:
    message = f"{first} and {second} would both be written to {place}.*; "
    if naming.scheme != "full" and first.name != second.name:
        message += f"use --sidecar-name full ({first.name}.*, {second.name}.*), or rename one of them"
        if naming.scheme == "stem":
            message += "; --sidecar-name stem-or-full does so for such pictures alone"
    else:
        message += "write them to different --output folders, one run each"
    return OutputError(message)


@dataclass(frozen=True, slots=True)
class WriterOptions:
    """Choices of all writers together; each takes what concerns it.

    ``spaces`` writes ``blonde hair`` for ``blonde_hair`` in captions, lists and metadata (hydrus always does,
    the json sidecar never); ``escape_brackets`` writes ``\\(`` and ``\\)`` in captions, for prompts.
    ``keep_mtime`` leaves a picture's modification time as it was when metadata are embedded.
    ``lock_timeout`` is how many seconds to wait for another process at a list that many pictures share.
    """

    naming: Naming = field(default_factory=Naming)
    spaces: bool = False
    escape_brackets: bool = False
    keep_mtime: bool = False
    lock_timeout: float = 30.0

    def spell(self, tag: Tag) -> str:
        """A tag as metadata shall show it."""
        return to_spaces(tag.tag) if self.spaces and not tag.is_literal else tag.tag

    def caption(self, tag: Tag) -> str:
        """A tag as captions shall have it."""
        return escape(self.spell(tag)) if self.escape_brackets and not tag.is_literal else self.spell(tag)
