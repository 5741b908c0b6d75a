"""Several processes that train one net: started by ``torchrun``, which tells each its rank.

Each draws batches of its own, gradients are averaged, so the weights stay equal; the first alone writes.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import distributed, nn

from booru_export.training.recipe import Recipe

_APART = 7_919
"""Between the seeds of two processes."""


@contextmanager
def together(device: str) -> Iterator[str]:
    """Join the other processes where torchrun started this one; gives the device that is this one's."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield device
        return
    cuda = device != "cpu" and torch.cuda.is_available()
    if cuda:
        device = f"cuda:{os.environ.get('LOCAL_RANK', '0')}"
        torch.cuda.set_device(device)
    distributed.init_process_group("nccl" if cuda else "gloo")
    try:
        yield device
    finally:
        distributed.destroy_process_group()


def size() -> int:
    return distributed.get_world_size() if distributed.is_initialized() else 1


def is_first() -> bool:
    """Whether this process is the one that writes and talks."""
    return not distributed.is_initialized() or distributed.get_rank() == 0


def own_samples(recipe: Recipe) -> Recipe:
    """The recipe, of the same kind, with a seed of this process's own: each draws other samples."""
    if not distributed.is_initialized():
        return recipe
    seed = recipe.schedule.seed + _APART * distributed.get_rank()
    return dataclasses.replace(recipe, schedule=dataclasses.replace(recipe.schedule, seed=seed))


def same_start(net: nn.Module) -> None:
    """Give all processes the first one's weights."""
    if size() > 1:
        for value in net.state_dict().values():
            distributed.broadcast(value, 0)


def average_gradients(net: nn.Module) -> None:
    """To be called after each backward pass. One message for all gradients."""
    if size() == 1:
        return
    parameters = [value for value in net.parameters() if value.requires_grad]
    gradients = [torch.zeros_like(value) if value.grad is None else value.grad for value in parameters]
    flat = torch.cat([gradient.reshape(-1) for gradient in gradients])
    distributed.all_reduce(flat)
    flat /= size()
    parts = torch.split(flat, [gradient.numel() for gradient in gradients])
    for value, gradient, part in zip(parameters, gradients, parts, strict=True):
        value.grad = part.view_as(gradient).clone(memory_format=torch.preserve_format)


def agreed(share: float, device: torch.device) -> float:
    """The first process's figure: clocks differ, and all must end with the same step."""
    if size() == 1:
        return share
    told = torch.tensor([share], dtype=torch.float64, device=device)
    distributed.broadcast(told, 0)
    return float(told.item())
