"""New characters, and more faces of enrolled ones, from what people said on the review page."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from booru_tagger.enrol.common_colors import common_colors
from booru_tagger.enrol.doubts import about_look_alikes, about_name, about_number
from booru_tagger.enrol.enrolling import one_character_of
from booru_tagger.enrol.gallery_file import fitting
from booru_tagger.imaging import Floats
from booru_tagger.models.bundle import Label
from booru_tagger.models.gallery import Enrolled, Gallery
from booru_tagger.models.gallery.parting import second_character
from booru_tagger.tagging.tagger import Tagger
from booru_tagger.types import FaceResult

MAX_FACES = 200
"""Faces of a character that a gallery keeps; more make it no surer."""
_SAME = 0.98
"""Similarity from which two embeddings from one picture are of one face, cut out twice."""


@dataclass(frozen=True, slots=True, eq=False)
class NamedFace:
    """A face that a person named: its embedding, what was measured on it, and the picture's path."""

    embedding: Floats
    face: FaceResult
    picture: str


def learning(
    named: Mapping[str, Sequence[NamedFace]], empty: Gallery, series_of: Callable[[str], str] = lambda tag: ""
) -> Callable[[Gallery | None], Gallery]:
    """The change for :func:`booru_tagger.enrol.edit` that adds these faces to their characters.

    A new character's name implies the colors that its faces agree on, and ``series_of`` it. ``empty`` is a
    gallery of the model that the embeddings are of. Faces that are there already are not added again. Raises
    :class:`ModelError` where the gallery is of another model."""

    def change(gallery: Gallery | None) -> Gallery:
        standing = fitting(gallery, empty)
        return standing.adding(
            _grown(tag, seen, standing.find(tag), series_of(tag)) for tag, seen in named.items()
        )

    return change


def doubts_about(
    named: Mapping[str, Sequence[NamedFace]], tagger: Tagger, gallery: Gallery | None
) -> list[str]:
    """What speaks against :func:`learning` these faces, as it is said of examples given to the command.

    ``gallery`` is the one that they would go into, if it is of the tagger's model.
    """
    warnings = []
    for tag, seen in named.items():
        old = gallery.find(tag) if gallery is not None else None
        found = _grown(tag, seen, old)
        if old is not None and len(found.faces) == len(old.faces):
            continue
        faces = [one.face for one in seen]
        doubts = about_number(len(found.faces))
        if second := second_character(found.faces, one_character_of(tagger)):
            pictures = ", ".join(found.pictures[row] for row in second)
            doubts.append(
                f"{len(second)} of {len(found.faces)} faces look like those of another character: {pictures}"
            )
        if old is None:
            doubts += about_name(tag, tagger, gallery)
            doubts += [f"{doubt}, so its name implies none" for doubt in common_colors(faces)[1]]
        doubts += about_look_alikes(tag, faces, found.faces, tagger, gallery)
        warnings += [f"{tag}: {doubt}" for doubt in doubts]
    return warnings


def _grown(tag: str, seen: Sequence[NamedFace], old: Enrolled | None, series: str = "") -> Enrolled:
    if old is None:
        implied, _ = common_colors([one.face for one in seen])
        old = Enrolled(
            Label(tag, series=series, implied=implied), np.zeros((0, len(seen[0].embedding)), np.float32)
        )
    embeddings, pictures = list(old.faces), list(old.pictures or ("",) * len(old.faces))
    boxes = old.known_boxes.tolist()
    for one in seen:
        known = any(
            picture == one.picture and float(embedding @ one.embedding) >= _SAME
            for picture, embedding in zip(pictures, embeddings, strict=True)
        )
        if not known and len(embeddings) < MAX_FACES:
            embeddings.append(one.embedding)
            pictures.append(one.picture)
            boxes.append(one.face.box.rounded())
    return replace(
        old,
        faces=np.stack(embeddings).astype(np.float32),
        pictures=tuple(pictures),
        added=old.added or time.strftime("%Y-%m-%d"),
        boxes=np.array(boxes, np.int32),
    )
