"""Honest scores: temperatures fitted on pictures that training did not see."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from booru_export.bundles.to_onnx import Calibration, likeness_of
from booru_export.bundles.whitening import whitening
from booru_export.recogniser.samples import UNLABELLED, Faces, characters_of, whole
from booru_export.training.inputs import to_input
from booru_export.training.nets import FaceNet

KNOWN_SLOPE, KNOWN_OFFSET = 2.0, 2.0
"""Logarithm of the odds that a face is anybody known, as a line over its likeness (in standard deviations of
the likeness of known faces, from their mean). Fitted on five characters left out of training and held-out
faces of the others, with the same weight: strangers of other series would make it look too easy."""
KNOWN_TO_STRANGERS = 20.0
"""How many known faces are taken to come on each stranger that looks like one. A folder's owner knows better,
but the order of scores does not depend on it."""


@torch.no_grad()
def calibrate(
    net: FaceNet, faces: Sequence[Faces], heads: Faces | None, *, characters: int, size: int, scale: float
) -> Calibration:
    """Fit temperatures by likelihood (Guo et al., "On calibration of modern neural networks", 2017).

    ``faces`` are of characters that the net knows, and were not trained on; without ``heads`` (of scenes) the
    colours keep their temperatures and the embedding stays as it is.
    """
    answers, people = _outputs(net, faces, size), torch.from_numpy(characters_of(faces))
    cosines = net.cosines(functional.normalize(answers.raw, dim=1))
    temperature = _fit(cosines * scale, people)
    likeness = likeness_of(answers.raw, cosines[:, :characters])
    slope = KNOWN_SLOPE / max(float(likeness.std()), 1e-6)
    level = KNOWN_OFFSET + math.log(KNOWN_TO_STRANGERS) - slope * float(likeness.mean())
    calibration = Calibration(character=temperature, known_slope=slope, known_level=level)
    if heads is None:
        return calibration
    seen = _outputs(net, [heads], size)
    known, others = (functional.normalize(raw, dim=1) for raw in (answers.raw, seen.raw))
    strangers = torch.from_numpy(heads.stranger)
    origin, turn = whitening(known, people, others[strangers])
    return replace(
        calibration,
        hair=_fit(seen.hair, torch.from_numpy(heads.hair)),
        eyes=_fit(seen.eyes, torch.from_numpy(heads.eyes)),
        origin=tuple(origin.tolist()),
        turn=tuple(map(tuple, turn.tolist())),
    )


class _Outputs(NamedTuple):
    """Embeddings of any length ``(N, D)``, logits of hair and of eyes."""

    raw: Tensor
    hair: Tensor
    eyes: Tensor


def _outputs(net: FaceNet, faces: Sequence[Faces], size: int) -> _Outputs:
    parts = [net.raw(to_input(chunk)) for chunk in torch.split(whole(faces, size), 64)]
    return _Outputs(*(torch.cat(part) for part in zip(*parts, strict=True)))


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
