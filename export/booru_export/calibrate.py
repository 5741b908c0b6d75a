"""Honest scores: temperatures fitted on pictures that training did not see."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from booru_export.nets import FaceNet
from booru_export.recogniser.loss import identity_logits
from booru_export.recogniser.samples import STORED_EXPAND, UNLABELLED, Faces, whole
from booru_export.to_onnx import Calibration


def calibrate(net: FaceNet, faces: Faces, heads: Faces | None, *, size: int, scale: float) -> Calibration:
    """Fit temperatures by likelihood (Guo et al., "On calibration of modern neural networks", 2017).

    The identity's also gets a shift of the stranger's level; known faces and strangers weigh the same, since
    how many strangers a folder holds is its owner's affair. Without ``heads`` only the temperature of the
    characters is fitted.
    """
    _, logits, hair, eyes = _outputs(net, faces, size, 1.0, scale)
    wanted = torch.from_numpy(faces.character)
    weight = torch.full((len(wanted),), 1.0 / len(wanted))
    if heads is None:
        temperature, _ = _fit_identity(logits, wanted, weight, shift=False)
        return Calibration(character=temperature)
    embedding, head_logits, hair, eyes = _outputs(net, heads, size, 1 / STORED_EXPAND, scale)
    strangers = torch.from_numpy(heads.stranger)
    logits = torch.cat([logits, head_logits[strangers]])
    wanted = torch.cat([wanted, torch.full((int(strangers.sum()),), logits.shape[1] - 1)])
    weight = torch.cat([weight, torch.full((int(strangers.sum()),), 1.0 / int(strangers.sum()))])
    temperature, shift = _fit_identity(logits, wanted, weight, shift=True)
    return Calibration(
        character=temperature,
        stranger=shift,
        hair=_fit_colour(hair, torch.from_numpy(heads.hair)),
        eyes=_fit_colour(eyes, torch.from_numpy(heads.eyes)),
        origin=tuple(embedding[strangers].mean(0).tolist()),
    )


@torch.no_grad()
def _outputs(
    net: FaceNet, faces: Faces, size: int, expand: float, scale: float
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Embeddings, logits of identity, of hair and of eyes."""
    parts = []
    for chunk in torch.split(whole(faces, size, expand), 64):
        embedding, hair, eyes = net(chunk.permute(0, 3, 1, 2).float() / 127.5 - 1)
        parts.append((embedding, identity_logits(net, embedding, scale), hair, eyes))
    embedding, logits, hair, eyes = (torch.cat(part) for part in zip(*parts, strict=True))
    return embedding, logits, hair, eyes


def _fit_identity(logits: Tensor, wanted: Tensor, weight: Tensor, *, shift: bool) -> tuple[float, float]:
    values = torch.zeros(2, requires_grad=True)

    def loss() -> Tensor:
        scaled = logits / values[0].exp()
        level = scaled[:, -1:] + (values[1] if shift else 0.0)
        losses = torch.nn.functional.cross_entropy(
            torch.cat([scaled[:, :-1], level], 1), wanted, reduction="none"
        )
        return (losses * weight).sum()

    _minimise(values, loss)
    temperature, level = values.detach().tolist()
    return math.exp(temperature), level if shift else 0.0


def _fit_colour(logits: Tensor, wanted: Tensor) -> float:
    clear = wanted != UNLABELLED
    if not clear.any():
        return 1.0
    value = torch.zeros(1, requires_grad=True)
    _minimise(value, lambda: torch.nn.functional.cross_entropy(logits[clear] / value.exp(), wanted[clear]))
    return math.exp(value.item())


def _minimise(values: Tensor, loss: Callable[[], Tensor]) -> None:
    optimiser = torch.optim.LBFGS([values], max_iter=60, line_search_fn="strong_wolfe")

    def closure() -> float:
        optimiser.zero_grad()
        result = loss()
        result.backward()  # type: ignore[no-untyped-call]
        return float(result.detach())

    optimiser.step(closure)  # type: ignore[no-untyped-call]
