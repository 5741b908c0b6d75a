"""Damage to whole batches."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="the training side needs the extra [export]")

import torch
from booru_export.drawn import draw_scene
from booru_export.training import augment

from booru_tagger.imaging import Pixels


@pytest.fixture(scope="module")
def pictures() -> Pixels:
    return np.stack([np.asarray(draw_scene(seed, size=(160, 160)).image) for seed in (1, 2, 3)])


def as_batch(pixels: Pixels) -> torch.Tensor:
    return torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 127.5 - 1


def test_simulated_jpeg_damage_is_that_of_a_real_encoder(pictures: Pixels) -> None:
    batch = as_batch(pictures)
    damaged = augment.jpeg_some(batch, torch.Generator().manual_seed(1), share=1.0)
    simulated = (damaged - batch).abs().mean((1, 2, 3)).numpy() * 127.5
    for pixels, amount in zip(pictures, simulated, strict=True):
        least, most = (
            np.abs(augment.jpeg(pixels, quality).astype(float) - pixels).mean() for quality in (80, 25)
        )
        assert 0.6 * least < amount < 1.5 * most
    assert damaged.abs().max() <= 1


def test_chance_decides_which_pictures_are_damaged(pictures: Pixels) -> None:
    batch = as_batch(pictures)
    for damage in (augment.jpeg_some, augment.blur_some, augment.erase_some):
        generator = torch.Generator().manual_seed(1)
        assert torch.equal(damage(batch, generator, share=0.0), batch)
        changed = [damage(batch, generator, share=1.0) for _ in range(4)]
        assert any(not torch.equal(other, batch) for other in changed)
        assert torch.equal(batch, as_batch(pictures)), "the pictures themselves must stay"


def test_a_seed_gives_the_same_damage_again(pictures: Pixels) -> None:
    batch = as_batch(pictures)
    one, two = (
        augment.warp(augment.light(batch, generator), 96, (0.7, 1.1), generator)
        for generator in (torch.Generator().manual_seed(5), torch.Generator().manual_seed(5))
    )
    assert torch.equal(one, two)


def test_erased_rectangles_have_one_colour_and_are_not_the_whole(pictures: Pixels) -> None:
    batch = as_batch(pictures)
    erased = augment.erase_some(batch, torch.Generator().manual_seed(2), share=1.0)
    for before, after in zip(batch, erased, strict=True):
        changed = (before != after).any(0)
        assert 0 < changed.float().mean() < 0.25
        assert len(torch.unique(after[:, changed], dim=1).T) == 1


def test_a_turned_hue_leaves_the_others_alone(pictures: Pixels) -> None:
    batch = as_batch(pictures)
    turned = augment.turn_hue(batch, torch.tensor([-1, 1, -1]), torch.Generator().manual_seed(1))
    assert torch.equal(turned[0], batch[0])
    assert torch.equal(turned[2], batch[2])
    assert not torch.equal(turned[1], batch[1])
