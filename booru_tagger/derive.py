"""From scores to tags: thresholds, rejection of the unknown, implied tags, canon against measurement."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from booru_tagger.colors import CLOSED_EYES, Part, reconcile, tag_for
from booru_tagger.imaging import Floats
from booru_tagger.models.bundle import Label, RecogniserSpec
from booru_tagger.models.recogniser import Recognition
from booru_tagger.types import CharacterMatch, Conflict, Face, FaceResult, ScoredTag, Tag
from booru_tagger.vocab import CHARACTER, COPYRIGHT, GENERAL

REVISION = 1
"""Raised when the same scores lead to other tags than before, so that pictures are done again."""

CANDIDATES = 5


@dataclass(frozen=True, slots=True)
class Reading:
    """What one face gives: itself, its tags, and the implied tags that it contradicts."""

    face: FaceResult
    tags: tuple[Tag, ...] = ()
    conflicts: tuple[Conflict, ...] = ()


class Rules:
    """How a bundle's scores become tags.

    ``thresholds`` are the user's (keys ``character``, ``hair``, ``eyes``); where one is given it replaces the
    bundle's, and for characters each label's own too. Without ``imply`` a recognised character brings neither
    its series nor its attributes, and colours are told as measured.
    """

    def __init__(
        self,
        spec: RecogniserSpec,
        labels: tuple[Label, ...],
        thresholds: Mapping[str, float],
        *,
        imply: bool = True,
    ) -> None:
        self.labels = labels
        self.imply = imply
        self.sure = spec.sure
        self._min_scores = tuple(_min_score(label, spec, thresholds) for label in labels)
        self._colours = {
            Part.HAIR: tuple(tag_for(Part.HAIR, label) for label in spec.hair),
            Part.EYES: tuple(tag_for(Part.EYES, label) for label in spec.eyes),
        }
        self._min_colours = {
            Part.HAIR: thresholds.get("hair", spec.hair_threshold),
            Part.EYES: thresholds.get("eyes", spec.eyes_threshold),
        }

    def read(self, face: Face, recognition: Recognition, *, coloured: bool) -> Reading:
        """Apply the rules to one face; ``coloured`` says whether the picture shows colours at all."""
        candidates, label = self._who(recognition.character)
        canon = label.implied if label and self.imply else ()
        hair = self._colour(Part.HAIR, recognition.hair if coloured else None)
        eyes = self._colour(Part.EYES, recognition.eyes if coloured else None)
        hair_verdict = reconcile(Part.HAIR, hair, canon, sure=self.sure)
        eyes_verdict = reconcile(Part.EYES, eyes, canon, sure=self.sure)
        measured = [seen for seen in (hair_verdict.measured, eyes_verdict.measured) if seen]
        tags = [Tag(seen.tag, GENERAL, seen.score, "measured") for seen in measured]
        conflicts: list[Conflict] = []
        if label:
            for verdict in (hair_verdict, eyes_verdict):
                if verdict.measured:
                    seen = verdict.measured
                    conflicts += [Conflict(label.tag, tag, seen.tag, seen.score) for tag in verdict.refuted]
            tags += self._named(label, candidates[0].score, {conflict.implied for conflict in conflicts})
        open_eyes = eyes_verdict.measured
        if open_eyes and open_eyes.tag == CLOSED_EYES:
            open_eyes = None
        result = FaceResult(
            box=face.box,
            score=face.score,
            character=CharacterMatch(label.tag, candidates[0].score) if label else None,
            candidates=candidates,
            hair_color=hair_verdict.measured,
            eye_color=open_eyes,
        )
        return Reading(result, tuple(tags), tuple(conflicts))

    def _who(self, scores: Floats) -> tuple[tuple[ScoredTag, ...], Label | None]:
        """The best candidates, and the label of the first where it reaches its threshold."""
        order = np.argsort(-scores, kind="stable")[:CANDIDATES].tolist()
        candidates = tuple(ScoredTag(self.labels[index].tag, float(scores[index])) for index in order)
        best = order[0]
        return candidates, self.labels[best] if scores[best] >= self._min_scores[best] else None

    def _colour(self, part: Part, scores: Floats | None) -> ScoredTag | None:
        """The likeliest colour; labels that mean one tag count together. ``None`` where it cannot be told."""
        if scores is None:
            return None
        sums: dict[str | None, float] = {}
        for tag, score in zip(self._colours[part], scores.tolist(), strict=True):
            sums[tag] = sums.get(tag, 0.0) + score
        best = max(sums, key=lambda tag: sums[tag])
        if best is None or sums[best] < self._min_colours[part]:
            return None
        return ScoredTag(best, min(1.0, sums[best]))

    def _named(self, label: Label, score: float, refuted: set[str]) -> list[Tag]:
        """The tags of a recognised character."""
        tags = [Tag(label.tag, label.category, score, "recogniser")]
        if self.imply:
            if label.series:
                tags.append(Tag(label.series, COPYRIGHT, score, "implied"))
            tags += [Tag(tag, GENERAL, score, "implied") for tag in label.implied if tag not in refuted]
        return tags


def _min_score(label: Label, spec: RecogniserSpec, thresholds: Mapping[str, float]) -> float:
    if "character" in thresholds:
        return thresholds["character"]
    return spec.character_threshold if label.threshold is None else label.threshold


def picture_tags(readings: Iterable[Reading]) -> tuple[Tag, ...]:
    """The union of the faces' tags, each with its highest score: characters first, then by score."""
    best: dict[str, Tag] = {}
    for reading in readings:
        for tag in reading.tags:
            if tag.tag not in best or tag.score > best[tag.tag].score:
                best[tag.tag] = tag
    return tuple(sorted(best.values(), key=lambda tag: (tag.category != CHARACTER, -tag.score, tag.tag)))
