"""Training of the network that says how far a head is turned."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from booru_export.data.splits import split_faces, split_scenes
from booru_export.data.tables import read_all_faces, read_all_scenes
from booru_export.roll.samples import EXPAND, Heads, draw, load_heads, read_measured, turned, with_measured
from booru_export.training.checkpoint import read_checkpoint
from booru_export.training.device import CPU, Device
from booru_export.training.inputs import to_input
from booru_export.training.nets import ROLL_BINS, RollNet, directions
from booru_export.training.recipe import RollRecipe, from_table
from booru_export.training.streams import Ahead

_WIDTH = math.radians(9)
"""Spread of the bins that an angle is learned as: heads in pictures are not quite upright, either."""
RIGHT = 10.0
"""Degrees within which an answer is right."""
_JUDGED = 2000
_CHUNK = 256
_LITTLE = (-24.0, -8.0, 8.0, 24.0)
_BELIEVED = 0.85
"""How sure a teacher must be."""

Degrees = npt.NDArray[np.float64]


def build(recipe: RollRecipe) -> RollNet:
    """The untrained net of a recipe."""
    return RollNet(recipe.widths, recipe.blocks, recipe.schedule.sizes[-1])


def from_checkpoint(state: dict[str, Any]) -> RollNet:
    """The net of a checkpoint with its averaged weights, ready to be used."""
    net = build(from_table(RollRecipe, state["recipe"], "checkpoint"))
    net.load_state_dict(state["average"])
    return net.eval()


def roll_loss(logits: Tensor, angles: Tensor) -> Tensor:
    """Cross entropy with bins of which those near the angle (radians, clockwise) are right."""
    bins = torch.arange(ROLL_BINS, device=logits.device) * (2 * math.pi / ROLL_BINS)
    wanted = (torch.cos(angles[:, None] - bins) / _WIDTH**2).softmax(1)
    return -(wanted * logits.log_softmax(1)).sum(1).mean()


def difference(one: Degrees, other: Degrees) -> Degrees:
    """From -180 to 180 degrees."""
    return np.asarray((one - other + 180) % 360 - 180)


class RollTask:
    """Feeds, scores and evaluates the net; see :class:`booru_export.training.loop.Task`."""

    def __init__(
        self,
        recipe: RollRecipe,
        faces: Sequence[Path],
        scenes: Sequence[Path] = (),
        *,
        measured: Path | None = None,
        teacher: Path | None = None,
        device: Device = CPU,
    ) -> None:
        """``faces`` and ``scenes`` are split. ``teacher``: checkpoint of an earlier run, which knows how far
        heads are turned by themselves; of those in the table ``measured`` that is known better.
        """
        self.recipe, self.device = recipe, device
        torch.manual_seed(recipe.schedule.seed)
        self.net: nn.Module = build(recipe).to(device.place)
        parts, pictures = split_faces(read_all_faces(faces)), split_scenes(read_all_scenes(scenes))
        heads = load_heads(parts["train"], pictures["train"])
        self.validation = load_heads(parts["validation"], pictures["validation"])
        self.counts = {"train": len(heads), "validation": len(self.validation)}
        if teacher is not None:
            heads = replace(heads, roll=self._own_turns(from_checkpoint(read_checkpoint(teacher)), heads))
        if measured is not None:
            known = [one for one in read_measured(measured) if one.part == "train"]
            heads = with_measured(heads, known, recipe.measured)
            self.counts["measured"] = len(known)
        self.ahead = Ahead(functools.partial(draw, heads, recipe))

    def losses(self, size: int, step: int) -> dict[str, Tensor]:
        batch = self.ahead.draw(size, step)
        with self.device.precision():
            logits = self.net(
                batch.images.to(self.device.place).contiguous(memory_format=torch.channels_last)
            )
        return {"roll": roll_loss(logits.float(), batch.angles.to(self.device.place))}

    def evaluate(self, net: nn.Module) -> dict[str, float]:
        """How near heads turned by known angles, up to 60 degrees, come to what is said of them unturned."""
        rng = np.random.default_rng(0)
        rows = rng.permutation(len(self.validation))[:_JUDGED]
        known = rng.uniform(-60, 60, len(rows))
        before, sure_before = self._answers(net, self.validation, rows, np.zeros(len(rows)))
        after, sure_after = self._answers(net, self.validation, rows, known)
        wrong = np.abs(difference(after - before, known))
        sure = np.minimum(sure_before, sure_after)
        surest = sure >= np.median(sure)
        return {
            "median_error": float(np.median(wrong)),
            "right": float((wrong <= RIGHT).mean()),
            "right_surest_half": float((wrong <= RIGHT)[surest].mean()),
            "tilt": float(np.median(np.abs(difference(before, np.zeros(len(rows)))))),
        }

    def _own_turns(self, net: RollNet, heads: Heads) -> npt.NDArray[np.float32]:
        """How far heads are turned by themselves (radians) if the net is sure of it, else 0.

        It sees each turned a little this way and that.
        """
        net.to(self.device.place)
        rows, total = np.arange(len(heads)), np.zeros(len(heads), np.complex128)
        with torch.inference_mode():
            for degrees in _LITTLE:
                said, sure = self._answers(net, heads, rows, np.full(len(heads), degrees))
                total += sure * np.exp(1j * np.radians(said - degrees)) / len(_LITTLE)
        return np.where(np.abs(total) >= _BELIEVED, np.angle(total), 0.0).astype(np.float32)

    def _answers(
        self, net: nn.Module, heads: Heads, rows: npt.NDArray[np.int64], degrees: Degrees
    ) -> tuple[Degrees, Degrees]:
        """Degrees and certainty (0 to 1) for heads turned by ``degrees``."""
        size, found = self.recipe.schedule.sizes[-1], []
        for start in range(0, len(rows), _CHUNK):
            chunk = rows[start : start + _CHUNK]
            pictures = to_input(torch.from_numpy(heads.pixels[chunk]))
            side = torch.from_numpy(np.minimum(EXPAND / heads.reach[chunk], 1.0).astype(np.float32))
            angle = torch.from_numpy(np.radians(degrees[start : start + _CHUNK]).astype(np.float32))
            found.append(directions(net(turned(pictures, size, angle, side).to(self.device.place)).float()))
        x, y = torch.cat(found).cpu().numpy().astype(np.float64).T
        return np.degrees(np.arctan2(y, x)), np.hypot(x, y)

    def describe(self) -> dict[str, Any]:
        return {"kind": "roll", "recipe": dataclasses.asdict(self.recipe), "data": self.counts}
