"""What a server does at most."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bounds:
    """``body``: bytes of one request. ``files``: pictures in it. ``jobs``: pictures tagged at once.
    ``waiting``: pictures that may wait for that; with more, the server says that it is busy. ``seconds``: for
    a request to arrive, and for its answer to be found.
    """

    body: int = 50_000_000
    files: int = 32
    jobs: int = 1
    waiting: int = 64
    seconds: float = 60.0
