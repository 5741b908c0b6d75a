"""Finite sources of pictures: files and folders that were named, and lists of paths that are read.

A source yields the paths to try, in the order named, folders sorted by name. What goes wrong on the way (a
folder without permission, a folder where a picture should be) comes as a failed :class:`TagResult` in its
place, and the rest goes on. A file that was named is always tried, whatever it is called; in a folder only
what looks like a picture is.
"""

from __future__ import annotations

import glob
import itertools
import json
import os
import stat
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path, PurePath
from typing import BinaryIO, TypeAlias, TypeVar

from booru_tagger.files.ignored import ALWAYS, Ignored
from booru_tagger.files.text import utf8
from booru_tagger.types import PictureError, TagResult

Item: TypeAlias = Path | TagResult
"""A path to try, or what is wrong with it already."""

_SUFFIXES = frozenset(
    f".{name}"
    for name in (
        *("apng", "avif", "avifs", "bmp", "dib", "gif", "heic", "heif", "j2c", "j2k", "jfif", "jp2", "jpc"),
        *("jpe", "jpeg", "jpf", "jpg", "jpx", "jxl", "mpo", "pbm", "pcx", "pgm", "png", "pnm", "ppm", "psd"),
        *("qoi", "tga", "tif", "tiff", "webp"),
    )
)
"""Formats that art comes in; icons, fonts and documents that Pillow also opens are left alone."""

_CHUNK = 65_536
_LONGEST_PATH = 65_536
"""Bytes of a path in a list; no system allows more, so a longer one is not a list of paths."""


@cache
def suffixes(*, videos: bool = False) -> frozenset[str]:
    """Lower-case file name extensions, with the dot, that count as pictures in a folder, or as videos."""
    from PIL import Image  # not needed to name files, only to walk folders

    from booru_tagger.moving import VIDEO_SUFFIXES

    pictures = _SUFFIXES & Image.registered_extensions().keys()
    return pictures | VIDEO_SUFFIXES if videos else pictures


@dataclass(frozen=True, slots=True)
class PictureSuffixes(Collection[str]):
    """What :func:`suffixes` gives, asked for when it is first needed: Pillow loads all its formats for it."""

    videos: bool = False

    def __iter__(self) -> Iterator[str]:
        return iter(suffixes(videos=self.videos))

    def __len__(self) -> int:
        return len(suffixes(videos=self.videos))

    def __contains__(self, suffix: object) -> bool:
        return suffix in suffixes(videos=self.videos)


def is_picture_name(name: str, *, videos: bool = False) -> bool:
    """Whether a file of this name in a folder is to be tried: a picture by its extension, and not hidden."""
    return _ends_in_one_of(suffixes(videos=videos), name)


def _ends_in_one_of(wanted: frozenset[str], name: str) -> bool:
    dot = name.rfind(".")  # asked for each file of a folder, and splitext takes as long as listing it
    return dot > 0 and name[0] != "." and name[dot:].lower() in wanted


@dataclass(frozen=True, slots=True)
class Walk:
    """How folders are gone through.

    Videos count as pictures where ``videos``. Links to files are tried where ``file_links``, links to folders
    followed where ``follow_links``. No folder is gone through twice, so loops end. ``exclude`` holds resolved
    paths never yielded from a folder; ``ignored`` is asked about paths below the folder that was named.
    """

    recursive: bool = True
    follow_links: bool = False
    file_links: bool = True
    exclude: frozenset[Path] = frozenset()
    ignored: Ignored = ALWAYS
    videos: bool = False
    _seen: set[tuple[int, int]] = field(default_factory=set)

    def pictures(self, folder: Path) -> Iterator[Item]:
        """Pictures of ``folder``, sorted, then those of each folder below it."""
        pending = [folder]
        while pending:
            here = pending.pop()
            try:
                if self._is_new(here):
                    names, below = self._list(here, _prefix(here, folder))
                    for name in names:
                        path = here / name
                        if not self.exclude or path.resolve() not in self.exclude:
                            yield path
                    pending.extend(reversed([here / name for name in below]))
            except OSError as error:
                yield failure(here, "unreadable", f"the folder cannot be read: {error.strerror or error}")

    def _is_new(self, folder: Path) -> bool:
        status = folder.stat()
        identity = (status.st_dev, status.st_ino)
        if identity in self._seen:
            return False
        self._seen.add(identity)
        return True

    def _list(self, folder: Path, prefix: str) -> tuple[list[str], list[str]]:
        files, folders, wanted = [], [], suffixes(videos=self.videos)
        with os.scandir(folder) as entries:
            for entry in entries:
                name = entry.name
                looks_like_one = _ends_in_one_of(wanted, name)
                if not looks_like_one and entry.is_file(follow_symlinks=False):
                    continue  # most are tag files, of which nothing else is asked
                if self.ignored.hides_entry(prefix + name):
                    continue
                if entry.is_dir(follow_symlinks=self.follow_links):
                    folders.append(name)
                elif looks_like_one and self._is_wanted(entry):
                    files.append(name)
        return sorted(files), sorted(folders) if self.recursive else []

    def _is_wanted(self, entry: os.DirEntry[str]) -> bool:
        return (self.file_links or not entry.is_symlink()) and _may_be_file(entry)


