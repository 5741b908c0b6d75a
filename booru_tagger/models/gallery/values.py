"""The values of a gallery. They are immutable: adding and removing characters makes a new one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from booru_tagger.errors import ModelError
from booru_tagger.imaging import Floats
from booru_tagger.models.gallery.matching import Matching, Moments, leave_one_out, prototype
from booru_tagger.models.identity import Bytes, KnownCharacters, to_bytes
from booru_tagger.models.manifest import Label

Boxes: TypeAlias = npt.NDArray[np.int32]

NO_BOXES: Boxes = np.zeros((0, 4), np.int32)


@dataclass(frozen=True, slots=True, eq=False)
class Enrolled:
    """One character. ``faces`` are the embeddings of its enrolled faces: unit vectors ``(N, D)``, N >= 1.

    ``pictures`` tells for each face where it was found (or is empty), ``boxes`` ``(N, 4)`` where in the
    upright picture its head is, in pixels (zeros: not known; or it is empty); ``added`` is a date.
    """

    label: Label
    faces: Floats
    pictures: tuple[str, ...] = ()
    added: str = ""
    boxes: Boxes = field(default_factory=lambda: NO_BOXES)

    @property
    def similarities(self) -> Floats:
        """How alike each face is to the rest of them: ``(N,)``, none where there is only one."""
        return leave_one_out(self.faces)

    @property
    def known_boxes(self) -> Boxes:
        """The boxes ``(N, 4)``, zeros where there is none."""
        return self.boxes if len(self.boxes) else np.zeros((len(self.faces), 4), np.int32)

    @property
    def packed(self) -> Bytes:
        """The faces as they are stored: in 8 bits ``(N, D)``."""
        return to_bytes(self.faces)


class Match(NamedTuple):
    """An enrolled character that a face was compared with; ``score`` is comparable with a model's scores."""

    label: Label
    score: float
    similarity: float


class Gallery:
    """The enrolled characters, in the embedding space of one recogniser.

    ``recogniser`` is the SHA-256 of the recogniser's file: embeddings of another one mean nothing here.
    ``model`` is its name, for people. Each character has a threshold of its own, worked out from all faces by
    ``matching``. Raises :class:`ModelError` for characters of one name and for embeddings of unequal length.
    """

    def __init__(
        self,
        recogniser: str,
        characters: Iterable[Enrolled] = (),
        *,
        model: str = "",
        matching: Matching | None = None,
    ) -> None:
        self.recogniser = recogniser
        self.model = model
        self.matching = matching or Matching()
        self.characters = tuple(sorted(characters, key=lambda enrolled: enrolled.label.tag))
        if len(self) > len(self.tags):
            pairs = pairwise(enrolled.label.tag for enrolled in self)
            twice = next(one for one, other in pairs if one == other)
            raise ModelError(f"{twice!r} is in the gallery twice")
        if len({enrolled.faces.shape[1] for enrolled in self}) > 1:
            raise ModelError("the embeddings in the gallery have unequal lengths")

    def __len__(self) -> int:
        return len(self.characters)

    def __iter__(self) -> Iterator[Enrolled]:
        return iter(self.characters)

    @cached_property
    def tags(self) -> frozenset[str]:
        return frozenset(self._by_tag)

    @cached_property
    def _by_tag(self) -> dict[str, Enrolled]:
        return {enrolled.label.tag: enrolled for enrolled in self}

    @cached_property
    def people(self) -> KnownCharacters:
        """What is known of the characters, in their order."""
        return KnownCharacters.of_faces([enrolled.faces for enrolled in self])

    @cached_property
    def fingerprint(self) -> str:
        """Changes with whatever can change a match, not with being stored: 16 hexadecimal digits."""
        digest = hashlib.sha256(repr((self.recogniser, tuple(self.matching))).encode())
        for enrolled in self:
            digest.update(json.dumps(enrolled.label).encode())
            digest.update(enrolled.packed.tobytes())
        return digest.hexdigest()[:16]

    @cached_property
    def thresholds(self) -> Floats:
        """The least similarity of each character, in their order: ``(C,)``."""
        if not self.characters:
            return np.zeros(0, np.float32)
        everybody = Moments.of(np.concatenate([enrolled.faces for enrolled in self]), self._prototypes)
        return np.array(
            [
                self.matching.threshold(
                    enrolled.similarities, everybody.without(enrolled.faces @ self._prototypes[index], index)
                )
                for index, enrolled in enumerate(self)
            ],
            np.float32,
        )

    @cached_property
    def _prototypes(self) -> Floats:
        return np.stack([prototype(enrolled.faces) for enrolled in self])

    def match(self, embedding: Floats | None, anchor: float, max_matches: int = 5) -> list[Match]:
        """The likeliest characters, best first; a similarity at the threshold scores ``anchor``.

        Raises :class:`ModelError` where the embedding is missing or of another length than those here.
        """
        if not self.characters:
            return []
        if embedding is None or embedding.shape != self._prototypes.shape[1:]:
            found = "none" if embedding is None else f"one of {len(embedding)} numbers"
            raise ModelError(
                f"the gallery compares embeddings of {self._prototypes.shape[1]} numbers, and the model "
                f"gives {found}; enrol the characters again with this model, or use --no-gallery"
            )
        similarities = self._prototypes @ embedding
        order = np.argsort(self.thresholds - similarities, kind="stable")[:max_matches].tolist()
        return [self._match(index, float(similarities[index]), anchor) for index in order]

    def _match(self, index: int, similarity: float, anchor: float) -> Match:
        score = self.matching.score(similarity, float(self.thresholds[index]), anchor)
        return Match(self.characters[index].label, score, similarity)

    def find(self, tag: str) -> Enrolled | None:
        return self._by_tag.get(tag)

    def adding(self, characters: Iterable[Enrolled]) -> Gallery:
        """The gallery with these, in place of those of the same names."""
        new = tuple(characters)
        names = {enrolled.label.tag for enrolled in new}
        return self._of([*(old for old in self if old.label.tag not in names), *new])

    def without(self, tags: Collection[str]) -> Gallery:
        """The gallery without the characters of these names."""
        return self._of([enrolled for enrolled in self if enrolled.label.tag not in tags])

    def only(self, tags: Collection[str]) -> Gallery:
        """The gallery with no other characters than these."""
        return self._of([enrolled for enrolled in self if enrolled.label.tag in tags])

    def relabelled(self, labels: Iterable[Label]) -> Gallery:
        """The same faces under other labels, given in the characters' order and with the same names."""
        return self._of(
            [replace(enrolled, label=label) for enrolled, label in zip(self, labels, strict=True)]
        )

    def _of(self, characters: Iterable[Enrolled]) -> Gallery:
        return Gallery(self.recogniser, characters, model=self.model, matching=self.matching)
