"""Training of the face recogniser."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from booru_export.data.canon import EYES, HAIR, read_canon
from booru_export.data.splits import split_faces, split_scenes
from booru_export.data.tables import read_all_faces, read_all_scenes
from booru_export.evaluation.metrics import Array, auroc, macro
from booru_export.recogniser.loss import identity_logits, recogniser_loss, teaching_loss
from booru_export.recogniser.samples import (
    STORED_EXPAND,
    STORED_HEAD,
    Batches,
    Faces,
    Labels,
    characters_of,
    draw_heads,
    join,
    load_faces,
    load_heads,
    whole,
)
from booru_export.training.augment import TURNS
from booru_export.training.checkpoint import read_checkpoint
from booru_export.training.device import CPU, Device
from booru_export.training.inputs import to_input
from booru_export.training.nets import FaceNet, Outputs
from booru_export.training.recipe import RecogniserRecipe, from_table
from booru_export.training.streams import Ahead, seed_layers
from booru_tagger.errors import DataError

MARGIN_STEPS = 500
"""Steps over which the margin grows to its width: at full width from the start, nothing would be learned."""

ENROLLED_FACES = 5


def build(recipe: RecogniserRecipe, characters: int) -> FaceNet:
    """The untrained net of a recipe for so many characters."""
    outputs = Outputs(
        recipe.embedding, characters, characters * len(TURNS), len(HAIR), len(EYES), recipe.dropout
    )
    if recipe.backbone:
        from booru_export.training.backbones import BackboneNet  # torchvision takes a second to import

        return BackboneNet(recipe.backbone, outputs)
    return FaceNet(recipe.widths, recipe.blocks, outputs)


@dataclass(frozen=True, slots=True)
class _Answers:
    """Embeddings ``(N, D)``, scores and cosines ``(N, characters)``, indices of hair and eye colors."""

    embedding: Array
    scores: Array
    cosine: Array
    hair: Array
    eyes: Array


def enrolled_rank1(embedding: Array, labels: Labels, faces: int) -> float:
    """Share of faces that are most like the mean of ``faces`` others of their own character.

    Characters with more than so many faces take part, ``(N, D)`` unit embeddings in their order.
    """
    centres: list[Array] = []
    rest: list[Array] = []
    wanted: list[int] = []
    for label in np.unique(labels):
        mine = embedding[labels == label]
        if len(mine) > faces:
            centre = mine[:faces].mean(0)
            wanted += [len(centres)] * (len(mine) - faces)
            centres.append(centre / np.linalg.norm(centre))
            rest.append(mine[faces:])
    if not centres:
        return float("nan")
    nearest = (np.concatenate(rest) @ np.stack(centres).T).argmax(1)
    return float((nearest == np.asarray(wanted)).mean())


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
        faces: Sequence[Path],
        scenes: Sequence[Path] = (),
        *,
        more: Sequence[Path] = (),
        teacher: Path | None = None,
        leave_out: Collection[str] = (),
        fresh: bool = True,
        device: Device = CPU,
    ) -> None:
        """``faces`` and ``scenes`` are split, without those of the characters to ``leave_out``, by whom
        strangers and enrolment are judged; heads of the scenes in ``more`` are all trained on. ``teacher`` is
        the checkpoint of a net for the same characters, whose opinions are learned, too. ``fresh``: whether
        the weights that the recipe names are needed, since no others replace them at once.
        """
        self.recipe, self.device = recipe, device
        items = read_all_faces(faces)
        unseen = [item for item in items if item.label in leave_out]
        self.parts = split_faces([item for item in items if item.label not in leave_out])
        self.labels = sorted({item.label for part in self.parts.values() for item in part})
        canon = read_canon()
        whole_pictures = read_all_scenes(scenes)
        whole_pictures = [scene for scene in whole_pictures if scene.label not in leave_out]
        self.scenes = split_scenes(whole_pictures) if scenes else None
        train_faces = load_faces(self.parts["train"], self.labels, canon)
        self.validation = load_faces(self.parts["validation"], self.labels, canon)
        self.unseen = load_faces(unseen, sorted(leave_out), canon)
        self.validation_heads = load_heads(self.scenes["validation"], self.labels) if self.scenes else None
        train_heads = load_heads(self.scenes["train"], self.labels) if self.scenes else _none()
        added = [scene for scene in read_all_scenes(more) if scene.boxes]
        if added:
            train_heads = join(train_heads, load_heads(added, self.labels))
        train_heads = join(train_heads, draw_heads(recipe.drawn))
        self.counts = {name: len(part) for name, part in self.parts.items()} | {"heads": len(train_heads)}
        torch.manual_seed(recipe.schedule.seed)
        net = build(recipe, len(self.labels))
        self.face_net = (_start(net, recipe) if fresh else net).to(device.place)
        self.net: nn.Module = self.face_net
        self.teacher = _teacher(teacher, self.labels).to(device.place) if teacher else None
        self.batches = Batches(recipe, train_faces, train_heads, len(self.labels), device.place)
        self.ahead = Ahead(self.batches.draw)

    def losses(self, size: int, step: int) -> dict[str, Tensor]:
        recipe = self.recipe
        batch = self.ahead.draw(size, step)
        seed_layers(recipe.schedule.seed, step)
        with self.device.precision():
            answer = self.face_net(batch.images)
        parts = recogniser_loss(
            self.face_net,
            answer,
            batch,
            scale=recipe.scale,
            margin=recipe.margin * min(1.0, max(step, 0) / MARGIN_STEPS),
            color_weight=recipe.colour_weight,
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
        answers = [self._answers(net, part, size) for part in self.validation]
        scores = np.concatenate([answer.scores for answer in answers])
        wanted = characters_of(self.validation)
        right = scores.argmax(1) == wanted
        names = [self.labels[number] for number in wanted]
        figures = {"top1": float(right.mean()), "macro": macro(names, right)}
        for part, answer in zip(self.validation, answers, strict=True):
            kind = "tight" if part.expand == 1 else "wide"
            figures[f"top1_{kind}"] = float((answer.scores.argmax(1) == part.character).mean())
        if self.unseen:
            figures |= self._unseen_figures(net, size, np.concatenate([answer.cosine for answer in answers]))
        if self.validation_heads is not None:
            heads = self.validation_heads
            answer = self._answers(net, heads, size)
            named = heads.character >= 0
            figures["top1_scenes"] = float((answer.scores.argmax(1) == heads.character)[named].mean())
            figures["hair"] = float((answer.hair == heads.hair)[heads.hair >= 0].mean())
            figures["eyes"] = float((answer.eyes == heads.eyes)[heads.eyes >= 0].mean())
            if self.recipe.scene_strangers:
                strangers = answer.scores[heads.stranger].max(1)
                figures["auroc_posters"] = auroc(scores.max(1), strangers)
        return figures

    def _unseen_figures(self, net: FaceNet, size: int, known: Array) -> dict[str, float]:
        """How well characters that were left out are rejected, and told apart once enrolled."""
        answers = [self._answers(net, part, size) for part in self.unseen]
        labels = characters_of(self.unseen)
        cosine = np.concatenate([answer.cosine for answer in answers])
        embedding = np.concatenate([answer.embedding for answer in answers])
        return {
            "auroc_unseen": auroc(known.max(1), cosine.max(1)),
            "enrolled_rank1": enrolled_rank1(embedding, labels, ENROLLED_FACES),
        }

    def _answers(self, net: FaceNet, faces: Faces, size: int) -> _Answers:
        """What the net says of all pictures of a set, cut to their heads."""
        outputs = []
        for chunk in torch.split(whole([faces], size), 64):
            with self.device.precision():
                embedding, hair, eyes = net(to_input(chunk.to(self.device.place)))
            logits = identity_logits(net, embedding.float(), self.recipe.scale)
            scores, cosine = logits.softmax(1), logits / self.recipe.scale
            count = len(self.labels)
            outputs.append((embedding, scores[:, :count], cosine[:, :count], hair.argmax(1), eyes.argmax(1)))
        return _Answers(*(torch.cat(part).float().cpu().numpy() for part in zip(*outputs, strict=True)))

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
    return Faces(pixels, empty, empty, empty, empty.astype(bool), empty.astype(bool), STORED_EXPAND)
