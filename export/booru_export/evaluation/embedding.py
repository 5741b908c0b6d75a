"""What a bundle's networks say of labelled faces, through the runtime, before any rule."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from booru_export.data.tables import FaceItem
from booru_tagger.imaging import Floats, read_file
from booru_tagger.models.recogniser import Recognition
from booru_tagger.tagging.looking import Networks
from booru_tagger.tagging.options import TaggerOptions
from booru_tagger.types import Face


@dataclass(frozen=True, slots=True)
class EmbeddedFace:
    """A labelled face, where it is in its picture, and what the networks say of it."""

    item: FaceItem
    face: Face
    answer: Recognition
    coloured: bool

    @property
    def label(self) -> str:
        return self.item.label

    @property
    def embedding(self) -> Floats:
        assert self.answer.embedding is not None
        return self.answer.embedding


def look(
    model: Path, items: Sequence[FaceItem], step: Callable[[], None] = lambda: None, *, threads: int = 1
) -> list[EmbeddedFace]:
    """Run a bundle on face crops: where the head's box is known, on that; else on the whole crop.

    Raises :class:`booru_tagger.errors.ModelError` and ImageError.
    """
    crops = Networks(TaggerOptions(str(model), crops=True, gallery=None, threads=threads))
    seen = []
    for item in items:
        data = read_file(item.path, crops.options.limits)
        if item.head is None:
            found = crops.look_at_faces(data, str(item.path))
            seen.append(EmbeddedFace(item, found.faces[0], found.answers[0], found.coloured))
        else:
            picture = crops.decode(data, str(item.path))
            (answer,) = crops.recognise(picture, [item.head])
            seen.append(EmbeddedFace(item, Face(item.head, 1.0), answer, crops.is_coloured(picture)))
        step()
    return seen


def embeddings(seen: Sequence[EmbeddedFace]) -> Floats:
    """Unit vectors ``(N, D)``."""
    return np.stack([one.embedding for one in seen])


def numbered(seen: Sequence[EmbeddedFace], labels: Sequence[str]) -> npt.NDArray[np.int64]:
    """Index of each face's label among ``labels``, -1 for another: ``(N,)``."""
    index = {label: number for number, label in enumerate(labels)}
    return np.array([index.get(one.label, -1) for one in seen], dtype=np.int64)
