"""Pictures as networks take them, made where they lie: the runtime's normalisation for tensors of torch."""

from __future__ import annotations

import functools

import torch
from torch import Tensor

from booru_tagger.imaging import Normalisation

NORMALISATION = Normalisation()
"""What every network that is trained here takes, and what the manifests of its bundles say."""


def to_input(pixels: Tensor) -> Tensor:
    """Pictures as bytes ``(N, H, W, 3)`` to values ``(N, 3, H, W)``."""
    return normalised(pixels.permute(0, 3, 1, 2))


def normalised(planes: Tensor) -> Tensor:
    """Bytes, or floats from 0 to 255, ``(N, 3, H, W)`` to values, as :meth:`Normalisation.apply` does it."""
    scale, offset = _factors(planes.device)
    return planes.float() * scale - offset


def to_bytes(values: Tensor) -> Tensor:
    """The floats from 0 to 255 that :func:`normalised` made the values of."""
    scale, offset = _factors(values.device)
    return (values.float() + offset) / scale


@functools.cache
def _factors(device: torch.device) -> tuple[Tensor, Tensor]:
    scale, offset = NORMALISATION.factors
    with torch.inference_mode(False):  # they outlive whoever asks first
        return torch.from_numpy(scale).to(device), torch.from_numpy(offset).to(device)
