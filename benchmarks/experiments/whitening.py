"""How to turn embeddings for enrolled characters.

CHECKPOINT is a recogniser that was trained without some characters (``--leave-out``). In each draw five of
them are enrolled from ten faces each; their other faces are to be told, and those of everybody else are not
to be taken for them: faces of known characters, and heads of strangers in whole pictures. For each way of
turning, the share that is told right at the similarity where 5 % of the others are taken, on average of both
kinds.

As in tagging, an enrolled character must be alike enough, and score higher than a known one that is
recognised.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from booru_export.bundles.calibrate import calibrate
from booru_export.bundles.to_onnx import Calibration, RecogniserGraph
from booru_export.bundles.whitening import whitening
from booru_export.data.canon import read_canon
from booru_export.data.splits import split_faces, split_scenes
from booru_export.data.tables import FaceItem, read_faces, read_scenes
from booru_export.recogniser.samples import Faces, characters_of, load_faces, load_heads, whole
from booru_export.recogniser.task import from_checkpoint
from booru_export.training.checkpoint import read_checkpoint
from booru_export.training.inputs import to_input
from torch import Tensor
from torch.nn import functional

Array = npt.NDArray[np.float64]
ENROLLED, FACES, DRAWS, MOST = 5, 10, 40, 80
TAKEN = 0.05
NAMED = 0.85
"""Share of the known faces that are recognised, which says what a face must score for it."""
EXPAND = 0.95
"""The first look at each face, as shipped."""


@dataclass(frozen=True, slots=True)
class Seen:
    """Unit embeddings ``(N, D)`` as the net has them, and the logarithm of the odds of the likeliest known
    character ``(N,)``."""

    embeddings: Tensor
    odds: Array

    def only(self, rows: npt.NDArray[np.bool_]) -> Seen:
        return Seen(self.embeddings[torch.from_numpy(rows)], self.odds[rows])


def look(graph: RecogniserGraph, faces: Sequence[Faces], size: int) -> Seen:
    embeddings, scores = [], []
    for chunk in torch.split(whole(faces, size, EXPAND), 128):
        with torch.inference_mode():
            embedding, character, _, _ = graph(to_input(chunk))
        embeddings.append(embedding)
        scores.append(character.amax(1))
    best = torch.cat(scores).double().clamp(1e-9, 1 - 1e-9)
    return Seen(torch.cat(embeddings), best.logit().numpy())


def unit(vectors: Array) -> Array:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def limits(similarity: Array, odds: Array, least: float, steepness: float) -> Array:
    """The highest threshold of similarity at which each face is taken for an enrolled character."""
    return np.asarray(similarity - np.maximum(0, odds - least) / steepness)


def told(
    parts: Sequence[tuple[Array, Array]], labels: npt.NDArray[np.str_], least: float, steepness: float
) -> tuple[float, float]:
    """Share of the enrolled characters' faces told right, and the threshold; ``parts`` are those left out,
    known faces and heads of strangers: embeddings and odds."""
    (unknown, unknown_odds), *rest = parts
    names = sorted(set(labels.tolist()))
    own, others = [], []
    for draw in range(DRAWS):
        rng = np.random.default_rng(draw)
        gallery, asked, wanted = [], [], []
        for number, name in enumerate(rng.permutation(names)[:ENROLLED]):
            rows = rng.permutation(np.flatnonzero(labels == name))
            gallery.append(unknown[rows[:FACES]].mean(axis=0))
            asked += rows[FACES:].tolist()
            wanted += [number] * (len(rows) - FACES)
        prototypes = unit(np.stack(gallery))
        similar = unknown[asked] @ prototypes.T
        reached = limits(similar.max(axis=1), unknown_odds[asked], least, steepness)
        own.append(np.where(similar.argmax(axis=1) == np.asarray(wanted), reached, -1.0))
        others.append(
            [limits((faces @ prototypes.T).max(axis=1), odds, least, steepness) for faces, odds in rest]
        )
    steps = np.linspace(0, 1, 501)
    taken = np.mean(
        [[[(kind >= step).mean() for step in steps] for kind in kinds] for kinds in others], axis=0
    )
    threshold = float(steps[int(np.argmax(taken.mean(axis=0) <= TAKEN))])
    return float(np.mean([(reached >= threshold).mean() for reached in own])), threshold


WAYS = {
    "seen from the strangers": (0.0, None),
    "half of being known taken out": (0.5, None),
    "whitened": (0.0, 0.1),
    "whitened, a quarter taken out (shipped)": (0.25, 0.1),
    "whitened, half taken out": (0.5, 0.1),
    "whitened more, a quarter taken out": (0.25, 0.03),
    "whitened less, a quarter taken out": (0.25, 0.3),
}
"""Names of ways to turn embeddings: share of the axis that is taken out, shrinkage."""


@dataclass(frozen=True, slots=True)
class Material:
    """What turning is fitted on (the validation part), and what it is tried on (the test part)."""

    known: Tensor
    people: Tensor
    strangers: Tensor
    names: npt.NDArray[np.str_]
    """Who the faces of characters left out are: the first of ``tried``."""
    tried: tuple[Seen, Seen, Seen]
    """Characters left out, known ones, heads of strangers."""

    def turned(self, axis_share: float, shrinkage: float | None) -> list[tuple[Array, Array]]:
        origin, turn = whitening(
            self.known, self.people, self.strangers, axis_share=axis_share, shrinkage=shrinkage
        )
        return [
            (functional.normalize((seen.embeddings - origin) @ turn, dim=1).double().numpy(), seen.odds)
            for seen in self.tried
        ]


def gather(state: dict[str, Any], data: Path) -> Material:
    """Look at all faces and heads with a checkpoint's net."""
    net, labels, recipe, canon = from_checkpoint(state), state["labels"], state["recipe"], read_canon()
    size, scale = recipe["schedule"]["sizes"][-1], recipe["scale"]
    items, scenes = read_faces(data / "faces"), split_scenes(read_scenes(data / "scenes"))
    parts = split_faces([item for item in items if item.label in labels])
    left_out = some_of_each([item for item in items if item.label not in labels])
    names = [item.label for item in left_out]
    validation = load_faces(parts["validation"], labels, canon)
    heads = load_heads(scenes["validation"], labels)
    fitted = calibrate(net, validation, heads, characters=len(labels), size=size, scale=scale)
    plain = Calibration(fitted.character, fitted.known_slope, fitted.known_level)
    graph = RecogniserGraph(net, len(labels), scale, plain).eval()

    def heads_of_strangers(heads: Faces) -> Seen:
        return look(graph, [heads], size).only(heads.stranger)

    return Material(
        look(graph, validation, size).embeddings,
        torch.from_numpy(characters_of(validation)),
        heads_of_strangers(heads).embeddings,
        np.asarray(names),
        (
            look(graph, load_faces(left_out, sorted(set(names)), canon), size),
            look(graph, load_faces(parts["test"], labels, canon), size),
            heads_of_strangers(load_heads(scenes["test"], labels)),
        ),
    )


def some_of_each(items: Sequence[FaceItem]) -> list[FaceItem]:
    """At most so many faces of each character, drawn at random."""
    rng, chosen = np.random.default_rng(0), []
    for name in sorted({item.label for item in items}):
        of_one = [item for item in items if item.label == name]
        chosen += [of_one[row] for row in rng.permutation(len(of_one))[:MOST]]
    return chosen


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser("python -m benchmarks experiment whitening", description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("data", type=Path)
    asked = parser.parse_args(arguments)
    material = gather(read_checkpoint(asked.checkpoint), asked.data)
    unknown, known, _ = material.tried
    least = float(np.quantile(known.odds, 1 - NAMED))
    named = float((unknown.odds >= least).mean())
    print(f"{len(unknown.odds)} faces of {len(set(material.names.tolist()))} left out; {named:.3f} named")
    for way, (axis_share, shrinkage) in WAYS.items():
        turned = material.turned(axis_share, shrinkage)
        for steepness in (10.0, 20.0):
            right, threshold = told(turned, material.names, least, steepness)
            print(f"{way:42} steepness {steepness:.0f}: {right:.3f} right at {threshold:.3f}", flush=True)
