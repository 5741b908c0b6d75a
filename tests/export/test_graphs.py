"""What the exported recogniser makes of its net's answers: chances, embeddings, calibration."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

pytest.importorskip("torch", reason="the training side needs the extra [export]")
pytest.importorskip("onnxscript", reason="the training side needs the extra [export]")

import torch
from booru_export.bundles.calibrate import calibrate
from booru_export.bundles.to_onnx import Calibration, RecogniserGraph
from booru_export.recogniser.loss import teaching_loss
from booru_export.recogniser.samples import Faces
from booru_export.training.inputs import to_bytes
from booru_export.training.nets import ColorHead, FaceNet, Outputs
from torch import nn

CHARACTERS, DIMENSIONS = 3, 8
OUTPUTS = Outputs(DIMENSIONS, CHARACTERS, extra=2, hair=4, eyes=3)


@pytest.fixture
def net() -> FaceNet:
    torch.manual_seed(1)
    return FaceNet((8, 8, 12, 16), (1, 1, 1, 1), OUTPUTS).eval()


@pytest.fixture
def faces() -> torch.Tensor:
    return torch.rand(5, 3, 32, 32, generator=torch.Generator().manual_seed(2)) * 2 - 1


def answers(net: FaceNet, faces: torch.Tensor, calibration: Calibration) -> tuple[torch.Tensor, ...]:
    with torch.no_grad():
        shown = to_bytes(faces).round().to(torch.uint8).permute(0, 2, 3, 1)
        found: tuple[torch.Tensor, ...] = RecogniserGraph(net, calibration)(shown)
    return found


def test_embeddings_are_unit_vectors_and_colors_add_up(net: FaceNet, faces: torch.Tensor) -> None:
    embedding, hair, eyes = answers(net, faces, Calibration())
    for values in (embedding.norm(dim=1), hair.sum(1), eyes.sum(1)):
        assert torch.allclose(values, torch.ones(5), atol=1e-5)


def test_a_higher_temperature_makes_colors_less_sure(net: FaceNet, faces: torch.Tensor) -> None:
    plain = answers(net, faces, Calibration())[1]
    cooler = answers(net, faces, Calibration(hair=2.0))[1]
    assert torch.equal(plain.argmax(1), cooler.argmax(1))
    assert (cooler.amax(1) < plain.amax(1)).all()


def labelled(count: int, **values: int) -> Faces:
    pixels = np.random.default_rng(3).integers(0, 256, (count, 32, 32, 3), dtype=np.uint8)
    whole = {name: np.full(count, value, dtype=np.int64) for name, value in values.items()}
    no = np.zeros(count, dtype=bool)
    return Faces(pixels, whole["character"], whole["hair"], whole["eyes"], stranger=no, badged=no)


def test_temperatures_are_those_under_which_the_labels_are_likeliest(net: FaceNet) -> None:
    heads = dataclasses.replace(
        labelled(40, character=-100, hair=0, eyes=-100), hair=np.arange(40, dtype=np.int64) % 4
    )
    found = calibrate(net, heads, size=32)
    assert found.hair > 1.5, "of labels that have nothing to do with the pictures it is surer than right"
    assert found.eyes == 1.0, "nobody said what color the eyes have"


def test_a_pupil_that_agrees_with_its_teacher_has_nothing_to_learn(net: FaceNet, faces: torch.Tensor) -> None:
    torch.manual_seed(5)
    other = FaceNet((8, 8, 12, 16), (1, 1, 1, 1), OUTPUTS).eval()
    with torch.no_grad():
        same = teaching_loss(net, net(faces), net, net(faces), 24.0)
        different = teaching_loss(net, net(faces), other, other(faces), 24.0)
    assert float(same) == pytest.approx(0, abs=1e-5)
    assert float(different) > 0.01


def test_a_color_is_read_where_the_head_looks() -> None:
    head = ColorHead((4,), hair=2, eyes=2)
    here, elsewhere = torch.zeros(1, 4, 4, 4), torch.zeros(1, 4, 4, 4)
    here[0, :, 0, 0] = torch.tensor([9.0, 1, 0, 0])  # the first channel draws the eye there
    elsewhere[0, :, 0, 0] = torch.tensor([0.0, 1, 0, 0])
    with torch.no_grad():
        for parameter in head.parameters():
            parameter.zero_()
        looking = head.where[0]
        assert isinstance(looking, nn.Conv2d)
        looking.weight[1, 0] = 5.0
        head.eyes.weight[0, 5] = 1.0  # the second channel, as the eyes' own mean has it
        assert float(head([here])[1][0, 0]) > 0.9
        assert float(head([elsewhere])[1][0, 0]) == pytest.approx(1 / 16)
