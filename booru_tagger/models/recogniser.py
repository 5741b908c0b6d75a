"""Says who a face is and what colors its hair and eyes have, as plain scores: no thresholds here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from booru_tagger.errors import ModelError
from booru_tagger.imaging import (
    Floats,
    Picture,
    Pixels,
    Source,
    crop,
    fit,
    square_around,
)
from booru_tagger.models.bundle import RecogniserSpec, View
from booru_tagger.models.identity import Identity, unit
from booru_tagger.models.session import Session
from booru_tagger.types import Box

BATCH = 64
"""Crops in one run at most, so that a crowd does not fill the memory."""


@dataclass(frozen=True, slots=True, eq=False)
class Recognition:
    """The recogniser's raw answer for one face. What a model does not give is ``None``.

    ``character``: probability of each label ``(C,)``, which may sum to less than 1 (the rest is "somebody
    else"), of a network that judges these itself; otherwise an :class:`Identity` does, by the embedding.
    ``embedding``: unit vector ``(D,)``; ``hair`` and ``eyes``: probability of each color.
    ``shown``: what the network was shown, where the bundle is cautious with poor faces.
    """

    character: Floats | None = None
    embedding: Floats | None = None
    hair: Floats | None = None
    eyes: Floats | None = None
    shown: Pixels | None = None


def pooled(answers: Sequence[Recognition], weights: Sequence[float]) -> Recognition:
    """The answer for one person who was seen several times: the weighted mean."""
    share = np.asarray(weights, np.float32) / np.float32(max(sum(weights), 1e-12))

    def mean(parts: Sequence[Floats | None]) -> Floats | None:
        given = [part for part in parts if part is not None]
        return None if len(given) < len(parts) else np.asarray(share @ np.stack(given), np.float32)

    embedding = mean([answer.embedding for answer in answers])
    return Recognition(
        mean([answer.character for answer in answers]),
        None if embedding is None else unit(embedding),
        mean([answer.hair for answer in answers]),
        mean([answer.eyes for answer in answers]),
    )


class Recogniser:
    """A face recogniser for ``labels`` characters. May be shared between threads.

    With an ``identity``, that judges who a face is: whoever wants to know asks it, and here only those faces
    are judged that may need a further view.
    """

    def __init__(
        self, session: Session, spec: RecogniserSpec, labels: int, identity: Identity | None = None
    ) -> None:
        self.session, self.identity = session, identity
        self.spec = spec
        self.labels = labels
        self._checked = False

    def check(self) -> None:
        """Load the model and compare its signature with the contract. Raises :class:`ModelError`."""
        if self._checked:
            return
        inputs, outputs = self.session.inputs, self.session.outputs
        wanted = "embedding" if self.identity is not None else "character"
        if list(inputs) != ["faces"] or wanted not in outputs:
            raise ModelError(
                f"{self.session.name}: a recogniser has one input 'faces' and an output {wanted!r}; "
                f"found {', '.join(inputs)} and {', '.join(outputs)}"
            )
        self._compare("character", self.labels, "labels")
        self._compare("hair", len(self.spec.hair), "hair colors")
        self._compare("eyes", len(self.spec.eyes), "eye colors")
        self._checked = True

    def _compare(self, output: str, expected: int, what: str) -> None:
        columns = self.session.outputs.get(output, (None, None))[-1]
        if isinstance(columns, int) and columns != expected:
            raise ModelError(
                f"{self.session.name}: output {output!r} has {columns} columns, but the manifest lists "
                f"{expected} {what}"
            )

    def recognise(self, picture: Picture, boxes: Sequence[Box]) -> list[Recognition]:
        """One answer for each box, given in pixels of the upright original."""
        scale, size = picture.scale, self.spec.size
        scaled = [Box(*(value * scale for value in box)) for box in boxes]
        return self._answers(
            len(boxes),
            lambda face, view: crop(picture.image, square_around(scaled[face], view.expand), size),
        )

    def recognise_crop(self, source: Source) -> Recognition:
        """The answer for a picture that is a face crop already, cut by the bundle's own crop rule."""
        spec = self.spec
        return self._answers(1, lambda _, view: fit(source, spec.size, view.expand / spec.expand))[0]

    def _answers(self, faces: int, cut: Callable[[int, View], Pixels]) -> list[Recognition]:
        """The mean over each face's views; those for doubtful faces alone come after all others."""
        if not faces:
            return []
        self.check()
        first = [view for view in self.spec.views if view.below is None]
        again = [view for view in self.spec.views if view.below is not None]
        crops = self._crops(range(faces), first, cut)
        sums, counts = self._sums(crops, len(first)), np.full(faces, len(first))
        means = self._means(sums, counts)
        best = self._best(means) if again else np.zeros(faces)
        for view in again:
            doubtful = np.flatnonzero((best < (view.below or 0)) & (best >= view.above))
            if len(doubtful):
                for name, values in self._sums(self._crops(doubtful.tolist(), [view], cut), 1).items():
                    sums[name][doubtful] += values
                counts[doubtful] += 1
        if (counts > len(first)).any():
            means = self._means(sums, counts)
        answers = [
            Recognition(**{name: mean[index] for name, mean in means.items()}) for index in range(faces)
        ]
        if self.spec.caution is None:
            return answers
        return [
            replace(answer, shown=shown) for answer, shown in zip(answers, crops[:: len(first)], strict=True)
        ]

    def _means(self, sums: dict[str, Floats], counts: npt.NDArray[np.int64]) -> dict[str, Floats]:
        """The answers to all views so far."""
        each = counts[:, None].astype(np.float32)
        means: dict[str, Floats] = {name: (values / each).astype(np.float32) for name, values in sums.items()}
        if "embedding" in means:
            means["embedding"] = unit(means["embedding"])
        return means

    def _best(self, means: Mapping[str, Floats]) -> Floats:
        """The chance of the likeliest character of each face ``(faces,)``."""
        if self.identity is None:
            best: Floats = means["character"].max(axis=1)
            return best
        return np.array(
            [self.identity.score(face).trained.chances.max() for face in means["embedding"]], np.float32
        )

    def _crops(
        self, faces: Sequence[int], views: Sequence[View], cut: Callable[[int, View], Pixels]
    ) -> list[Pixels]:
        """What the network is shown; a face's views lie next to each other."""
        return [_turned(cut(face, view), view) for face in faces for view in views]

    def _sums(self, crops: list[Pixels], views: int) -> dict[str, Floats]:
        """Sums of the answers to each face's views, ``(faces, K)``."""
        parts = [self._run(crops[start : start + BATCH]) for start in range(0, len(crops), BATCH)]
        return {
            name: np.concatenate([part[name] for part in parts])
            .reshape(len(crops) // views, views, -1)
            .sum(axis=1)
            for name in parts[0]
        }

    def _run(self, crops: list[Pixels]) -> dict[str, Floats]:
        answer = self.session.run({"faces": self.spec.normalisation.feed(np.stack(crops))})
        wanted = {"character": self.labels, "hair": len(self.spec.hair), "eyes": len(self.spec.eyes)}
        kept: dict[str, Floats] = {}
        for name in ("character", "embedding", "hair", "eyes"):
            if name not in answer or (name == "character" and self.identity is not None):
                continue
            values = answer[name].astype(np.float32, copy=False)
            columns = wanted.get(name, values.shape[-1])
            if values.shape != (len(crops), columns):
                raise ModelError(
                    f"{self.session.name}: output {name!r} has the shape {values.shape}, "
                    f"expected {(len(crops), columns)}"
                )
            # NaN (an overflow in half precision) must never reach a sidecar.
            values = np.nan_to_num(values)
            kept[name] = values if name == "embedding" else np.clip(values, 0, 1)
        return kept


def _turned(face: Pixels, view: View) -> Pixels:
    return face[:, ::-1] if view.flip else face
