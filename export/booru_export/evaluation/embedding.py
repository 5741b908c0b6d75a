"""What a bundle's networks say of labelled faces, through the runtime, before any rule."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from booru_export.data.tables import FaceItem
from booru_tagger.imaging import Floats, Picture, Pixels, read_file
from booru_tagger.models.bundle import Bundle
from booru_tagger.models.gallery import Gallery
from booru_tagger.models.identity import Identity
from booru_tagger.models.recogniser import Recognition
from booru_tagger.tagging.looking import Networks
from booru_tagger.tagging.options import TaggerOptions
from booru_tagger.tagging.rules import Rules
from booru_tagger.types import Face


@dataclass(frozen=True, slots=True)
class EmbeddedFace:
    """A labelled face, where it is in its picture, and what the networks say of it."""

    item: FaceItem
    face: Face
    answer: Recognition
    colored: bool

    @property
    def label(self) -> str:
        return self.item.label

    @property
    def embedding(self) -> Floats:
        assert self.answer.embedding is not None
        return self.answer.embedding


def look(
    model: Path,
    items: Sequence[FaceItem],
    step: Callable[[], None] = lambda: None,
    *,
    redraw: Callable[[Pixels], Pixels] | None = None,
) -> list[EmbeddedFace]:
    """Run a bundle on face crops: where the head's box is known, on that; else on the whole crop.

    ``redraw`` changes each picture before, which keeps its size. Raises
    :class:`booru_tagger.errors.ModelError` and ImageError.
    """
    networks = Networks(TaggerOptions(str(model), crops=True, gallery=None))

    def one(item: FaceItem) -> EmbeddedFace:
        picture = networks.decode(read_file(item.path, networks.options.limits), str(item.path))
        if redraw is not None:
            picture = Picture(redraw(picture.pixels), picture.width, picture.height)
        if item.head is None:
            found = networks.look_at_picture(picture)
            return EmbeddedFace(item, found.faces[0], found.answers[0], found.colored)
        (answer,) = networks.recognise(picture, [item.head])
        return EmbeddedFace(item, Face(item.head, 1.0), answer, networks.is_colored(picture))

    seen = []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for found in pool.map(one, items):
            seen.append(found)
            step()
    return seen


def embeddings(seen: Sequence[EmbeddedFace]) -> Floats:
    """Unit vectors ``(N, D)``."""
    return np.stack([one.embedding for one in seen])


def numbered(seen: Sequence[EmbeddedFace], labels: Sequence[str]) -> npt.NDArray[np.int64]:
    """Index of each face's label among ``labels``, -1 for another: ``(N,)``."""
    index = {label: number for number, label in enumerate(labels)}
    return np.array([index.get(one.label, -1) for one in seen], dtype=np.int64)


def rules_of(bundle: Bundle, identity: Identity | None, gallery: Gallery | None = None) -> Rules:
    """The rules of a bundle as it is, perhaps with enrolled characters."""
    assert bundle.recogniser is not None
    return Rules(bundle.recogniser, bundle.labels, {}, gallery=gallery, identity=identity)
