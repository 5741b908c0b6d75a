"""What the exported recogniser makes of its net's answers: chances, embeddings, calibration."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

pytest.importorskip("torch", reason="the training side needs the extra [export]")
pytest.importorskip("onnxscript", reason="the training side needs the extra [export]")

import torch
from booru_export.bundles.calibrate import calibrate
from booru_export.bundles.to_onnx import Calibration, RecogniserGraph, likeness_of
from booru_export.recogniser.loss import teaching_loss
from booru_export.recogniser.samples import Faces
from booru_export.training.nets import ColourHead, FaceNet, Outputs
from torch import nn
from torch.nn import functional

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
        found: tuple[torch.Tensor, ...] = RecogniserGraph(net, CHARACTERS, 24.0, calibration)(faces)
    return found


def test_scores_are_the_share_among_all_times_the_chance_of_being_known(
    net: FaceNet, faces: torch.Tensor
) -> None:
    shares = answers(net, faces, Calibration())[1]
    with torch.no_grad():
        raw = net.raw(faces)[0]
        likeness = likeness_of(raw, net.cosines(functional.normalize(raw, dim=1))[:, :CHARACTERS])
    level = -2.0 * float(likeness.mean())
    known = answers(net, faces, Calibration(known_slope=2.0, known_level=level))[1]
    assert torch.allclose(known, shares * (2.0 * likeness + level).sigmoid(), atol=1e-6)


def test_a_longer_embedding_is_more_likely_somebody_known() -> None:
    raw, cosines = torch.tensor([[3.0, 4.0], [0.3, 0.4]]), torch.tensor([[0.8, 0.1], [0.8, 0.1]])
    assert torch.allclose(likeness_of(raw, cosines)[:, 0], 0.8 * torch.tensor([5.0, 0.5]).sqrt())


def test_embeddings_are_seen_from_the_strangers_and_turned(net: FaceNet, faces: torch.Tensor) -> None:
    plain = answers(net, faces, Calibration())[0]
    origin = plain.mean(0)
    turn = torch.randn(DIMENSIONS, DIMENSIONS, generator=torch.Generator().manual_seed(4))
    calibration = Calibration(origin=tuple(origin.tolist()), turn=tuple(map(tuple, turn.tolist())))
    turned = answers(net, faces, calibration)[0]
    assert torch.allclose(turned, functional.normalize((plain - origin) @ turn, dim=1), atol=1e-5)
    assert torch.allclose(turned.norm(dim=1), torch.ones(5), atol=1e-5)


def labelled(count: int, **values: int) -> Faces:
    pixels = np.random.default_rng(3).integers(0, 256, (count, 32, 32, 3), dtype=np.uint8)
    whole = {name: np.full(count, value, dtype=np.int64) for name, value in values.items()}
    no = np.zeros(count, dtype=bool)
    return Faces(pixels, whole["character"], whole["hair"], whole["eyes"], stranger=no, badged=no)


def test_calibration_puts_known_faces_in_the_middle_of_the_known(net: FaceNet) -> None:
    faces = dataclasses.replace(
        labelled(30, character=0, hair=0, eyes=0), character=np.arange(30, dtype=np.int64) % CHARACTERS
    )
    found = calibrate(net, [faces], None, characters=CHARACTERS, size=32, scale=24.0)
    assert found.character > 0 and found.known_slope > 0
    assert found.origin == () and found.hair == 1.0
    heads = dataclasses.replace(
        labelled(10, character=-100, hair=1, eyes=2), stranger=np.ones(10, dtype=bool)
    )
    more = calibrate(net, [faces], heads, characters=CHARACTERS, size=32, scale=24.0)
    assert len(more.origin) == len(more.turn) == len(more.turn[0]) == DIMENSIONS
    assert more.known_slope == found.known_slope and more.hair != 1.0


def test_a_pupil_that_agrees_with_its_teacher_has_nothing_to_learn(net: FaceNet, faces: torch.Tensor) -> None:
    torch.manual_seed(5)
    other = FaceNet((8, 8, 12, 16), (1, 1, 1, 1), OUTPUTS).eval()
    with torch.no_grad():
        same = teaching_loss(net, net(faces), net, net(faces), 24.0)
        different = teaching_loss(net, net(faces), other, other(faces), 24.0)
    assert float(same) == pytest.approx(0, abs=1e-5)
    assert float(different) > 0.01


def test_a_colour_is_read_where_the_head_looks() -> None:
    head = ColourHead((4,), hair=2, eyes=2)
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
