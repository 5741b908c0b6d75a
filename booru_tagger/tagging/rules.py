"""From scores to tags: thresholds, rejection of the unknown, implied tags, canon against measurement."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from booru_tagger.colors import CLOSED_EYES, MIXED, Part, color_of, reconcile, tag_for
from booru_tagger.imaging import Floats
from booru_tagger.models.bundle import Label, RecogniserSpec
from booru_tagger.models.gallery import Gallery
from booru_tagger.models.gallery.matching import anchor_for
from booru_tagger.models.identity import Identity, embedding_of
from booru_tagger.models.recogniser import Recognition
from booru_tagger.types import CharacterMatch, Conflict, Face, FaceResult, Reading, ScoredTag, Tag, TagResult
from booru_tagger.vocab import CHARACTER, COPYRIGHT, GENERAL

REVISION = 3
"""Raised when the same scores lead to other tags than before, so that pictures are done again."""

SOLO = "solo"
"""Danbooru's tag for pictures of one person, who is there once and with nobody else."""
COUNTED = "measured"
"""Source of a number of people that is told by heads; a third-party tagger's is another."""

CANDIDATES = 5


@dataclass(frozen=True, slots=True)
class _Recognised:
    """A recognised character."""

    label: Label
    score: float
    source: str


class Rules:
    """How a bundle's scores, and a gallery's, become tags.

    ``thresholds`` are the user's (keys ``character``, ``hair``, ``eyes``); where one is given it replaces the
    bundle's, and for characters each label's own and the bundle's caution with poor faces, too. Without
    ``imply`` a recognised character brings neither its series nor its attributes, and colors are told as
    measured. With ``strip_implied`` a recognised face gives none of the general tags that its character
    implies, not even where they were measured: the name says it all.

    Characters of the gallery and the model's own are judged together, on one scale, where the bundle has an
    ``identity`` for that. Where it has not, a character of the gallery passes where its face is alike enough
    (then it scores what the bundle asks of its own characters, or more) and wins over one that the model
    recognised where it scores higher.

    Faces keep their embeddings where ``space`` names the recogniser that they are of.
    """

    def __init__(
        self,
        spec: RecogniserSpec,
        labels: tuple[Label, ...],
        thresholds: Mapping[str, float],
        *,
        imply: bool = True,
        strip_implied: bool = False,
        gallery: Gallery | None = None,
        identity: Identity | None = None,
        space: str | None = None,
    ) -> None:
        self.labels = labels
        self._space = space
        self.imply = imply
        self.strip_implied = strip_implied
        self.gallery, self.identity = gallery, identity
        index = {label.tag: number for number, label in enumerate(labels)}
        enrolled = [one.label.tag for one in gallery or ()]
        self._same = {number: index[tag] for number, tag in enumerate(enrolled) if tag in index}
        self._by_tag = {label.tag: label for label in (*(one.label for one in gallery or ()), *labels)}
        self.sure = spec.sure
        self._min_colorfulness = spec.min_colorfulness
        self._caution = None if "character" in thresholds else spec.caution
        self._min_scores = tuple(_min_score(label, spec, thresholds) for label in labels)
        self._min_trained = dict(zip((label.tag for label in labels), self._min_scores, strict=True))
        self._anchor = anchor_for(spec.character_threshold)
        anchor = self._anchor if identity is None else spec.character_threshold
        self._min_enrolled = thresholds.get("character", anchor)
        self._colors = {
            Part.HAIR: tuple(tag_for(Part.HAIR, label) for label in spec.hair),
            Part.EYES: tuple(tag_for(Part.EYES, label) for label in spec.eyes),
        }
        self._min_colors = {
            Part.HAIR: thresholds.get("hair", spec.hair_threshold),
            Part.EYES: thresholds.get("eyes", spec.eyes_threshold),
        }

    @property
    def known(self) -> tuple[Label, ...]:
        """All characters that a face may be recognised as: the model's and the gallery's, each name once."""
        return tuple(self._by_tag.values())

    def knows(self, tag: str) -> bool:
        """Whether the model, or the gallery, could have recognised this character."""
        return tag in self._by_tag

    def read(
        self,
        face: Face,
        recognition: Recognition,
        *,
        colored: bool,
        named: ScoredTag | None = None,
        refuted: Collection[str] = (),
    ) -> Reading:
        """Apply the rules to one face; ``colored`` says whether the picture shows colors at all.

        ``named`` is who a tagger of whole pictures says it is; ``refuted`` are names that it denies.
        """
        colored = colored and not self._is_colorless(recognition)
        candidates, who = self._who(recognition)
        if who is not None and (
            who.label.tag in refuted or who.score < self._needed(face, recognition, colored=colored)
        ):
            who = None
        if named is not None:
            who = _Recognised(self._by_tag.get(named.tag) or Label(named.tag), named.score, "tagger")
        hair = self._color(Part.HAIR, recognition.hair if colored else None)
        eyes = self._color(Part.EYES, recognition.eyes if colored else None)
        embedding = embedding_of(recognition.embedding, self._space)
        found = FaceResult(face.box, face.score, None, candidates, embedding=embedding)
        return self._reading(Reading(found, hair=hair, eyes=eyes, colored=colored), who)

    def _is_colorless(self, recognition: Recognition) -> bool:
        return recognition.colorfulness is not None and recognition.colorfulness < self._min_colorfulness

    def _needed(self, face: Face, recognition: Recognition, *, colored: bool) -> float:
        """The score that a face needs for a name, beyond its character's own threshold."""
        caution = self._caution
        if caution is None:
            return 0.0
        poor = (
            face.score < caution.face
            or face.box.longer < caution.side
            or (recognition.sharpness is not None and recognition.sharpness < caution.sharpness)
        )
        return max(caution.poor if poor else 0.0, 0.0 if colored else caution.colorless)

    def retell(self, reading: Reading, match: CharacterMatch | None) -> Reading:
        """The same face with another name, or with none: its tags are worked out from what was measured."""
        who = None
        if match is not None:
            label = self._by_tag.get(match.tag) or Label(match.tag)
            who = _Recognised(label, match.score, match.source)
        return self._reading(reading, who)

    def _reading(self, seen: Reading, who: _Recognised | None) -> Reading:
        """The face of ``seen`` with this name, and the tags that then come of what was measured."""
        if who is not None and not seen.colored:
            who = replace(who, label=_without_colors(who.label))
        canon = who.label.implied if who and self.imply else ()
        hair_verdict = reconcile(Part.HAIR, seen.hair, canon, sure=self.sure)
        eyes_verdict = reconcile(Part.EYES, seen.eyes, canon, sure=self.sure)
        decisions = [(hair_verdict, seen.hair), (eyes_verdict, seen.eyes)]
        tags = [
            Tag(decision.measured.tag, GENERAL, decision.measured.score, "measured")
            for decision, _ in decisions
            if decision.measured
        ]
        conflicts: list[Conflict] = []
        if who:
            conflicts = [
                Conflict(who.label.tag, tag, shown.tag, shown.score)
                for decision, shown in decisions
                if shown
                for tag in decision.refuted
            ]
            tags = self._named(who, tags, {conflict.implied for conflict in conflicts})
        open_eyes = eyes_verdict.measured
        if open_eyes and open_eyes.tag == CLOSED_EYES:
            open_eyes = None
        result = replace(
            seen.face,
            character=CharacterMatch(who.label.tag, who.score, who.source) if who else None,
            hair_color=hair_verdict.measured,
            eye_color=open_eyes,
        )
        unspoken = frozenset(who.label.implied) if who and self.strip_implied else frozenset()
        return replace(seen, face=result, tags=tuple(tags), conflicts=tuple(conflicts), unspoken=unspoken)

    def _who(self, recognition: Recognition) -> tuple[tuple[ScoredTag, ...], _Recognised | None]:
        """The best candidates of model and gallery together, and the one that is recognised."""
        if self.identity is not None and self.gallery and recognition.embedding is not None:
            return self._who_of_all(self.identity, self.gallery, recognition.embedding)
        scores = recognition.character
        order = np.argsort(-scores, kind="stable")[:CANDIDATES].tolist()
        candidates = [ScoredTag(self.labels[index].tag, float(scores[index])) for index in order]
        best, who = order[0], None
        if scores[best] >= self._min_scores[best]:
            who = _Recognised(self.labels[best], float(scores[best]), "model")
        if not self.gallery:
            return tuple(candidates), who
        matches = self.gallery.match(recognition.embedding, self._anchor, CANDIDATES)
        candidates += [ScoredTag(match.label.tag, match.score) for match in matches]
        enrolled = matches[0]
        if enrolled.score >= self._min_enrolled and (who is None or enrolled.score > who.score):
            who = _Recognised(enrolled.label, enrolled.score, "gallery")
        return _best(candidates), who

    def _who_of_all(
        self, identity: Identity, gallery: Gallery, embedding: Floats
    ) -> tuple[tuple[ScoredTag, ...], _Recognised | None]:
        """The same with one scale for model and gallery: no score but the best is near it."""
        scores = identity.score(embedding, gallery.people, self._same)
        ranked = [
            _Recognised(self.labels[index], float(scores.trained[index]), "model")
            for index in _best_of(scores.trained)
        ]
        ranked += [
            _Recognised(gallery.characters[index].label, float(scores.enrolled[index]), "gallery")
            for index in _best_of(scores.enrolled)
        ]
        ranked.sort(key=lambda one: -one.score)
        who = ranked[0]
        trained = who.source == "model"
        passes = who.score >= (self._min_trained[who.label.tag] if trained else self._min_enrolled)
        return _best(ScoredTag(one.label.tag, one.score) for one in ranked), who if passes else None

    def _color(self, part: Part, scores: Floats | None) -> ScoredTag | None:
        """The likeliest color; labels that mean one tag count together. ``None`` where it cannot be told."""
        if scores is None:
            return None
        sums: dict[str | None, float] = {}
        for tag, score in zip(self._colors[part], scores.tolist(), strict=True):
            sums[tag] = sums.get(tag, 0.0) + score
        best = max(sums, key=lambda tag: sums[tag])
        if best is None or sums[best] < self._min_colors[part]:
            return None
        return ScoredTag(best, min(1.0, sums[best]))

    def _named(self, who: _Recognised, measured: list[Tag], refuted: set[str]) -> list[Tag]:
        """The tags of a recognised face, from those measured on it."""
        label, score = who.label, who.score
        source = "recogniser" if who.source == "model" else who.source
        tags = [*measured, Tag(label.tag, label.category, score, source)]
        if self.imply:
            if label.series:
                tags.append(Tag(label.series, COPYRIGHT, score, "implied"))
            tags += [Tag(tag, GENERAL, score, "implied") for tag in label.implied if tag not in refuted]
        if self.strip_implied:
            tags = [tag for tag in tags if tag.category != GENERAL or tag.tag not in label.implied]
        return tags


