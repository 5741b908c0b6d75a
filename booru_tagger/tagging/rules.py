"""From a face's scores to its tags: name, implied tags, colors, canon against measurement."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from booru_tagger.colors import CLOSED_EYES, MIXED, Part, color_of, reconcile, tag_for
from booru_tagger.imaging import Floats, colorfulness
from booru_tagger.models.bundle import Label, RecogniserSpec
from booru_tagger.models.gallery import Gallery
from booru_tagger.models.identity import Identity, embedding_of
from booru_tagger.models.recogniser import Recognition
from booru_tagger.tagging.face_naming import FaceNaming, Recognised
from booru_tagger.types import CharacterMatch, Conflict, Face, FaceResult, Reading, ScoredTag, Tag
from booru_tagger.vocab import COPYRIGHT, GENERAL

REVISION = 3
"""Raised when the same scores lead to other tags than before, so that pictures are done again."""


class Rules:
    """How a bundle's scores, and a gallery's, become tags.

    ``thresholds`` are the user's (keys ``character``, ``hair``, ``eyes``); where one is given it replaces the
    bundle's, and for characters each label's own and the bundle's caution with poor faces, too. Without
    ``imply`` a recognised character brings neither its series nor its attributes, and colors are told as
    measured. With ``strip_implied`` a recognised face gives none of the general tags that its character
    implies, not even where they were measured: the name says it all.

    :class:`~booru_tagger.tagging.face_naming.FaceNaming` gives the names. Faces keep their embeddings where
    ``space`` names the recogniser that they are of.
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
        self._naming = FaceNaming(spec, labels, thresholds, gallery, identity)
        self._space = space
        self._imply = imply
        self._strip_implied = strip_implied
        self._sure = spec.sure
        self._min_colorfulness = spec.min_colorfulness
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
        return self._naming.known

    def knows(self, tag: str) -> bool:
        """Whether the model, or the gallery, could have recognised this character."""
        return self._naming.knows(tag)

    def read(self, face: Face, recognition: Recognition, *, colored: bool) -> Reading:
        """Apply the rules to one face; ``colored`` says whether the picture shows colors at all."""
        colored = colored and not self._is_colorless(recognition)
        candidates, who = self._naming.who(face, recognition, colored=colored)
        hair = self._color(Part.HAIR, recognition.hair if colored else None)
        eyes = self._color(Part.EYES, recognition.eyes if colored else None)
        embedding = embedding_of(recognition.embedding, self._space)
        found = FaceResult(face.box, face.score, None, candidates, embedding=embedding)
        return self._reading(Reading(found, hair=hair, eyes=eyes, colored=colored), who)

    def _is_colorless(self, recognition: Recognition) -> bool:
        shown = recognition.shown
        return shown is not None and colorfulness(shown, face=True) < self._min_colorfulness

    def retell(self, reading: Reading, match: CharacterMatch | None) -> Reading:
        """The same face with another name, or with none: its tags are worked out from what was measured."""
        who = None
        if match is not None:
            who = Recognised(self._naming.label_of(match.tag), match.score, match.source)
        return self._reading(reading, who)

    def _reading(self, seen: Reading, who: Recognised | None) -> Reading:
        """The face of ``seen`` with this name, and the tags that then come of what was measured."""
        if who is not None and not seen.colored:
            who = who._replace(label=_without_colors(who.label))
        canon = who.label.implied if who and self._imply else ()
        hair_verdict = reconcile(Part.HAIR, seen.hair, canon, sure=self._sure)
        eyes_verdict = reconcile(Part.EYES, seen.eyes, canon, sure=self._sure)
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
        unspoken = frozenset(who.label.implied) if who and self._strip_implied else frozenset()
        return replace(seen, face=result, tags=tuple(tags), conflicts=tuple(conflicts), unspoken=unspoken)

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

    def _named(self, who: Recognised, measured: list[Tag], refuted: set[str]) -> list[Tag]:
        """The tags of a recognised face, from those measured on it."""
        label, score = who.label, who.score
        source = "recogniser" if who.source == "model" else who.source
        tags = [*measured, Tag(label.tag, label.category, score, source)]
        if self._imply:
            if label.series:
                tags.append(Tag(label.series, COPYRIGHT, score, "implied"))
            tags += [Tag(tag, GENERAL, score, "implied") for tag in label.implied if tag not in refuted]
        if self._strip_implied:
            tags = [tag for tag in tags if tag.category != GENERAL or tag.tag not in label.implied]
        return tags


def _without_colors(label: Label) -> Label:
    """A character in a picture that shows none."""
    kept = tuple(tag for tag in label.implied if color_of(tag) is None and tag not in MIXED)
    return label._replace(implied=kept)
