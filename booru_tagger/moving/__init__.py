"""Moving pictures: animated GIF, WebP, PNG and AVIF by Pillow, video by the extra `video`.

A film is surveyed cheaply, a few of its frames are chosen, and those are decoded as pictures; what is found
in them is followed from frame to frame. No network is named here.
"""

from __future__ import annotations

from booru_tagger.moving.opening import (
    VIDEO_SUFFIXES,
    is_video_name,
    open_animation,
    open_video,
    read_frame,
    read_frames,
    reads_videos,
    shown_at,
)
from booru_tagger.moving.values import Film, Survey

__all__ = [
    "VIDEO_SUFFIXES",
    "Film",
    "Survey",
    "is_video_name",
    "open_animation",
    "open_video",
    "read_frame",
    "read_frames",
    "reads_videos",
    "shown_at",
]
