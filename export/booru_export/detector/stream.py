"""Batches for the detector, made here or by processes of their own."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from booru_export.detector.loss import targets
from booru_export.detector.samples import LoadedScene, Sampler
from booru_export.training.recipe import DetectorRecipe
from booru_export.training.streams import streams_of

Batch: TypeAlias = tuple[Tensor, Tensor, Tensor, Tensor, Tensor]
"""Pictures as bytes ``(N, S, S, 3)``, and what :func:`booru_export.detector.loss.targets` makes of them."""


def make_batch(scenes: Sequence[LoadedScene], recipe: DetectorRecipe, size: int, step: int) -> Batch:
    """The batch of side ``size`` in pixels that a run with this recipe learns from in this step."""
    sampler = Sampler(scenes, recipe, streams_of(recipe.schedule.seed, step).numpy)
    samples = [sampler.sample(size) for _ in range(recipe.schedule.batch)]
    wanted = targets(
        [torch.from_numpy(sample.boxes) for sample in samples],
        [torch.from_numpy(sample.ignore) for sample in samples],
        size,
    )
    return (torch.from_numpy(np.stack([sample.pixels for sample in samples])), *wanted)


class _Batches(IterableDataset[Batch]):
    """The batches from a step on; of ``n`` processes each makes every ``n``-th, in turn."""

    def __init__(self, scenes: Sequence[LoadedScene], recipe: DetectorRecipe, size: int, first: int) -> None:
        self.scenes, self.recipe, self.size, self.first = scenes, recipe, size, first

    def __iter__(self) -> Iterator[Batch]:
        worker = get_worker_info()
        assert worker is not None
        torch.set_num_threads(1)
        for step in itertools.count(self.first + worker.id, worker.num_workers):
            yield make_batch(self.scenes, self.recipe, self.size, step)


class Stream:
    """The batch of each step, whoever makes it. With ``workers``, that many processes make them ahead."""

    def __init__(self, scenes: Sequence[LoadedScene], recipe: DetectorRecipe, workers: int) -> None:
        self._scenes, self._recipe, self._workers = scenes, recipe, workers
        self._next = (0, 0)
        """Size and step of the batch that the processes hand out next."""
        self._batches: Iterator[Batch] = iter(())

    def draw(self, size: int, step: int) -> Batch:
        """The batch of ``step``, of side ``size`` in pixels. Steps below 0 belong to no run, and are few."""
        if not self._workers or step < 0:
            return make_batch(self._scenes, self._recipe, size, step)
        if (size, step) != self._next:
            batches = _Batches(self._scenes, self._recipe, size, step)
            loader = DataLoader(batches, batch_size=None, num_workers=self._workers, prefetch_factor=4)
            self._batches = iter(loader)
        self._next = (size, step + 1)
        return next(self._batches)
