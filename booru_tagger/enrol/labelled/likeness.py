"""How like a character a head is, given some heads that are taken for the character's."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from booru_tagger.imaging import Floats
from booru_tagger.models.identity import unit

NEAREST = 3
"""Faces of a character that a head is compared with one by one: those most like it."""
MAX_COMPARED = 64
"""Faces of a character among which these are sought."""


class Profile:
    """What is taken for known of a character: heads of the library, and faces from elsewhere.

    ``heads`` are rows of ``embeddings (N, D)``; ``anchors (A, D)`` are faces that need no proof.
    """

    def __init__(self, embeddings: Floats, heads: Sequence[int], anchors: Floats) -> None:
        self._embeddings = embeddings
        own = embeddings[list(heads)] if len(heads) else np.zeros((0, embeddings.shape[1]), np.float32)
        faces = np.concatenate([anchors.reshape(-1, embeddings.shape[1]), own]).astype(np.float32)
        self._numbers = np.concatenate([np.full(len(faces) - len(own), -1), np.asarray(heads, np.int64)])
        self._sum = faces.sum(axis=0)
        self.size = len(faces)
        if self.size > MAX_COMPARED:
            chosen = np.linspace(0, self.size - 1, MAX_COMPARED).round().astype(int)
            faces = faces[chosen]
            self._compared = self._numbers[chosen]
        else:
            self._compared = self._numbers
        self._faces = faces
        self._members = frozenset(heads)

    @property
    def centre(self) -> Floats:
        return unit(self._sum)

    def likeness(self, heads: Sequence[int] | npt.NDArray[np.int64]) -> Floats:
        """For each of the ``heads`` how like the character it is, from -1 to 1: mean of the similarity to the
        middle of its faces and of that to the nearest few. A head is not compared with itself; -1 where there
        is nothing else."""
        rows = np.asarray(heads, np.int64)
        embeddings = self._embeddings[rows]
        inside = np.array([row in self._members for row in rows.tolist()], np.float32)
        middle = unit(self._sum - inside[:, None] * embeddings)
        central = (middle * embeddings).sum(axis=1)
        similarities = embeddings @ self._faces.T
        similarities[rows[:, None] == self._compared[None]] = -np.inf
        nearest = -np.sort(-similarities, axis=1)[:, :NEAREST]
        found = np.isfinite(nearest)
        near = np.where(found, nearest, 0).sum(axis=1) / np.maximum(1, found.sum(axis=1))
        likeness: Floats = np.where(found.any(axis=1), (central + near) / 2, -1).astype(np.float32)
        return likeness
