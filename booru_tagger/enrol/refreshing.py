"""A gallery made again under another model, from the pictures that it remembers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from booru_tagger.enrol.majority import find_majority
from booru_tagger.enrol.seen_faces import NOTHING, SeenFaces, booru_of
from booru_tagger.imaging import Floats
from booru_tagger.models.gallery import Enrolled, Gallery
from booru_tagger.types import Box, FaceResult

SAME_HEAD = 0.5
"""Overlap (IoU) from which a remembered box and a head found now are of the same head."""


@dataclass(frozen=True, slots=True)
class Refreshed:
    """The gallery under the new model, and what is not in it any more.

    ``lost``: pictures that cannot be read (any more). ``unclear``: characters and pictures that are there,
    but in which nobody can say which face it was. ``fetched``: how many pictures, by character and booru,
    were fetched from there, so that there is no file to look at. ``dropped``: characters of whom no face is
    left.
    """

    gallery: Gallery
    lost: tuple[str, ...] = ()
    unclear: tuple[tuple[str, str], ...] = ()
    fetched: Mapping[tuple[str, str], int] = field(default_factory=dict)
    dropped: tuple[str, ...] = ()


def pictures_of(gallery: Gallery) -> list[str]:
    """All files that the gallery remembers, each once."""
    pictures = dict.fromkeys(picture for enrolled in gallery for picture in enrolled.pictures if picture)
    return [picture for picture in pictures if booru_of(picture) is None]


def refreshed(old: Gallery, empty: Gallery, seen: Mapping[str, SeenFaces], same_person: float) -> Refreshed:
    """``old`` with the faces that are ``seen`` now, in the space of ``empty``.

    ``seen`` has all of :func:`pictures_of`. The face of a picture is the one whose head lies where it was;
    where that is not remembered, the only one, or else the one most like the character's other faces.
    """
    characters, unclear, dropped = [], [], []
    fetched: Counter[tuple[str, str]] = Counter()
    for enrolled in old:
        fetched.update((enrolled.label.tag, booru) for one in enrolled.pictures if (booru := booru_of(one)))
        shown = {one: NOTHING if booru_of(one) else seen[one] for one in enrolled.pictures if one}
        chosen = _faces_again(enrolled, shown, same_person)
        again = [(picture, face) for picture, face in zip(enrolled.pictures, chosen, strict=False) if face]
        if again:
            characters.append(_renewed(enrolled, again))
        else:
            dropped.append(enrolled.label.tag)
        unclear += [
            (enrolled.label.tag, picture)
            for picture, face in zip(enrolled.pictures, chosen, strict=False)
            if face is None and picture in seen and seen[picture].error is None
        ]
    lost = tuple(picture for picture in pictures_of(old) if seen[picture].error is not None)
    gallery = Gallery(empty.recogniser, characters, model=empty.model, matching=empty.matching)
    return Refreshed(gallery, lost, tuple(unclear), fetched, tuple(dropped))


_Face = tuple[FaceResult, Floats]


def _renewed(enrolled: Enrolled, again: Iterable[tuple[str, _Face]]) -> Enrolled:
    pictures, faces = zip(*again, strict=True)
    return replace(
        enrolled,
        faces=np.stack([embedding for _, embedding in faces]),
        pictures=pictures,
        boxes=np.array([face.box.rounded() for face, _ in faces], np.int32),
    )


def _faces_again(enrolled: Enrolled, seen: Mapping[str, SeenFaces], same_person: float) -> list[_Face | None]:
    """For each of the character's pictures its face there, ``None`` where that is not clear."""
    boxes = enrolled.known_boxes.tolist()
    found: list[int | None] = []
    for picture, box in zip(enrolled.pictures, boxes, strict=False):
        found.append(_there(seen[picture], Box(*box)) if picture else None)
    open_rows = [
        row
        for row, picture in enumerate(enrolled.pictures)
        if found[row] is None and picture and len(seen[picture])
    ]
    if open_rows:
        found = _by_majority(enrolled, seen, found, open_rows, same_person)
    return [
        None if index is None else (seen[picture].faces[index], seen[picture].embeddings[index])
        for picture, index in zip(enrolled.pictures, found, strict=True)
    ]


def _there(seen: SeenFaces, box: Box) -> int | None:
    """The head that lies where it was; without a box, the only one."""
    if box.area > 0:
        best = max(range(len(seen)), key=lambda row: seen.faces[row].box.iou(box), default=None)
        return best if best is not None and seen.faces[best].box.iou(box) >= SAME_HEAD else None
    return 0 if len(seen) == 1 else None


def _by_majority(
    enrolled: Enrolled,
    seen: Mapping[str, SeenFaces],
    found: list[int | None],
    open_rows: list[int],
    same_person: float,
) -> list[int | None]:
    """The same with the person common to most of the pictures found in the ``open_rows``, too."""
    places: list[tuple[int, int]] = []
    for row, picture in enumerate(enrolled.pictures):
        sure = found[row]
        if sure is not None:
            places.append((row, sure))
        elif row in open_rows:
            places += [(row, index) for index in range(len(seen[picture]))]
    faces = np.stack([seen[enrolled.pictures[row]].embeddings[index] for row, index in places])
    majority = find_majority(faces, np.array([row for row, _ in places]), same_person)
    if len(majority.kept) < 2 or majority.rival >= len(majority.kept):
        return found
    settled = list(found)
    for place in majority.kept:
        row, index = places[place]
        if row in open_rows:
            settled[row] = index
    return settled