def _prefix(here: Path, folder: Path) -> str:
    """What stands before the names in ``here`` where paths are relative to ``folder``."""
    return "" if here == folder else f"{here.relative_to(folder).as_posix()}/"


def _may_be_file(entry: os.DirEntry[str]) -> bool:
    """Not so for sockets, pipes, devices and links to folders; a broken link is tried, and fails visibly."""
    try:
        return entry.is_file() or (entry.is_symlink() and not Path(entry.path).exists())
    except OSError:
        return True


def failure(path: Path, kind: str, reason: str) -> TagResult:
    """A failed result for what never came as far as the tagger."""
    return TagResult(path=str(path), error=PictureError(kind, f"{path}: {reason}"))


def from_paths(paths: Iterable[Path], walk: Walk | None) -> Iterator[Item]:
    """The pictures of ``paths``: each file as it is, each folder gone through as ``walk`` says.

    Without ``walk`` a folder is a failure.
    """
    for path in paths:
        if "\0" in str(path):
            yield failure(path, "input", "a null byte in a path")
        elif not _is_folder(path):
            yield path
        elif walk is not None:
            yield from walk.pictures(path)
        else:
            yield failure(path, "folder", "this is a folder; give --batch to tag the pictures in it")


def _is_folder(path: Path) -> bool:
    try:
        return stat.S_ISDIR(path.stat().st_mode)
    except OSError:
        return False


Elsewhere: TypeAlias = Callable[[str], Item | None]
"""The item of a line of a list that names no file here, or ``None``: it does."""


def _nowhere_else(name: str) -> None:
    return None


def from_list(
    stream: BinaryIO,
    walk: Walk | None,
    *,
    separator: bytes = b"\n",
    elsewhere: Elsewhere = _nowhere_else,
) -> Iterator[Item | None]:
    """The pictures of a list of paths, read as it comes; like :func:`from_paths` otherwise.

    Yields ``None`` whenever the next read may have to wait, so that whoever works through the list can hand
    out what is done by then. Empty lines are passed over, and a carriage return at the end of a line.
    UTF-16 and a byte-order mark are understood.
    """
    pending = b""
    stream = utf8(stream, may_hold_nulls=separator == b"\0")
    while True:
        yield None
        chunk = stream.read1(_CHUNK)  # what there is: a full chunk is not waited for
        *complete, pending = (pending + chunk).split(separator)
        if not chunk:
            complete = [pending]
        for name in complete:
            line = name.removesuffix(b"\r") if separator == b"\n" else name
            yield from _from_line(line, walk, elsewhere)
        if not chunk:
            return
        if len(pending) > _LONGEST_PATH:
            start = Path(os.fsdecode(pending[:60]))
            yield failure(start, "input", "this is not a list of paths: no end of the line in 65,536 bytes")
            return


def from_pattern(pattern: str, walk: Walk | None, ignored: Ignored = ALWAYS) -> Iterator[Item]:
    """The pictures that a shell's pattern matches, sorted; ``**`` stands for any folders.

    A file of just that name comes first: brackets are common in names. What is ``ignored`` is left out, where
    it is a wildcard that found it.
    """
    if not glob.has_magic(pattern) or os.path.lexists(pattern):
        yield from from_paths([Path(pattern)], walk)
        return
    matches = sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207 - the pattern may be absolute
    named = fixed(Path(pattern))
    found = [path for path in map(Path, matches) if not ignored.hides(path.relative_to(named))]
    if not found:
        yield failure(Path(pattern), "unreadable", "no file matches this pattern")
    yield from from_paths(found, walk)


PathT = TypeVar("PathT", bound=PurePath)


def fixed(pattern: PathT) -> PathT:
    """The folder that a pattern begins with, before its first wildcard."""
    parts = list(itertools.takewhile(lambda part: not glob.has_magic(part), pattern.parts))
    return type(pattern)(*parts)


def from_manifest(
    manifest: Path, walk: Walk | None, *, elsewhere: Elsewhere = _nowhere_else
) -> Iterator[Item]:
    """The pictures listed in a file: a path a line, or a JSON object with a ``path`` where its name ends in
    ``.jsonl``. What is relative is so to the manifest's folder. UTF-16 and a byte-order mark are understood.
    """
    as_json = manifest.suffix.lower() == ".jsonl"
    try:
        with manifest.open("rb") as listed:
            for number, line in enumerate(utf8(listed), 1):
                if not (line := line.rstrip(b"\r\n")):
                    continue
                try:
                    name = str(json.loads(line)["path"]) if as_json else os.fsdecode(line)
                except (ValueError, KeyError, TypeError):
                    yield failure(manifest, "input", f'line {number} is not a JSON object with a "path"')
                else:
                    item = elsewhere(name)
                    yield from from_paths([manifest.parent / name], walk) if item is None else (item,)
    except OSError as error:
        yield failure(manifest, "unreadable", f"the list cannot be read: {error.strerror or error}")


def _from_line(line: bytes, walk: Walk | None, elsewhere: Elsewhere) -> Iterator[Item]:
    path = Path(os.fsdecode(line))
    if b"\0" in line:
        yield failure(path, "input", "a null byte in a path; give --null for a list separated by them")
    elif (item := elsewhere(os.fsdecode(line))) is not None:
        yield item
    elif line:
        yield from from_paths([path], walk)