def _without_colors(label: Label) -> Label:
    """A character in a picture that shows none."""
    kept = tuple(tag for tag in label.implied if color_of(tag) is None and tag not in MIXED)
    return replace(label, implied=kept)


def _best_of(scores: Floats) -> list[int]:
    """Indices of the best few."""
    count = min(CANDIDATES, len(scores))
    few = np.sort(np.argpartition(-scores, count - 1)[:count]) if count else np.arange(0)
    best: list[int] = few[np.argsort(-scores[few], kind="stable")].tolist()
    return best


def _best(candidates: Iterable[ScoredTag]) -> tuple[ScoredTag, ...]:
    """The best candidates, each name once: a character may be both a model's and enrolled."""
    ranked = sorted(candidates, key=lambda candidate: -candidate.score)
    once = {candidate.tag: candidate for candidate in reversed(ranked)}
    return tuple(candidate for candidate in ranked if once[candidate.tag] is candidate)[:CANDIDATES]


def _min_score(label: Label, spec: RecogniserSpec, thresholds: Mapping[str, float]) -> float:
    if "character" in thresholds:
        return thresholds["character"]
    return spec.character_threshold if label.threshold is None else label.threshold


def picture_result(
    picture: TagResult, readings: Sequence[Reading], whole_picture: Sequence[Tag] = ()
) -> TagResult:
    """``picture`` with these faces, and with the tags that they and a tagger of whole pictures give.

    That somebody is alone, as counted by heads, holds for one face only, whoever found or denied others.
    """
    if len(readings) != 1:
        whole_picture = [tag for tag in whole_picture if (tag.tag, tag.source) != (SOLO, COUNTED)]
    return replace(
        picture,
        faces=tuple(reading.face for reading in readings),
        tags=picture_tags(readings, whole_picture),
        conflicts=tuple(conflict for reading in readings for conflict in reading.conflicts),
        readings=tuple(readings),
        whole_picture=tuple(whole_picture),
    )


def picture_tags(readings: Iterable[Reading], whole_picture: Iterable[Tag] = ()) -> tuple[Tag, ...]:
    """All tags, each with its highest score: characters first, then by score.

    Where a face and a tagger of whole pictures give the same character, the face's source stays: it knows
    whose name it is.
    """
    best: dict[str, Tag] = {}
    unspoken: set[str] = set()
    for reading in readings:
        unspoken |= reading.unspoken
        for tag in reading.tags:
            if tag.tag not in best or tag.score > best[tag.tag].score:
                best[tag.tag] = tag
    for tag in whole_picture:
        ours = best.get(tag.tag)
        if ours is not None and (ours.category == CHARACTER or ours.score >= tag.score):
            best[tag.tag] = replace(ours, score=max(ours.score, tag.score))
        elif tag.category != GENERAL or tag.tag not in unspoken:
            best[tag.tag] = tag
    return tuple(sorted(best.values(), key=lambda tag: (tag.category != CHARACTER, -tag.score, tag.tag)))
