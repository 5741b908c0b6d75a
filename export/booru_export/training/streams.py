"""Random numbers of a training run, so that a run which goes on sees what an undisturbed one would."""

from __future__ import annotations

from dataclasses import dataclass

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


def _number(sequence: np.random.SeedSequence) -> int:
    return int(sequence.generate_state(1, np.uint64)[0] >> 1)
