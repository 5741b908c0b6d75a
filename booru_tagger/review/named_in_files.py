"""Names that people gave faces with other programs: regions in a picture, or in the XMP beside it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path
from typing import TypeAlias

from booru_tagger.errors import OutputError
from booru_tagger.tagging.content import may_name_faces
from booru_tagger.tagging.picture_tags import picture_result
from booru_tagger.types import PERSON, Box, CharacterMatch, FaceResult, Reading, TagResult
from booru_tagger.writers.atomic import read_target

PERSONS_FACE = 0.3
"""Overlap (IoU) from which a face is the one that a person drew or let another program find: often the face
alone, without the hair."""
_VERY_SAME = 0.95
"""Overlap (IoU) that rounding leaves of a box; no person draws so closely."""

Retell: TypeAlias = Callable[[Reading, CharacterMatch | None], Reading]
"""The same face under another name, or none: :meth:`booru_tagger.tagging.tagger.Tagger.retell`."""


def with_names_in_files(
    picture: Path, raw: TagResult, retell: Retell, ours: Callable[[Path], Collection[str]]
) -> TagResult:
    """``raw`` with the names that stand in the picture, or beside it, at the faces that they are about.

    ``ours`` gives the notes of those regions in a file that we wrote ourselves. What cannot be read is passed
    over.
    """
    if not raw.faces or raw.moving is not None:
        return raw
    beside = picture.with_name(picture.name + ".xmp"), picture.with_suffix(".xmp")
    inside = [] if raw.content is not None and not raw.content.may_name_faces else [picture]
    files = {file: data for file in (*inside, *beside) if (data := _with_regions(file))}
    if not files:
        return raw
    from booru_tagger.review.named_regions import names_in  # readers of formats, for the few that need them

    names = names_in(picture, files, (raw.width, raw.height), ours)
    news = [(box, tag) for box, tag in names if not is_own_guess(raw.faces, box, tag)]
    return with_names(raw, news, retell)


def is_own_guess(faces: Iterable[FaceResult], box: Box, tag: str) -> bool:
    """Whether the program itself says the same of this very box: then it wrote the region, before the journal
    that would know it was lost."""
    return any(
        face.character is not None and face.character.tag == tag and box.iou(face.box) >= _VERY_SAME
        for face in faces
    )


def with_names(raw: TagResult, names: Sequence[tuple[Box, str]], retell: Retell) -> TagResult:
    """``raw`` with these names, in boxes of the upright picture, at the faces that they fit best."""
    if not names:
        return raw
    readings = list(raw.readings or (retell(Reading.of(face), face.character) for face in raw.faces))
    placed = faces_at([box for box, _ in names], raw.faces)
    for row, index in placed.items():
        readings[index] = retell(readings[index], CharacterMatch(names[row][1], 1.0, PERSON))
    return picture_result(raw, readings, raw.whole_picture) if placed else raw


def faces_at(boxes: Sequence[Box], faces: Sequence[FaceResult]) -> dict[int, int]:
    """For each box that a person drew, by its number, the face that it is about, if any; the best overlaps
    first, no face twice."""
    pairs = sorted(
        (
            (box.iou(face.box), row, index)
            for row, box in enumerate(boxes)
            for index, face in enumerate(faces)
        ),
        reverse=True,
    )
    placed: dict[int, int] = {}
    for overlap, row, index in pairs:
        if overlap >= PERSONS_FACE and row not in placed and index not in placed.values():
            placed[row] = index
    return placed


def _with_regions(file: Path) -> bytes:
    """The bytes of a file that may have regions; of any other, none."""
    try:
        data = read_target(file)
    except OutputError:
        return b""
    return data if data is not None and may_name_faces(data) else b""
