"""The door to PyAV: video files, read without handing their names to anything that could open others."""

from __future__ import annotations

import io
import itertools
import math
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from PIL import Image

from booru_tagger.errors import (
    DamagedImageError,
    MissingVideoError,
    NotAnImageError,
    TooLargeImageError,
    UnreadableImageError,
)
from booru_tagger.imaging import Limits, Picture
from booru_tagger.moving.values import GLANCE, Glances, Moment, Survey

if TYPE_CHECKING:
    from av import VideoFrame
    from av.container import InputContainer
    from av.video.stream import VideoStream

LONG = 60.0
"""Seconds from which on only key frames are decoded, which encoders put where scenes begin."""
WIDEST_GAP = 1 / 60
"""Share of the film without a key frame up to which these will do."""
MAX_SURVEYED = 60_000
"""Frames decoded at most, at a glance; what comes after them is not looked at."""

_NO_VIDEO = "holds no moving picture"


def container_of(head: bytes) -> str | None:
    """FFmpeg's name of the container that a file with these first bytes is; ``None`` where it is no video.

    It is given to FFmpeg, so that no play list is followed to other files.
    """
    if head.startswith(b"\x1aE\xdf\xa3"):
        return "matroska"
    if head.startswith(b"RIFF") and head[8:12] == b"AVI ":
        return "avi"
    stills = (b"avif", b"avis", b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
    if head[4:8] == b"ftyp" and head[8:12] not in (*stills, b"crx ", b"jp2 ", b"jpx ", b"jxl "):
        return "mp4"
    return None


class _Opened(NamedTuple):
    container: InputContainer
    stream: VideoStream


class Video:
    """A video file, or its bytes. See :class:`~booru_tagger.moving.values.Film`.

    Raises :class:`MissingVideoError` where PyAV is not installed.
    """

    def __init__(self, source: Path | bytes, kind: str, name: str, limits: Limits) -> None:
        try:
            import av
        except ImportError as error:
            raise MissingVideoError(
                f"{name}: a video, and these are read with PyAV; install it with: "
                "pip install 'booru-tagger[video]'"
            ) from error
        self._av = av
        self._source, self._kind, self.name, self._limits = source, kind, name, limits
        self._skips: Literal["DEFAULT", "NONREF", "NONKEY"] = "DEFAULT"

    def survey(self) -> Survey:
        with self._open() as opened:
            length = _length(opened)
            self._skips = "NONKEY" if length > LONG else "DEFAULT"
            survey = self._surveyed(opened, length)
        if self._skips == "NONKEY" and _widest_gap(survey) > WIDEST_GAP * survey.duration:
            self._skips = "NONREF"
            with self._open() as opened:
                survey = self._surveyed(opened, length)
        if not survey.moments:
            raise DamagedImageError(f"{self.name}: no frame of the video can be decoded")
        return survey

    def frames(self, numbers: Collection[int]) -> Iterator[Picture]:
        last = max(numbers, default=-1)
        with self._open() as opened:
            for number, frame in enumerate(self._decoded(opened)):
                if number in numbers:
                    yield _picture(frame, opened.stream)
                if number >= last:
                    return

    def frame_at(self, seconds: float) -> Picture:
        self._skips = "DEFAULT"
        with self._open() as opened:
            stream = opened.stream
            if seconds > 0 and stream.time_base:
                target = int(seconds / stream.time_base) + (stream.start_time or 0)
                opened.container.seek(target, stream=stream, backward=True)
            shown = None
            for frame in self._decoded(opened):
                if shown is not None and _at(frame, stream, 0.0) > seconds + 1e-3:
                    break
                shown = frame
            if shown is None:
                raise DamagedImageError(f"{self.name}: no frame of the video can be decoded")
            return _picture(shown, stream)

    def _surveyed(self, opened: _Opened, length: float) -> Survey:
        glances, moments, at, lasts = Glances(), [], 0.0, 0.0
        for number, frame in enumerate(itertools.islice(self._decoded(opened), MAX_SURVEYED)):
            at = _at(frame, opened.stream, at + lasts)
            lasts = float((frame.duration or 0) * (opened.stream.time_base or 0))
            small = frame.reformat(width=4 * GLANCE, height=4 * GLANCE, format="rgb24")
            moments.append(Moment(number, at, glances.change(small.to_image())))
        return Survey(moments, max(length, at + lasts))

    def _decoded(self, opened: _Opened) -> Iterator[VideoFrame]:
        """Frame by frame, up to where the data are damaged."""
        stream = opened.stream
        stream.thread_type = "AUTO"
        stream.codec_context.skip_frame = self._skips
        try:
            for frame in opened.container.decode(stream):
                if frame.width * frame.height > self._limits.pixels:
                    raise TooLargeImageError(
                        f"{self.name}: {frame.width}x{frame.height} a frame, "
                        f"more than the limit of {self._limits.pixels:,} pixels"
                    )
                yield frame
        except self._av.error.FFmpegError:
            return

    @contextmanager
    def _open(self) -> Iterator[_Opened]:
        try:
            stream = io.BytesIO(self._source) if isinstance(self._source, bytes) else self._source.open("rb")
        except OSError as error:
            raise UnreadableImageError(f"{self.name}: {error.strerror or error}") from error
        with stream:
            try:
                container = self._av.open(stream, format=self._kind, metadata_errors="ignore")
            except self._av.error.FFmpegError as error:
                raise DamagedImageError(f"{self.name}: the video is damaged ({error.strerror})") from error
            with container:
                found = container.streams.best("video")
                if found is None:
                    raise NotAnImageError(f"{self.name}: {_NO_VIDEO}")
                yield _Opened(container, found)


def _length(opened: _Opened) -> float:
    """What the file says of its length, in seconds; 0 where it says nothing."""
    container, stream = opened
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    return container.duration / 1_000_000 if container.duration else 0.0


def _at(frame: VideoFrame, stream: VideoStream, otherwise: float) -> float:
    """When the frame is shown, in seconds from the beginning."""
    if frame.pts is None or not frame.time_base:
        return otherwise
    return max(0.0, float((frame.pts - (stream.start_time or 0)) * frame.time_base))


def _widest_gap(survey: Survey) -> float:
    times = [*(moment.at for moment in survey.moments), survey.duration]
    return max((after - before for before, after in itertools.pairwise(times)), default=math.inf)


def _picture(frame: VideoFrame, stream: VideoStream) -> Picture:
    """The frame as it is shown: turned as the file says, with square pixels."""
    shape = stream.sample_aspect_ratio
    stretch = float(shape) if shape else 1.0
    width = round(frame.width * stretch) if 0.2 < stretch < 5 else frame.width
    rgb = frame.reformat(width=width, height=frame.height, format="rgb24").to_image()
    quarter = round(frame.rotation / 90) % 4
    turns = (None, Image.Transpose.ROTATE_90, Image.Transpose.ROTATE_180, Image.Transpose.ROTATE_270)
    turn = turns[quarter]
    if turn is not None:
        rgb = rgb.transpose(turn)
    return Picture(rgb, *rgb.size)
