"""What each step of a run learns from, so that a run which goes on sees what an undisturbed one would."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
import torch


@dataclass(frozen=True, slots=True)
class Streams:
    """Two generators that depend on seed and step alone."""

    numpy: np.random.Generator
    torch: torch.Generator


def streams_of(seed: int, step: int) -> Streams:
    """Fresh generators for a step of a run. ``step`` may be negative: batches that no step learns from."""
    sequence = np.random.SeedSequence([seed, step % 2**32])
    return Streams(np.random.default_rng(sequence), torch.Generator().manual_seed(_number(sequence)))


def seed_layers(seed: int, step: int) -> None:
    """Seed what draws from torch's own generator (dropout) for a step."""
    torch.manual_seed(_number(np.random.SeedSequence([seed, step % 2**32, 1])))


Made = TypeVar("Made")


class Ahead(Generic[Made]):
    """Makes the batch of the next step in a thread of its own, while the net learns from this one.

    ``make`` is called with the side in pixels and the step, on which alone its answer may depend.
    """

    def __init__(self, make: Callable[[int, int], Made]) -> None:
        self._make = make
        self._thread = ThreadPoolExecutor(1, "batches")
        self._next: tuple[int, int] | None = None
        self._made: Future[Made] | None = None

    def draw(self, size: int, step: int) -> Made:
        """The batch of ``step``, of side ``size``."""
        ready = self._made if self._next == (size, step) else None
        batch = self._make(size, step) if ready is None else ready.result()
        self._next = (size, step + 1)
        self._made = self._thread.submit(self._make, *self._next)
        return batch


def _number(sequence: np.random.SeedSequence) -> int:
    return int(sequence.generate_state(1, np.uint64)[0] >> 1)
