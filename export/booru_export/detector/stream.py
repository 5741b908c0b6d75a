"""Batches for the detector, made here or by processes of their own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from booru_export.detector.loss import targets
from booru_export.detector.samples import LoadedScene, Sampler
from booru_export.training.recipe import DetectorRecipe

Batch: TypeAlias = tuple[Tensor, Tensor, Tensor, Tensor, Tensor]
"""Pictures as bytes ``(N, S, S, 3)``, and what :func:`booru_export.detector.loss.targets` makes of them."""


class _Batches(IterableDataset[Batch]):
    """An endless row of batches of one size; each process draws other samples."""

    def __init__(self, scenes: Sequence[LoadedScene], recipe: DetectorRecipe, size: int) -> None:
        self.scenes, self.recipe, self.size = scenes, recipe, size

    def __iter__(self) -> Iterator[Batch]:
        worker = get_worker_info()
        if worker:
            torch.set_num_threads(1)
        seed = self.recipe.schedule.seed + (1 + worker.id if worker else 0) * 1_000_003
        sampler = Sampler(self.scenes, self.recipe.mosaic, seed + self.size)
        while True:
            samples = [sampler.sample(self.size) for _ in range(self.recipe.schedule.batch)]
            wanted = targets(
                [torch.from_numpy(sample.boxes) for sample in samples],
                [torch.from_numpy(sample.ignore) for sample in samples],
                self.size,
            )
            yield (torch.from_numpy(np.stack([sample.pixels for sample in samples])), *wanted)


class Stream:
    """Batches of the size that is asked for. With ``workers``, that many processes make them ahead."""

    def __init__(self, scenes: Sequence[LoadedScene], recipe: DetectorRecipe, workers: int) -> None:
        self._scenes, self._recipe, self._workers = scenes, recipe, workers
        self._size = 0
        self._batches: Iterator[Batch] = iter(())

    def draw(self, size: int) -> Batch:
        """The next batch of side ``size`` in pixels."""
        if size != self._size:
            self._size = size
            batches = _Batches(self._scenes, self._recipe, size)
            self._batches = (
                iter(DataLoader(batches, batch_size=None, num_workers=self._workers, prefetch_factor=4))
                if self._workers
                else iter(batches)
            )
        return next(self._batches)
