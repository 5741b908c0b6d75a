"""What training shows a network is, to the last bit, what the runtime shows it."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="the training side needs the extra [export]")

import torch
from booru_export.training.inputs import NORMALISATION, normalised, to_bytes, to_input

PIXELS = np.arange(256, dtype=np.uint8).repeat(3).reshape(1, 16, 16, 3)


def test_tensors_are_normalised_as_the_runtime_does_it() -> None:
    values = to_input(torch.from_numpy(PIXELS))
    assert torch.equal(values, torch.from_numpy(NORMALISATION.apply(PIXELS)))
    assert [float(values.min()), float(values.max())] == pytest.approx([-1.0, 1.0])


def test_there_is_a_way_back() -> None:
    planes = torch.from_numpy(PIXELS).permute(0, 3, 1, 2)
    torch.testing.assert_close(to_bytes(normalised(planes)), planes.float())
