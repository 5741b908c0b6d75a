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


def test_erased_rectangles_have_one_color_and_are_not_the_whole(pictures: Pixels) -> None:
    batch = as_batch(pictures)
    erased = augment.erase_some(batch, torch.Generator().manual_seed(2), share=1.0)
    for before, after in zip(batch, erased, strict=True):
        changed = (before != after).any(0)
        assert 0 < changed.float().mean() < 0.25
        assert len(torch.unique(after[:, changed], dim=1).T) == 1


def test_strange_light_keeps_the_picture_and_often_takes_its_colors(pictures: Pixels) -> None:
    """Every one is changed and still of shades; some, not all, have one tint left."""
    changed = [augment.tone(pictures[0], np.random.default_rng(seed)) for seed in range(20)]
    assert all(one.shape == pictures[0].shape and one.dtype == np.uint8 for one in changed)
    assert all(not np.array_equal(one, pictures[0]) and one.std() > 5 for one in changed)
    hues = [
        float(np.ptp(one.astype(int) - one.mean(axis=2, keepdims=True), axis=(0, 1)).mean())
        for one in changed
    ]
    assert min(hues) < 0.5 * max(hues)


def test_a_turned_hue_leaves_the_others_alone(pictures: Pixels) -> None:
    batch = as_batch(pictures)
    turned = augment.turn_hue(batch, torch.tensor([-1, 1, -1]), torch.Generator().manual_seed(1))
    assert torch.equal(turned[0], batch[0])
    assert torch.equal(turned[2], batch[2])
    assert not torch.equal(turned[1], batch[1])


def test_covered_corners_are_those_of_candidates_and_nothing_else(pictures: Pixels) -> None:
    batch = as_batch(pictures)
    candidates = torch.tensor([True, False, True])
    covered = augment.cover_corners(batch, candidates, torch.Generator().manual_seed(3), share=1.0)
    changed = (covered != batch).any(1)
    assert changed.flatten(1).any(1).tolist() == [True, False, True]
    assert not changed[:, 56:104, 56:104].any(), "a badge sits in a corner"
    assert torch.equal(augment.cover_corners(batch, candidates, torch.Generator(), share=0.0), batch)


def test_a_share_of_the_pictures_is_turned_by_any_angle() -> None:
    arrow = -torch.ones(200, 3, 64, 64)
    arrow[:, :, :20, 24:40] = 1.0
    upright = augment.warp(arrow, 64, (1.0, 1.0), torch.Generator().manual_seed(1))
    turned = augment.warp(arrow, 64, (1.0, 1.0), torch.Generator().manual_seed(1), any_turn=1.0)

    def points_down(batch: torch.Tensor) -> float:
        return float((batch[:, 0, 40:].mean((1, 2)) > batch[:, 0, :24].mean((1, 2))).float().mean())

    assert points_down(upright) == 0
    assert 0.3 < points_down(turned) < 0.7


def test_a_wide_picture_is_cut_to_the_size_of_its_head() -> None:
    wide = -torch.ones(64, 3, 140, 140)
    wide[:, :, 20:120, 20:120] = 1.0
    cuts = augment.warp(wide, 64, (0.7, 0.75), torch.Generator().manual_seed(1), expand=1.4)
    assert cuts.mean() > 0.9
