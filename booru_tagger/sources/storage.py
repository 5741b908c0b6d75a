"""Pictures in storage that is not a file system: `s3://…`, `gs://…` and whatever else fsspec knows.

A run knows its pictures by paths, so such a picture is a path whose text names it: :func:`path_of` makes it
of an address, :func:`url_of` gives the address back. Its bytes go straight into memory, in the worker.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from booru_tagger.errors import ConfigError, MissingExtraError, TooLargeImageError, UnreadableImageError
from booru_tagger.files.ignored import ALWAYS, Ignored
from booru_tagger.imaging import Limits
from booru_tagger.sources.listed import Item, failure, fixed, is_picture_name
from booru_tagger.types import TagResult

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/{1,2}(?=[^/])")
_LOCAL = ("file", "local")
_MAGIC = re.compile(r"[*?\[]")


def is_url(text: str) -> bool:
    """Whether a text names a place in storage. A scheme has two letters or more: one is a drive."""
    found = _URL.match(text)
    return "://" in text and found is not None and found[1].lower() not in _LOCAL


def path_of(url: str) -> Path:
    """The path that stands for an address."""
    return Path(url)


def url_of(path: Path) -> str | None:
    """The address that a path stands for, or ``None``: it is one of this machine's files."""
    found = _URL.match(path.as_posix())
    return None if found is None else f"{found[1]}://{path.as_posix()[found.end() :]}"


def pictures(
    url: str, *, batch: bool, recursive: bool = True, ignored: Ignored = ALWAYS, videos: bool = False
) -> Iterator[Item]:
    """The pictures at an address, sorted: itself, what its pattern matches, or what lies below (``batch``);
    ``videos``, too, where that is wanted.

    What is wrong with the place is a failed result. Raises :class:`MissingExtraError`.
    """
    system, place = _open(url)
    scheme = url.partition("://")[0]
    try:
        if _MAGIC.search(place):
            found, named = system.glob(place), fixed(PurePosixPath(place))
        elif system.isdir(place):
            if not batch:
                yield failure(path_of(url), "folder", "this is a folder; give --batch for the pictures in it")
                return
            found, named = system.find(place, maxdepth=None if recursive else 1), PurePosixPath(place)
        else:
            yield path_of(url)
            return
    except Exception as error:  # each kind of storage has errors of its own
        yield failure(path_of(url), "unreadable", f"cannot be listed ({_reason(error)})")
        return
    for name in sorted(found):
        if is_picture_name(_last(name), videos=videos) and not ignored.hides(
            PurePosixPath(name).relative_to(named)
        ):
            yield path_of(f"{scheme}://{name.lstrip('/')}")


@dataclass(frozen=True, slots=True)
class StorageTagger:
    """A tag function for pictures here and in storage; pickles as far as ``tag`` and ``tag_bytes`` do."""

    tag: Callable[[Path], TagResult]
    tag_bytes: Callable[[bytes, str], TagResult]
    limits: Limits

    def __call__(self, path: Path) -> TagResult:
        url = url_of(path)
        return self.tag(path) if url is None else self.tag_bytes(read(url, self.limits), url)


def read(url: str, limits: Limits) -> bytes:
    """The bytes of a picture. Raises :class:`UnreadableImageError` and :class:`TooLargeImageError`."""
    system, place = _open(url)
    try:
        with system.open(place, "rb") as stream:
            data: bytes = stream.read(limits.file_bytes + 1)
    except Exception as error:  # each kind of storage has errors of its own
        raise UnreadableImageError(f"{url}: cannot be read ({_reason(error)})") from error
    if len(data) > limits.file_bytes:
        raise TooLargeImageError(f"{url}: has more than {limits.file_bytes:,} bytes")
    return data


def _open(url: str) -> tuple[Any, str]:
    try:
        import fsspec
    except ImportError as error:
        raise MissingExtraError(
            f"{url}: addresses need fsspec; install it with: pip install 'booru-tagger[cluster]'"
        ) from error
    try:
        system, place = fsspec.core.url_to_fs(url)
    except ImportError as error:  # fsspec says which package the scheme needs
        raise MissingExtraError(f"{url}: {error}") from error
    except ValueError as error:
        raise ConfigError(f"{url}: {error}") from error
    return system, str(place)


def _last(name: str) -> str:
    return name.rpartition("/")[2]


def _reason(error: Exception) -> str:
    return str(error).strip().split("\n", 1)[0] or type(error).__name__
