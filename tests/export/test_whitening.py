"""Turning embeddings: what differs in one person must count less than what differs between people."""

from __future__ import annotations

import pytest

pytest.importorskip("torch", reason="the training side needs the extra [export]")

import torch
from booru_export.bundles.whitening import whitening
from torch import Tensor
from torch.nn import functional

DIMENSIONS = 12


def people(count: int, faces: int, seed: int) -> tuple[Tensor, Tensor]:
    """Unit embeddings and numbers of ``count`` people: alike in each, but for the first two directions."""
    generator = torch.Generator().manual_seed(seed)
    centres = torch.randn(count, DIMENSIONS, generator=generator)
    numbers = torch.arange(count).repeat_interleave(faces)
    noise = torch.randn(count * faces, DIMENSIONS, generator=generator) * 0.2
    noise[:, :2] *= 12
    return functional.normalize(centres[numbers] + noise, dim=1), numbers


def told_apart(faces: Tensor, numbers: Tensor) -> float:
    """Share of the faces whose most similar other face is the same person's."""
    similar = functional.normalize(faces, dim=1)
    similar = similar @ similar.T
    similar.fill_diagonal_(-2)
    return float((numbers[similar.argmax(1)] == numbers).float().mean())


def test_people_who_were_not_there_are_told_apart_better() -> None:
    known, numbers = people(30, 8, seed=1)
    strangers, _ = people(40, 1, seed=2)
    origin, turn = whitening(known, numbers, strangers)
    unknown, who = people(25, 4, seed=3)
    assert told_apart((unknown - origin) @ turn, who) > told_apart(unknown - origin, who) + 0.1


def test_the_strangers_are_the_origin_and_being_known_counts_less() -> None:
    known, numbers = people(6, 5, seed=4)
    known = functional.normalize(known + 0.5, dim=1)
    strangers = functional.normalize(people(20, 1, seed=5)[0] - 0.5, dim=1)
    origin, turn = whitening(known, numbers, strangers, axis_share=1.0, shrinkage=None)
    assert torch.allclose(origin, strangers.mean(0))
    means = torch.stack([known[numbers == number].mean(0) for number in range(6)])
    assert float(((means.mean(0) - origin) @ turn).norm()) == pytest.approx(0, abs=1e-5)


def test_one_face_of_each_character_says_nothing_of_how_faces_differ() -> None:
    known, numbers = people(9, 1, seed=6)
    turned = whitening(known, numbers, known[:0])
    plain = whitening(known, numbers, known[:0], shrinkage=None)
    assert torch.allclose(turned[1], plain[1], atol=1e-6)
    assert torch.equal(turned[0], torch.zeros(DIMENSIONS))
