"""The detector's training samples: boxes must stay on the heads through scale, turn, mirror and cut."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="the training side needs the extra [export]")

import torch
from booru_export.detector.loss import giou, targets
from booru_export.detector.props import thing
from booru_export.detector.samples import Sampler, _covered, from_image
from booru_export.detector.stream import Stream
from booru_export.detector.task import decode
from booru_export.training.recipe import DetectorRecipe, Schedule
from PIL import Image, ImageDraw

from booru_tagger.types import Box

HEADS = [Box(40, 30, 90, 80), Box(150, 100, 190, 140)]


def scene_with_discs() -> Image.Image:
    image = Image.new("RGB", (240, 180), (40, 40, 200))
    for head in HEADS:
        ImageDraw.Draw(image).ellipse(head, fill=(250, 30, 30))
    return image


PLAIN = DetectorRecipe(Schedule(steps=1, batch=1, rate=1e-3), mosaic=0.0)


def sampler_of(seed: int, **changes: Any) -> Sampler:
    recipe = dataclasses.replace(PLAIN, **changes)
    return Sampler([from_image(scene_with_discs(), HEADS, [], 1.0)], recipe, np.random.default_rng(seed))


@pytest.mark.parametrize("change", ["none", "mosaic", "any_turn", "things", "pages"])
def test_boxes_stay_on_the_heads(change: str) -> None:
    sampler = sampler_of(3, **({} if change == "none" else {change: 1.0}))
    boxes = 0
    for _ in range(40):
        sample = sampler.sample(128)
        values = sample.pixels.astype(int)
        red = values[..., 0] - values[..., 2]
        for x0, y0, x1, y1 in sample.boxes:
            inside = red[round(y0) : round(y1), round(x0) : round(x1)]
            if red.max() - red.min() < 80:  # turned grey
                continue
            boxes += 1
            assert np.median(inside) > red.min() + 40, (x0, y0, x1, y1)
            assert inside.mean() > 0
    assert boxes > 20


WHITE = Image.new("RGB", (256, 256), (255, 255, 255))
BOXES = np.asarray([[100, 100, 160, 160]], dtype=np.float32)


def test_hats_leave_boxes_and_things_leave_heads() -> None:
    plain, dressed, strewn = sampler_of(5), sampler_of(5, hats=1.0), sampler_of(5, things=1.0)
    first = plain.sample(256)
    assert np.array_equal(dressed.sample(256).boxes, first.boxes)
    assert np.array_equal(strewn.sample(256).boxes, first.boxes)
    covered = _covered(first.boxes, (0, 0, 256, 256))
    assert np.allclose(covered, 1.0)
    rng = np.random.default_rng(1)
    for _ in range(30):
        drawing = thing(rng, 40)
        assert drawing.width == 40
        assert np.asarray(drawing)[..., 3].max() > 200


def test_a_hat_is_drawn_on_the_head() -> None:
    for seed in range(8):
        canvas = WHITE.copy()
        sampler_of(seed, hats=1.0)._dress(canvas, BOXES)
        drawn = (np.asarray(canvas) != 255).any(axis=2)
        assert drawn[60:160, 70:190].any()
        assert not drawn[190:].any() and not drawn[:, :70].any() and not drawn[:, 200:].any()


def test_things_are_drawn_beside_heads() -> None:
    drawn = 0
    for seed in range(12):
        canvas = WHITE.copy()
        sampler_of(seed)._scatter(canvas, BOXES)
        changed = (np.asarray(canvas) != 255).any(axis=2)
        drawn += changed.any()
        assert changed[100:160, 100:160].mean() < 0.6  # five things, each of which may cover an eighth
    assert drawn >= 10


def test_a_page_is_panels_between_gutters() -> None:
    panels = sampler_of(1)._panels(256)
    assert len(panels) >= 2
    seen = np.zeros((256, 256), dtype=int)
    for x0, y0, x1, y1 in panels:
        seen[y0:y1, x0:x1] += 1
    assert seen.max() == 1 and 0.7 < (seen == 1).mean() < 1


def test_hard_pictures_come_oftener() -> None:
    scenes = [from_image(scene_with_discs(), HEADS, [], 1.0, hard=hard) for hard in (False, True)]
    sampler = Sampler(scenes, dataclasses.replace(PLAIN, hard_weight=4.0), np.random.default_rng(0))
    assert np.allclose(sampler.until, [0.2, 1.0])


def test_a_head_cut_by_the_border_is_ignored_rather_than_unlearned() -> None:
    sampler = sampler_of(5)
    samples = [sampler.sample(96) for _ in range(80)]
    assert any(len(sample.ignore) for sample in samples)
    assert all((sample.boxes >= 0).all() and (sample.boxes <= 96).all() for sample in samples)


def test_targets_decode_to_the_boxes_they_were_made_of() -> None:
    box = torch.tensor([[20.0, 30.0, 70.0, 90.0]])
    heat, sides, weight, mask = targets([box], [torch.zeros(0, 4)], 128)
    boxes, _ = decode(torch.logit(heat.clamp(0.01, 0.99))[:, None], sides)
    learned = boxes[0][weight.flatten() > 0]
    assert len(learned) > 3
    assert torch.allclose(learned, box.expand_as(learned), atol=1e-3)
    assert float(mask.min()) == 1
    assert float(giou(sides, sides, weight)) == pytest.approx(0, abs=1e-6)
    assert int((heat == 1).sum()) == 1


def test_regions_to_ignore_are_masked_but_for_heads_in_them() -> None:
    region = torch.tensor([[0.0, 0.0, 128.0, 64.0]])
    head = torch.tensor([[20.0, 10.0, 60.0, 50.0]])
    _, _, _, mask = targets([head], [region], 128)
    assert float(mask[0, 3, 4]) == 1
    assert float(mask[0, 1, 14]) == 0
    assert float(mask[0, 12, 4]) == 1


@pytest.mark.parametrize("workers", [0, 2])
def test_a_run_that_goes_on_sees_the_batches_of_an_undisturbed_one(workers: int) -> None:
    """Each step has a batch of its own, whether or not steps came before it and whoever makes it."""
    scenes = [from_image(scene_with_discs(), HEADS, [], 1.0)]
    recipe = DetectorRecipe(
        Schedule(steps=6, batch=2, rate=0.1, sizes=(64, 96), size_until=(0.5, 1.0), seed=4)
    )
    undisturbed, resumed = Stream(scenes, recipe, 0), Stream(scenes, recipe, workers)
    whole = [undisturbed.draw(64 if step < 3 else 96, step) for step in range(6)]
    undisturbed.draw(64, -1)
    for step in (2, 3, 4, 5, 0):
        again = resumed.draw(64 if step < 3 else 96, step)
        assert all(torch.equal(one, other) for one, other in zip(whole[step], again, strict=True)), step
    assert not torch.equal(whole[4][0], whole[5][0])
