"""Training of the head detector."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from booru_export.data.splits import SCENE_KINDS, kind_of, split_scenes
from booru_export.data.tables import read_all_scenes
from booru_export.detector.loss import detector_loss
from booru_export.detector.samples import LoadedScene, from_image, load_scene
from booru_export.detector.stream import Stream
from booru_export.drawn import FIRST_TRAINING_SEED, draw_scene
from booru_export.evaluation.metrics import Detections, match
from booru_export.training.device import CPU, Device
from booru_export.training.inputs import NORMALISATION, to_input
from booru_export.training.nets import STRIDE, HeadDetector
from booru_export.training.recipe import DetectorRecipe, from_table
from booru_tagger.imaging import Pixels, letterbox, read_picture
from booru_tagger.models.found import Found, suppress
from booru_tagger.types import Box, Face

EVALUATED_SIDE = 384
NMS_IOU = 0.5


def build(recipe: DetectorRecipe) -> HeadDetector:
    """The untrained net of a recipe."""
    return HeadDetector(recipe.widths, recipe.blocks, recipe.neck)


def from_checkpoint(state: dict[str, Any]) -> HeadDetector:
    """The net of a checkpoint with its averaged weights, ready to be used."""
    net = build(from_table(DetectorRecipe, state["recipe"], "checkpoint"))
    net.load_state_dict(state["average"])
    return net.eval()


def decode(heat: Tensor, sides: Tensor) -> tuple[Tensor, Tensor]:
    """Heat logits and distances to boxes ``(N, M, 4)`` in input pixels and scores ``(N, M)``."""
    count, _, rows, columns = heat.shape
    x = (torch.arange(columns, device=heat.device) + 0.5) * STRIDE
    y = (torch.arange(rows, device=heat.device) + 0.5) * STRIDE
    x, y = x.view(1, 1, -1).expand(1, rows, columns), y.view(1, -1, 1).expand(1, rows, columns)
    boxes = torch.stack(
        [x - sides[:, 0], y - sides[:, 1], x + sides[:, 2], y + sides[:, 3]],
        dim=-1,
    )
    return boxes.reshape(count, -1, 4), heat.sigmoid().reshape(count, -1)


def detect(net: nn.Module, pixels: Pixels, side: int, threshold: float = 0.05) -> list[Face]:
    """Heads in one picture by a torch net, as the runtime's detector finds them by the exported one."""
    padded, scale = letterbox(pixels, side)
    batch = torch.from_numpy(NORMALISATION.apply(padded[None])).to(next(net.parameters()).device)
    boxes, scores = (value[0].cpu().numpy() for value in decode(*net(batch)))
    height, width = pixels.shape[:2]
    boxes = np.clip(boxes / scale, 0, np.asarray([width, height, width, height], dtype=np.float32))
    found = Found(boxes, scores).where(scores >= threshold)
    found = found.where(suppress(found, NMS_IOU))
    return [
        Face(Box(*box.tolist()), float(score)) for box, score in zip(found.boxes, found.scores, strict=True)
    ]


def drawn_scenes(count: int) -> list[LoadedScene]:
    """Illustrations drawn by code: styles that fan art does not cover, with exact boxes."""
    drawings = [draw_scene(FIRST_TRAINING_SEED + number, size=(384, 384)) for number in range(count)]
    return [from_image(drawing.image, [head.box for head in drawing.heads], (), 1.0) for drawing in drawings]


class DetectorTask:
    """Feeds, scores and evaluates a detector; see :class:`booru_export.training.loop.Task`."""

    def __init__(
        self,
        recipe: DetectorRecipe,
        data: Sequence[Path],
        more: Sequence[Path] = (),
        *,
        device: Device = CPU,
        workers: int = 0,
    ) -> None:
        """``data`` is split; all scenes of ``more`` (self-labelled, say) are trained on.

        ``workers`` processes make the batches, where this one cannot keep up with an accelerator.
        """
        self.recipe, self.device = recipe, device
        torch.manual_seed(recipe.schedule.seed)
        self.net: nn.Module = build(recipe).to(device.place)
        self.parts = split_scenes(read_all_scenes(data))
        scenes = [load_scene(scene) for scene in self.parts["train"]]
        added = read_all_scenes(more)
        scenes += [load_scene(scene) for scene in added]
        scenes += drawn_scenes(round(len(scenes) * recipe.drawn / (1 - recipe.drawn)))
        self.counts: dict[str, int] = {name: len(part) for name, part in self.parts.items()}
        self.counts |= {"self-labelled": len(added), "drawn": round(recipe.drawn * len(scenes))}
        self.stream = Stream(scenes, recipe, workers)
        self.validation = [(scene, read_picture(scene.path).pixels) for scene in self.parts["validation"]]

    def losses(self, size: int, step: int) -> dict[str, Tensor]:
        pixels, *wanted = (
            part.to(self.device.place, non_blocking=True) for part in self.stream.draw(size, step)
        )
        batch = to_input(pixels)
        with self.device.precision():
            heat, sides = self.net(batch.contiguous(memory_format=torch.channels_last))
        return detector_loss((heat.float(), sides.float()), (wanted[0], wanted[1], wanted[2], wanted[3]))

    def evaluate(self, net: nn.Module) -> dict[str, float]:
        pictures = [
            (
                kind_of(scene),
                Detections(detect(net, pixels, EVALUATED_SIDE), scene.boxes, scene.ignore),
            )
            for scene, pixels in self.validation
        ]
        figures = {}
        for name in SCENE_KINDS:
            chosen = [item for kind, item in pictures if kind == name]
            if chosen:
                figures[f"f1_{name}"], figures[f"at_{name}"] = match(chosen).best()
        return figures

    def describe(self) -> dict[str, Any]:
        return {
            "kind": "detector",
            "recipe": dataclasses.asdict(self.recipe),
            "data": self.counts,
        }
