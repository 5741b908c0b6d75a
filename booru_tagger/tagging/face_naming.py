"""Who a face is: the candidates of a bundle and of a gallery, and whether the best of them is sure enough."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np

from booru_tagger.imaging import Floats, sharpness
from booru_tagger.models.bundle import Label, RecogniserSpec
from booru_tagger.models.gallery import Gallery
from booru_tagger.models.gallery.matching import anchor_for
from booru_tagger.models.identity import Identity
from booru_tagger.models.manifest import Caution
from booru_tagger.models.recogniser import Recognition
from booru_tagger.types import Face, ScoredTag

CANDIDATES = 5


class Recognised(NamedTuple):
    """A recognised character."""

    label: Label
    score: float
    source: str


class FaceNaming:
    """How a bundle's scores, and a gallery's, become the name of a face.

    ``thresholds`` are the user's: its ``character`` replaces the bundle's, each label's own and the bundle's
    caution with poor faces, too.

    Characters of the gallery and the model's own are judged together, on one scale, where the bundle has an
    ``identity`` for that. Where it has not, a character of the gallery passes where its face is alike enough
    (then it scores what the bundle asks of its own characters, or more) and wins over one that the model
    recognised where it scores higher.
    """

    def __init__(
        self,
        spec: RecogniserSpec,
        labels: tuple[Label, ...],
        thresholds: Mapping[str, float],
        gallery: Gallery | None = None,
        identity: Identity | None = None,
    ) -> None:
        self._labels = labels
        self._gallery, self._identity = gallery, identity
        index = {label.tag: number for number, label in enumerate(labels)}
        enrolled = [one.label for one in gallery or ()]
        self._same = {number: index[one.tag] for number, one in enumerate(enrolled) if one.tag in index}
        self._by_tag = {label.tag: label for label in (*enrolled, *labels)}
        self._caution = None if "character" in thresholds else spec.caution
        self._min_scores = tuple(_min_score(label, spec, thresholds) for label in labels)
        self._min_trained = dict(zip((label.tag for label in labels), self._min_scores, strict=True))
        self._anchor = anchor_for(spec.character_threshold)
        anchor = self._anchor if identity is None else spec.character_threshold
        self._min_enrolled = thresholds.get("character", anchor)

    @property
    def known(self) -> tuple[Label, ...]:
        """All characters that a face may be recognised as: the model's and the gallery's, each name once."""
        return tuple(self._by_tag.values())

    def knows(self, tag: str) -> bool:
        """Whether the model, or the gallery, could have recognised this character."""
        return tag in self._by_tag

    def label_of(self, tag: str) -> Label:
        """The character of this name with what it implies, which is nothing where it is not known."""
        return self._by_tag.get(tag) or Label(tag)

    def who(
        self, face: Face, recognition: Recognition, *, colored: bool
    ) -> tuple[tuple[ScoredTag, ...], Recognised | None]:
        """The best candidates, and the one that is recognised; ``colored``: whether the face shows colors."""
        candidates, who = self._judged(recognition)
        if who is not None and not self._is_enough(who.score, face, recognition, colored=colored):
            who = None
        return candidates, who

    def _is_enough(self, score: float, face: Face, recognition: Recognition, *, colored: bool) -> bool:
        """Whether a face gets a name by this score, which its character's own threshold lets pass."""
        caution = self._caution
        if caution is None:
            return True
        if not colored and score < caution.colorless:
            return False
        return score >= caution.poor or not _is_poor(face, recognition, caution)

    def _judged(self, recognition: Recognition) -> tuple[tuple[ScoredTag, ...], Recognised | None]:
        """The best candidates of model and gallery together, and the one that is recognised."""
        if self._identity is not None and recognition.embedding is not None:
            return self._judged_together(self._identity, recognition.embedding)
        scores = recognition.character
        assert scores is not None  # a network without an identity gives them
        order = np.argsort(-scores, kind="stable")[:CANDIDATES].tolist()
        candidates = [ScoredTag(self._labels[index].tag, float(scores[index])) for index in order]
        best, who = order[0], None
        if scores[best] >= self._min_scores[best]:
            who = Recognised(self._labels[best], float(scores[best]), "model")
        if not self._gallery:
            return tuple(candidates), who
        matches = self._gallery.match(recognition.embedding, self._anchor, CANDIDATES)
        candidates += [ScoredTag(match.label.tag, match.score) for match in matches]
        enrolled = matches[0]
        if enrolled.score >= self._min_enrolled and (who is None or enrolled.score > who.score):
            who = Recognised(enrolled.label, enrolled.score, "gallery")
        return _best(candidates), who

    def _judged_together(
        self, identity: Identity, embedding: Floats
    ) -> tuple[tuple[ScoredTag, ...], Recognised | None]:
        """The same with one scale for model and gallery: no score but the best is near it."""
        characters = self._gallery.characters if self._gallery else ()
        scores = identity.score(embedding, self._gallery.people if self._gallery else None, self._same)
        ranked = [
            Recognised(self._labels[index], score, "model")
            for index, score in scores.trained.best(CANDIDATES)
        ]
        ranked += [
            Recognised(characters[index].label, score, "gallery")
            for index, score in scores.enrolled.best(CANDIDATES)
        ]
        ranked.sort(key=lambda one: -one.score)
        who = ranked[0]
        trained = who.source == "model"
        passes = who.score >= (self._min_trained[who.label.tag] if trained else self._min_enrolled)
        return _best(ScoredTag(one.label.tag, one.score) for one in ranked), who if passes else None


def _is_poor(face: Face, recognition: Recognition, caution: Caution) -> bool:
    return (
        face.score < caution.face
        or face.box.longer < caution.side
        or (recognition.shown is not None and sharpness(recognition.shown) < caution.sharpness)
    )


def _best(candidates: Iterable[ScoredTag]) -> tuple[ScoredTag, ...]:
    """The best candidates, each name once: a character may be both a model's and enrolled."""
    ranked = sorted(candidates, key=lambda candidate: -candidate.score)
    once = {candidate.tag: candidate for candidate in reversed(ranked)}
    return tuple(candidate for candidate in ranked if once[candidate.tag] is candidate)[:CANDIDATES]


def _min_score(label: Label, spec: RecogniserSpec, thresholds: Mapping[str, float]) -> float:
    if "character" in thresholds:
        return thresholds["character"]
    return spec.character_threshold if label.threshold is None else label.threshold
