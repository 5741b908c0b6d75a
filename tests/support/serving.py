"""A real `booru-tagger serve` for tests, and what may stand in for its tagger."""

from __future__ import annotations

import contextlib
import io
import re
import socket
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

from PIL import Image

from booru_tagger.errors import DamagedImageError
from booru_tagger.types import Box, FaceResult, ScoredTag, Tag, TagResult
from tests.support.command import TIMEOUT, Home

MODEL = "tiny 1"


def picture(size: tuple[int, int] = (64, 48), form: str = "PNG") -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", size, (90, 140, 200)).save(stream, form)
    return stream.getvalue()


@dataclass
class Stub:
    """Answers with known tags, remembers what it was asked, and waits for ``gate`` where it is closed."""

    asked: list[str] = field(default_factory=list)
    gate: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.gate.set()

    def tag(self, data: bytes, name: str) -> TagResult:
        self.asked.append(name)
        self.gate.wait(TIMEOUT)
        if not data.startswith(b"\x89PNG"):
            raise DamagedImageError(f"{name}: no picture")
        candidates = (ScoredTag("hatsune_miku", 0.9), ScoredTag("akiyama_mio", 0.05))
        face = FaceResult(Box(1, 2, 30, 40), 0.95, candidates=candidates)
        tags = (
            Tag("hatsune_miku", "character", 0.9, "recogniser"),
            Tag("aqua_hair", "general", 0.8, "measured"),
            Tag("sensitive", "rating", 0.7, "tagger"),
        )
        return TagResult(name, 64, 48, (face,), tags, model=MODEL)


def free_port() -> int:
    """A port that nobody listens on, but perhaps by the time that it is used."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


@contextlib.contextmanager
def running(home: Home, *options: str) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """The address of a server in a process of its own, and the process."""
    process, line = _serving(home, *options)
    while "cannot be listened on" in line:  # somebody was faster
        process.communicate()
        process, line = _serving(home, *options)
    try:
        assert process.stderr is not None
        address = re.search(r"http://\S+", line)
        assert address, line + process.stderr.read().decode()
        yield address.group().rstrip("/"), process
    finally:
        process.kill()
        process.communicate()


def _serving(home: Home, *options: str) -> tuple[subprocess.Popen[bytes], str]:
    """A server that has just been started, and the first line that it says."""
    process = home.start("serve", "--port", str(free_port()), *options, stderr=subprocess.PIPE)
    assert process.stderr is not None
    return process, process.stderr.readline().decode()
