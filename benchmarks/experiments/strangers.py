"""Which clue tells strangers from known faces.

CHECKPOINT is a recogniser that was trained without some characters (``--leave-out``): their faces are the
strangers. For each clue, the area under the ROC curve and the share of known faces that are named where 5 %
of the strangers are.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from booru_export.data.canon import read_canon
from booru_export.data.splits import split_faces
from booru_export.data.tables import FaceItem, read_faces
from booru_export.evaluation.metrics import auroc
from booru_export.recogniser.samples import load_faces, whole
from booru_export.recogniser.task import from_checkpoint
from booru_export.training.checkpoint import read_checkpoint
from booru_export.training.inputs import to_input
from booru_export.training.nets import FaceNet
from sklearn.cluster import KMeans

Array = npt.NDArray[np.float64]
SCALE = 24.0
CENTRES = 4
STRANGERS = 600


def embed(net: FaceNet, items: Sequence[FaceItem], size: int) -> Array:
    """Embeddings ``(N, D)`` of two views, of their own lengths."""
    faces = load_faces(items, sorted({item.label for item in items}), read_canon())
    views = []
    for expand, mirrored in ((1.0, False), (0.9, True)):
        parts = []
        for chunk in torch.split(whole(faces, size, expand), 128):
            images = to_input(chunk)
            with torch.inference_mode():
                parts.append(net.raw(images.flip(3) if mirrored else images)[0])
        views.append(torch.cat(parts).double().numpy())
    return np.asarray(np.mean(views, axis=0))


def unit(vectors: Array) -> Array:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def clues(
    known: Array, strangers: Array, train: Array, labels: npt.NDArray[np.int64], prototypes: Array
) -> Iterator[tuple[str, Array, Array]]:
    """Name of each clue and its values for known faces and for strangers; more is more likely known."""
    characters = int(labels.max()) + 1
    directions, faces = unit(prototypes), unit(train)

    def cosines(vectors: Array) -> Array:
        return np.asarray(unit(vectors) @ directions.T)

    def softmax(vectors: Array) -> Array:
        powers = np.exp(SCALE * cosines(vectors))
        return np.asarray((powers / powers.sum(axis=1, keepdims=True))[:, :characters].max(axis=1))

    def best(vectors: Array) -> Array:
        return np.asarray(cosines(vectors)[:, :characters].max(axis=1))

    centres = np.concatenate(
        [
            KMeans(CENTRES, n_init=2, random_state=0).fit(faces[labels == number]).cluster_centers_
            for number in range(characters)
            if (labels == number).sum() >= CENTRES
        ]
    )
    means = np.stack([train[labels == number].mean(axis=0) for number in range(characters)])
    spread = train - means[labels]
    precision = np.linalg.inv(spread.T @ spread / len(spread) + 1e-3 * np.eye(train.shape[1]))

    def mahalanobis(vectors: Array) -> Array:
        offsets = vectors[:, None] - means[None]
        return np.asarray(-np.einsum("ncd,de,nce->nc", offsets, precision, offsets).min(axis=1))

    measures = {
        "softmax": softmax,
        "cosine": best,
        "cosine, length": lambda vectors: best(vectors) * np.linalg.norm(vectors, axis=1) ** 0.5,
        "nearest training face": lambda vectors: (unit(vectors) @ faces.T).max(axis=1),
        f"{CENTRES} centres": lambda vectors: (unit(vectors) @ unit(centres).T).max(axis=1),
        "Mahalanobis": mahalanobis,
    }
    for name, measure in measures.items():
        yield name, np.asarray(measure(known)), np.asarray(measure(strangers))


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser("python -m benchmarks experiment strangers", description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("data", type=Path)
    asked = parser.parse_args(arguments)
    state = read_checkpoint(asked.checkpoint)
    net, labels, size = from_checkpoint(state), state["labels"], state["recipe"]["schedule"]["sizes"][-1]
    items = read_faces(asked.data / "faces")
    parts = split_faces(items)
    held_out = [item for item in (*parts["validation"], *parts["test"]) if item.label in labels]
    train = [item for item in parts["train"] if item.label in labels]
    others = [item for item in items if item.label not in labels]
    chosen = np.random.default_rng(0).permutation(len(others))[:STRANGERS]
    strangers = [others[index] for index in chosen]
    print(f"{len(held_out)} known faces, {len(strangers)} strangers")
    numbers = np.asarray([labels.index(item.label) for item in train], dtype=np.int64)
    prototypes = net.prototypes.detach().double().numpy()
    embeddings = [embed(net, part, size) for part in (held_out, strangers, train)]
    for name, known, unknown in clues(embeddings[0], embeddings[1], embeddings[2], numbers, prototypes):
        named = float((known >= np.quantile(unknown, 0.95)).mean())
        print(f"{name:24} AUROC {auroc(known, unknown):.3f}  known named at 5 % {named:.3f}")
