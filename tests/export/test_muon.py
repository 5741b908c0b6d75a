"""The optimiser for kernels."""

from __future__ import annotations

import pytest

pytest.importorskip("torch", reason="the training side needs the extra [export]")

import torch
from booru_export.training.muon import Muon, orthogonal
from torch import nn


@pytest.mark.parametrize("shape", [(12, 40), (40, 12)])
def test_all_directions_of_an_update_count_alike(shape: tuple[int, int]) -> None:
    torch.manual_seed(0)
    matrix = torch.randn(shape) @ torch.diag(torch.logspace(-1, 1, shape[1]))
    singular = torch.linalg.svdvals(orthogonal(matrix).float())
    assert singular.min() > 0.3
    assert singular.max() < 1.6


def test_a_kernel_learns_what_made_its_pictures() -> None:
    torch.manual_seed(0)
    wanted, found = (nn.Conv2d(3, 8, 3, bias=False) for _ in range(2))
    optimiser = Muon(found.parameters(), lr=0.02)
    pictures = torch.randn(16, 3, 12, 12)

    def loss() -> torch.Tensor:
        return nn.functional.mse_loss(found(pictures), wanted(pictures))

    before = loss().item()
    for step in range(200):
        optimiser.param_groups[0]["lr"] = 0.02 * (1 - step / 200)
        optimiser.zero_grad()
        loss().backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    assert loss().item() < 0.01 * before


def test_weight_decay_shrinks_what_no_gradient_holds() -> None:
    kernel = nn.Parameter(torch.ones(2, 2))
    optimiser = Muon([kernel], lr=0.1, weight_decay=0.5)
    kernel.grad = torch.zeros(2, 2)
    optimiser.step()
    torch.testing.assert_close(kernel.detach(), torch.full((2, 2), 0.95))
