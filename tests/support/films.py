"""Moving pictures made of stills."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import pytest
from PIL import Image

needs_video = pytest.mark.skipif(
    importlib.util.find_spec("av") is None, reason="PyAV is not installed: videos need the extra [video]"
)
_CODECS = {".webm": "libvpx-vp9"}


def animated(path: Path, stills: Sequence[Image.Image], kind: str, milliseconds: int = 100) -> Path:
    """The stills one after the other, losslessly where the format can."""
    first, *rest = stills
    options = {"lossless": True} if kind == "WEBP" else {}
    first.save(path, kind, save_all=True, append_images=rest, duration=milliseconds, loop=0, **options)
    return path


def video(path: Path, stills: Sequence[Image.Image], fps: int = 10, keys_every: int = 12) -> Path:
    """The same as a video; its container is that of the name."""
    import av

    path.parent.mkdir(parents=True, exist_ok=True)

    with av.open(path, "w") as container:
        stream = container.add_stream(_CODECS.get(path.suffix, "libx264"), rate=fps)
        stream.width, stream.height = stills[0].size
        stream.pix_fmt = "yuv444p" if path.suffix != ".webm" else "yuv420p"
        stream.time_base = Fraction(1, fps)
        stream.codec_context.gop_size = keys_every
        stream.options = (
            {"crf": "5", "preset": "ultrafast"}
            if path.suffix != ".webm"
            else {"crf": "5", "b": "0", "cpu-used": "8"}
        )
        for still in stills:
            container.mux(stream.encode(av.VideoFrame.from_image(still)))
        container.mux(stream.encode())
    return path
