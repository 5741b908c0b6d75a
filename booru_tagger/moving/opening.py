"""Telling moving pictures from stills, and opening them."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from booru_tagger.errors import TooLargeImageError, UnreadableImageError
from booru_tagger.imaging import Limits, Picture, read_file, read_picture
from booru_tagger.imaging.decoding import Longest
from booru_tagger.moving.animation import Animation, moves
from booru_tagger.moving.values import Film
from booru_tagger.moving.video import Video, container_of
from booru_tagger.types import TagResult

VIDEO_SUFFIXES = frozenset({".avi", ".m4v", ".mkv", ".mov", ".mp4", ".webm"})
_HEAD = 64


@cache
def reads_videos() -> bool:
    """Whether the extra for videos is installed."""
    return importlib.util.find_spec("av") is not None


def is_video_name(name: str) -> bool:
    return os.path.splitext(name)[1].lower() in VIDEO_SUFFIXES  # noqa: PTH122 - asked for each file


def open_video(source: Path | bytes, name: str, limits: Limits) -> Film | None:
    """The video in a file, which is not read into memory, or in ``source``; ``None`` where it is no video.

    A file needs the name of a video, too. Raises a subclass of :class:`ImageError`,
    :class:`MissingVideoError` among them.
    """
    if isinstance(source, Path):
        if not is_video_name(source.name) or not source.is_file():
            return None
        head, size = _head(source)
    else:
        head, size = source[:_HEAD], len(source)
    kind = container_of(head)
    if kind is None:
        return None
    if size > limits.file_bytes:
        raise TooLargeImageError(f"{name}: {size:,} bytes, more than the limit of {limits.file_bytes:,}")
    return Video(source, kind, name, limits)


def _head(path: Path) -> tuple[bytes, int]:
    """The first bytes of a file, and how many it has."""
    try:
        with path.open("rb") as stream:
            return stream.read(_HEAD), path.stat().st_size
    except OSError as error:
        raise UnreadableImageError(f"{path}: {error.strerror or error}") from error


def open_animation(data: bytes, name: str, limits: Limits) -> Film | None:
    """The animated picture in ``data``; ``None`` where it is a still. Raises :class:`TooLargeImageError`."""
    return Animation(data, name, limits) if moves(data) else None


def shown_at(result: TagResult) -> float | None:
    """The time of the frame that stands for a moving picture, as of whoever is there longest; ``None`` for
    stills."""
    if result.moving is None:
        return None
    return next((face.at for face in result.faces if face.at is not None), 0.0)


def read_frame(
    path: Path, at: float | None, *, longest: Longest | None = None, limits: Limits | None = None
) -> Picture:
    """The picture at ``path`` as it is at so many seconds; ``None`` for stills, see :func:`read_picture`.

    Raises a subclass of :class:`ImageError`.
    """
    ((_, picture),) = read_frames(path, [at], longest=longest, limits=limits)
    return picture


def read_frames(
    path: Path,
    times: Iterable[float | None],
    *,
    longest: Longest | None = None,
    limits: Limits | None = None,
) -> Iterator[tuple[float | None, Picture]]:
    """The same for several times, each once; the frames come one by one, since they may be many."""
    limits = limits or Limits()
    asked = dict.fromkeys(times)
    film = None
    if any(at is not None for at in asked):
        film = open_video(path, str(path), limits) or open_animation(
            read_file(path, limits), str(path), limits
        )
    for at in asked:
        if at is None or film is None:
            yield at, read_picture(path, longest=longest, limits=limits)
        else:
            yield at, film.frame_at(at)
