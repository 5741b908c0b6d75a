"""Training of the face recogniser."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from booru_export.data.canon import EYES, HAIR, read_canon
from booru_export.data.splits import split_faces, split_scenes
from booru_export.data.tables import read_faces, read_scenes
from booru_export.evaluation.metrics import auroc, macro
from booru_export.recogniser.loss import identity_logits, recogniser_loss, teaching_loss
from booru_export.recogniser.samples import (
    STORED_EXPAND,
    STORED_HEAD,
    Batches,
    Faces,
    draw_heads,
    join,
    load_faces,
    load_heads,
    whole,
)
from booru_export.training.augment import TURNS
from booru_export.training.checkpoint import read_checkpoint
from booru_export.training.device import CPU, Device
from booru_export.training.nets import FaceNet
from booru_export.training.recipe import RecogniserRecipe, from_table
from booru_tagger.errors import DataError

MARGIN_STEPS = 500
"""Steps over which the margin grows to its width: at full width from the start, nothing would be learned."""


def build(recipe: RecogniserRecipe, characters: int) -> FaceNet:
    """The untrained net of a recipe for so many characters."""
    sizes: dict[str, Any] = {
        "embedding": recipe.embedding,
        "characters": characters,
        "extra": characters * len(TURNS),
        "hair": len(HAIR),
        "eyes": len(EYES),
        "dropout": recipe.dropout,
    }
    if recipe.backbone:
        from booru_export.training.backbones import BackboneNet  # torchvision takes a second to import

        return BackboneNet(recipe.backbone, **sizes)
    return FaceNet(recipe.widths, recipe.blocks, **sizes)


def _start(net: FaceNet, recipe: RecogniserRecipe) -> FaceNet:
    """Give a fresh net the weights that its recipe names."""
    if recipe.initial:
        from booru_export.training.backbones import BackboneNet, start_from

        if not isinstance(net, BackboneNet):
            raise DataError("'initial' weights are for a backbone: name one in the recipe")
        start_from(net, recipe.initial)
    return net


def from_checkpoint(state: dict[str, Any]) -> FaceNet:
    """The net of a checkpoint with its averaged weights, ready to be used."""
    recipe = from_table(RecogniserRecipe, state["recipe"], "checkpoint")
    net = build(recipe, len(state["labels"]))
    net.load_state_dict(state["average"])
    return net.eval()


class RecogniserTask:
    """Feeds, scores and evaluates a recogniser; see :class:`booru_export.training.loop.Task`."""

    def __init__(
        self,
        recipe: RecogniserRecipe,
        faces: Path,
        scenes: Path | None,
        *,
        more: Sequence[Path] = (),
        teacher: Path | None = None,
        leave_out: Collection[str] = (),
        device: Device = CPU,
    ) -> None:
        """``faces`` and ``scenes`` are split, without those of the characters to ``leave_out``; heads of the
        scenes in ``more`` (self-labelled ones of nobody known) are all trained on. ``teacher`` is the
        checkpoint of a net for the same characters, whose opinions are learned, too.
        """
        self.recipe, self.device = recipe, device
        self.parts = split_faces([item for item in read_faces(faces) if item.label not in leave_out])
        self.labels = sorted({item.label for part in self.parts.values() for item in part})
        canon = read_canon()
        whole_pictures = read_scenes(scenes) if scenes else []
        whole_pictures = [scene for scene in whole_pictures if scene.label not in leave_out]
        self.scenes = split_scenes(whole_pictures) if scenes else None
        train_faces = load_faces(self.parts["train"], self.labels, canon)
        self.validation = load_faces(self.parts["validation"], self.labels, canon)
        self.validation_heads = load_heads(self.scenes["validation"], self.labels) if self.scenes else None
        train_heads = load_heads(self.scenes["train"], self.labels) if self.scenes else _none()
        added = [scene for table in more for scene in read_scenes(table) if scene.boxes]
        if added:
            train_heads = join(train_heads, load_heads(added, self.labels))
        train_heads = join(train_heads, draw_heads(recipe.drawn))
        self.counts = {name: len(items) for name, items in self.parts.items()} | {"heads": len(train_heads)}
        torch.manual_seed(recipe.schedule.seed)
        self.face_net = _start(build(recipe, len(self.labels)), recipe).to(device.place)
        self.net: nn.Module = self.face_net
        self.teacher = _teacher(teacher, self.labels).to(device.place) if teacher else None
        self.batches = Batches(recipe, train_faces, train_heads, len(self.labels), device.place)

    def losses(self, size: int, step: int) -> dict[str, Tensor]:
        recipe = self.recipe
        batch = self.batches.draw(size)
        with self.device.precision():
            answer = self.face_net(batch.images)
        parts = recogniser_loss(
            self.face_net,
            answer,
            batch,
            scale=recipe.scale,
            margin=recipe.margin * min(1.0, step / MARGIN_STEPS),
            colour_weight=recipe.colour_weight,
        )
        if self.teacher is not None:
            with torch.no_grad(), self.device.precision():
                taught = self.teacher(batch.images)
            loss = teaching_loss(self.face_net, answer, self.teacher, taught, recipe.scale)
            parts["teacher"] = recipe.teacher_weight * loss
        return parts

    def evaluate(self, net: nn.Module) -> dict[str, float]:
        assert isinstance(net, FaceNet)
        size = self.recipe.schedule.sizes[-1]
        scores, _, _ = self._scores(net, self.validation, size, 1.0)
        right = scores.argmax(1) == self.validation.character
        names = [self.labels[number] for number in self.validation.character]
        figures = {"top1": float(right.mean()), "macro": macro(names, right)}
        if self.validation_heads is not None:
            heads = self.validation_heads
            head_scores, hair, eyes = self._scores(net, heads, size, 1 / STORED_EXPAND)
            figures["auroc_posters"] = auroc(scores.max(1), head_scores[heads.stranger].max(1))
            named = heads.character >= 0
            figures["top1_scenes"] = float((head_scores.argmax(1) == heads.character)[named].mean())
            figures["hair"] = float((hair.argmax(1) == heads.hair)[heads.hair >= 0].mean())
            figures["eyes"] = float((eyes.argmax(1) == heads.eyes)[heads.eyes >= 0].mean())
        return figures

    def _scores(self, net: FaceNet, faces: Faces, size: int, expand: float) -> tuple[Any, Any, Any]:
        """Probabilities of the characters (the rest is for strangers), of hair and of eyes."""
        images = whole(faces, size, expand)
        outputs: list[tuple[Tensor, Tensor, Tensor]] = []
        for chunk in torch.split(images, 64):
            pictures = chunk.to(self.device.place).permute(0, 3, 1, 2)
            embedding, hair, eyes = net(pictures.float() / 127.5 - 1)
            identity = identity_logits(net, embedding, self.recipe.scale).softmax(1)
            outputs.append((identity[:, : len(self.labels)], hair.softmax(1), eyes.softmax(1)))
        character, hair_scores, eye_scores = (
            torch.cat(parts).cpu().numpy() for parts in zip(*outputs, strict=True)
        )
        return character, hair_scores, eye_scores

    def describe(self) -> dict[str, Any]:
        return {
            "kind": "recogniser",
            "recipe": dataclasses.asdict(self.recipe),
            "labels": list(self.labels),
            "data": self.counts,
        }


def _teacher(checkpoint: Path, labels: list[str]) -> FaceNet:
    """The net in a checkpoint, if it was trained for the same characters. Raises :class:`DataError`."""
    state = read_checkpoint(checkpoint)
    if state.get("labels") != labels:
        raise DataError(f"{checkpoint}: was not trained for the characters of this data set")
    return from_checkpoint(state).requires_grad_(False)


def _none() -> Faces:
    """No heads at all, for data sets of crops alone."""
    pixels = np.zeros((0, STORED_HEAD, STORED_HEAD, 3), dtype=np.uint8)
    empty = np.zeros(0, dtype=np.int64)
    return Faces(pixels, empty, empty, empty, empty.astype(bool))
