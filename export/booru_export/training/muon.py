"""An optimiser for kernels: momentum whose directions all count the same."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

_POLYNOMIAL = (3.4445, -4.7750, 2.0315)
_ITERATIONS = 5
_ADAM_RMS = 0.2


class Muon(torch.optim.Optimizer):
    """Muon (Jordan et al., 2024) with the scale of Liu et al., "Muon is scalable for LLM training" (2025), so
    that rate and weight decay are those of AdamW. For parameters of two dimensions or more; a kernel
    ``(out, in, h, w)`` is taken as a matrix ``(out, in * h * w)``.
    """

    def __init__(
        self, parameters: Iterable[Any], lr: float, weight_decay: float = 0.0, momentum: float = 0.95
    ) -> None:
        super().__init__(parameters, {"lr": lr, "weight_decay": weight_decay, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._update(parameter, group)

    def _update(self, parameter: nn.Parameter, group: dict[str, Any]) -> None:
        state, gradient = self.state[parameter], parameter.grad
        assert gradient is not None
        if "momentum" not in state:
            state["momentum"] = torch.zeros_like(gradient)
        state["momentum"].lerp_(gradient, 1 - group["momentum"])
        ahead = gradient.lerp(state["momentum"], group["momentum"]).flatten(1)
        turned = orthogonal(ahead).view_as(parameter)
        parameter.mul_(1 - group["lr"] * group["weight_decay"])
        parameter.add_(turned, alpha=-group["lr"] * _ADAM_RMS * max(ahead.shape) ** 0.5)


def orthogonal(matrix: Tensor) -> Tensor:
    """The nearest matrix with singular values near 1, by Newton-Schulz iterations. ``(rows, columns)``."""
    first, second, third = _POLYNOMIAL
    tall = matrix.shape[0] > matrix.shape[1]
    x = matrix.to(torch.bfloat16)
    x = x.T if tall else x
    x = x / (x.norm() + 1e-7)
    for _ in range(_ITERATIONS):
        gram = x @ x.T
        x = first * x + (second * gram + third * gram @ gram) @ x
    turned: Tensor = (x.T if tall else x).to(matrix.dtype)
    return turned
