"""From pictures that say who is in them to what is learned of each character."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from booru_tagger.enrol.labelled.labels import Said
from booru_tagger.enrol.labelled.solving import Bounds, Doubt, NamedPicture, Solution, solve
from booru_tagger.enrol.reviewed import MAX_FACES, NamedFace
from booru_tagger.enrol.seen_faces import SeenFaces
from booru_tagger.imaging import Floats
from booru_tagger.models.bundle import Label
from booru_tagger.models.gallery import Gallery
from booru_tagger.models.identity import Identity
from booru_tagger.review.named_in_files import faces_at, is_own_guess
from booru_tagger.types import FaceResult

RIVAL = 0.2
"""How much more like another character a head must be for its name to be doubted.

Of 1,500 others one is often a little more alike by chance. ``python -m benchmarks experiment learning``.
"""
SAME_HEAD = 0.5
"""Overlap (IoU) from which the box that somebody named and a head found are of the same head."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a person wants to be learned.

    A character needs ``min_faces``. ``only``: no others than these, if there are any; ``leave_out``: not
    these. ``accepted`` are pictures and names that are right although they are doubtful, ``refused`` wrong
    ones."""

    min_faces: int = 2
    only: frozenset[str] = frozenset()
    leave_out: frozenset[str] = frozenset()
    accepted: frozenset[tuple[str, str]] = frozenset()
    refused: frozenset[tuple[str, str]] = frozenset()

    def wants(self, tag: str) -> bool:
        return tag not in self.leave_out and (not self.only or tag in self.only)


@dataclass(frozen=True, slots=True)
class LearnedCharacter:
    """A character with the faces that would be enrolled, the most typical first, and how like it each is.

    ``twin``: the character that most of them are more like, so that it may be the same by another name.
    """

    tag: str
    faces: tuple[NamedFace, ...]
    likeness: tuple[float, ...]
    twin: str = ""


@dataclass(frozen=True, slots=True)
class DoubtfulName:
    """A name that a picture has and that is not learned from it. ``face`` is the likeliest one there."""

    picture: str
    tag: str
    face: FaceResult | None
    likeness: float
    other: str
    other_likeness: float

    def __str__(self) -> str:
        if self.face is None:
            return "no face was found"
        if self.likeness <= -1:
            rival = f"looks like {self.other} ({self.other_likeness:.2f}), and " if self.other else ""
            return f"{rival}no other face of that name is known"
        if self.other:
            return f"looks like {self.other} ({self.other_likeness:.2f} against {self.likeness:.2f})"
        return f"looks like nobody else of that name ({self.likeness:.2f})"


@dataclass(frozen=True, slots=True)
class Lesson:
    """All that a library teaches. ``too_few``: characters with fewer faces than are wanted, and how many."""

    characters: tuple[LearnedCharacter, ...]
    doubts: tuple[DoubtfulName, ...]
    too_few: Mapping[str, int] = field(default_factory=dict)

    @property
    def faces(self) -> int:
        return sum(len(character.faces) for character in self.characters)


def anchors_of(
    labels: Sequence[Label], identity: Identity | None, gallery: Gallery | None, library: Collection[str]
) -> dict[str, Floats]:
    """Faces ``(A, D)`` of the characters that the model and the gallery know.

    Faces of pictures in the ``library`` are left out: they are among what is to be judged.
    """
    found: dict[str, list[Floats]] = defaultdict(list)
    if identity is not None:
        for index, label in enumerate(labels):
            found[label.tag].append(identity.people.of(index))
    for enrolled in gallery or ():
        names = enrolled.pictures or ("",) * len(enrolled.faces)
        rows = [row for row, name in enumerate(names) if name not in library]
        if rows:
            found[enrolled.label.tag].append(enrolled.faces[rows])
    return {tag: np.concatenate(parts) for tag, parts in found.items()}


def learn(
    said: Mapping[str, Said],
    seen: Mapping[str, SeenFaces],
    anchors: Mapping[str, Floats],
    same_person: float,
    wishes: Wishes,
) -> Lesson:
    """Find out whose the faces are. ``said`` and ``seen`` go by the names of the pictures."""
    library = _Library(said, seen, wishes)
    if not library.places:
        return Lesson((), tuple(library.faceless()))
    bounds = Bounds(same_person, same_person, RIVAL)
    solution = solve(library.embeddings, library.pictures, anchors, bounds, wishes.accepted)
    doubts = [library.doubtful(doubt) for doubt in solution.doubts if wishes.wants(doubt.tag)]
    characters = [library.learned(tag, solution) for tag in sorted(solution.heads) if wishes.wants(tag)]
    return Lesson(
        tuple(one for one in characters if len(one.faces) >= wishes.min_faces),
        (*doubts, *library.faceless()),
        {one.tag: len(one.faces) for one in characters if len(one.faces) < wishes.min_faces},
    )


class _Library:
    """Heads of all pictures by number."""

    def __init__(self, said: Mapping[str, Said], seen: Mapping[str, SeenFaces], wishes: Wishes) -> None:
        self._said, self._seen, self._wishes = said, seen, wishes
        self.places: list[tuple[str, int]] = []
        self.pictures: list[NamedPicture] = []
        parts = []
        for picture, one in said.items():
            faces = seen[picture]
            names = frozenset(tag for tag in one.names if (picture, tag) not in wishes.refused)
            if not names or not len(faces):
                continue
            first = len(self.places)
            self.places += [(picture, index) for index in range(len(faces))]
            parts.append(faces.embeddings)
            sure = _placed(one, faces.faces)
            self.pictures.append(
                NamedPicture(
                    picture,
                    tuple(range(first, len(self.places))),
                    names,
                    {tag: first + index for tag, index in sure.items() if tag in names},
                )
            )
        self.embeddings = np.concatenate(parts) if parts else np.zeros((0, 0), np.float32)

    def learned(self, tag: str, solution: Solution) -> LearnedCharacter:
        heads = sorted(solution.heads[tag].items(), key=lambda pair: -pair[1])
        if len(heads) > MAX_FACES:  # of all kinds, typical ones and others
            rows = np.linspace(0, len(heads) - 1, MAX_FACES).round().astype(int).tolist()
            heads = [heads[row] for row in rows]
        faces = tuple(self._named(head) for head, _ in heads)
        return LearnedCharacter(tag, faces, tuple(like for _, like in heads), solution.twins.get(tag, ""))

    def _named(self, head: int) -> NamedFace:
        picture, index = self.places[head]
        return NamedFace(self.embeddings[head], self._seen[picture].faces[index], picture)

    def doubtful(self, doubt: Doubt) -> DoubtfulName:
        face = None if doubt.head is None else self._named(doubt.head).face
        return DoubtfulName(doubt.picture, doubt.tag, face, doubt.likeness, doubt.other, doubt.other_likeness)

    def faceless(self) -> Iterable[DoubtfulName]:
        """Names of pictures in which no face was found, though they could be read."""
        for picture, one in self._said.items():
            if self._seen[picture].error is None and not len(self._seen[picture]):
                for tag in sorted(one.names):
                    if self._wishes.wants(tag) and (picture, tag) not in self._wishes.refused:
                        yield DoubtfulName(picture, tag, None, 0.0, "", 0.0)


def _placed(said: Said, faces: Sequence[FaceResult]) -> dict[str, int]:
    """Which of the faces have names already; one that lies where no face was found is none."""
    found: dict[str, int] = {}
    for tag, box in said.heads:
        best = max(range(len(faces)), key=lambda index: faces[index].box.iou(box), default=None)
        if best is not None and faces[best].box.iou(box) >= SAME_HEAD and best not in found.values():
            found[tag] = best
    regions = [(tag, box) for tag, box in said.regions if not is_own_guess(faces, box, tag)]
    for row, index in faces_at([box for _, box in regions], faces).items():
        tag, _ = regions[row]
        if tag not in found and index not in found.values():
            found[tag] = index
    return found
