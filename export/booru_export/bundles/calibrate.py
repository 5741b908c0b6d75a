"""Honest scores: temperatures fitted on pictures that training did not see."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from booru_export.bundles.to_onnx import Calibration
from booru_export.recogniser.samples import UNLABELLED, Faces, whole
from booru_export.training.inputs import to_input
from booru_export.training.nets import FaceNet
from booru_export.training.pair import FacePair


@torch.no_grad()
def calibrate(net: FaceNet | FacePair, heads: Faces, *, size: int) -> Calibration:
    """Fit the colors' temperatures by likelihood (Guo et al., "On calibration of modern neural networks",
    2017) on ``heads`` of scenes that training did not see.
    """
    hair, eyes = [], []
    for chunk in torch.split(whole([heads], size), 64):
        _, of_hair, of_eyes = net(to_input(chunk))
        hair.append(of_hair)
        eyes.append(of_eyes)
    return Calibration(
        hair=_fit(torch.cat(hair), torch.from_numpy(heads.hair)),
        eyes=_fit(torch.cat(eyes), torch.from_numpy(heads.eyes)),
    )


def _fit(logits: Tensor, wanted: Tensor) -> float:
    """The temperature under which the logits make what is labelled likeliest."""
    clear = wanted != UNLABELLED
    if not clear.any():
        return 1.0
    value = torch.zeros(1, requires_grad=True)
    with torch.enable_grad():
        _minimise(
            value, lambda: torch.nn.functional.cross_entropy(logits[clear] / value.exp(), wanted[clear])
        )
    return math.exp(value.item())


def _minimise(values: Tensor, loss: Callable[[], Tensor]) -> None:
    optimiser = torch.optim.LBFGS([values], max_iter=60, line_search_fn="strong_wolfe")

    def closure() -> float:
        optimiser.zero_grad()
        result = loss()
        result.backward()  # type: ignore[no-untyped-call]
        return float(result.detach())

    optimiser.step(closure)  # type: ignore[no-untyped-call]
