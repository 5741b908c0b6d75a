"""A foreign tagger's word on a whole picture, and ours on its faces, made one.

General tags and the rating are the tagger's. Of the general tags that a face brings (a color measured on
it, an attribute that its name implies), those that the tagger knows stand only where it gives them, too: it
has seen the whole picture. Characters are reconciled with the faces one by one; see :func:`name_faces`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from booru_tagger.config.shares import check_key, checked_shares
from booru_tagger.errors import ConfigError
from booru_tagger.imaging import Floats
from booru_tagger.models.formats.thresholds import CHARACTER_FLOOR, Columns, ThresholdChoice
from booru_tagger.tagging.looking import Look
from booru_tagger.tagging.rules import Rules
from booru_tagger.types import CharacterMatch, Conflict, Reading, ScoredTag, Tag
from booru_tagger.vocab import CHARACTER, GENERAL, TAG_CATEGORIES

if TYPE_CHECKING:
    from booru_tagger.models.formats.foreign_tagger import ForeignTagger

REVISION = 1
"""Raised when the same scores lead to other tags than before, so that pictures are done again."""


@dataclass(frozen=True, slots=True)
class NameChanges:
    """What becomes of the faces' names, by the number of the face: who it is ``named`` now, and which name
    was ``denied``, where it had one."""

    named: Mapping[int, ScoredTag] = field(default_factory=dict)
    denied: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class WholePictureScores:
    """A tagger's scores for one picture, and the tags that come of them."""

    columns: Columns
    scores: Floats
    tags: tuple[Tag, ...]

    @property
    def characters(self) -> tuple[ScoredTag, ...]:
        """The characters that it gives, best first."""
        named = [ScoredTag(tag.tag, tag.score) for tag in self.tags if tag.category == CHARACTER]
        return tuple(sorted(named, key=lambda tag: (-tag.score, tag.tag)))

    def denies(self, tag: str) -> bool:
        """Whether it knows the tag and sees nothing of it."""
        return tag in self.columns and self.columns.score(tag, self.scores) < CHARACTER_FLOOR


def name_faces(readings: Sequence[Reading], picture_scores: WholePictureScores, rules: Rules) -> NameChanges:
    """Who the faces are, in the light of the characters that the tagger gives.

    1. A character that both give is settled.
    2. Another one belongs to the nameless face that counts it among its candidates, at its best score.
    3. What is left over, one character and one nameless face, belongs together.
    4. A name that the tagger knows and denies gives way to a character of the tagger's that our recogniser
       could not know: a closed set of names makes known ones of strangers.
    """
    names = {index: reading.face.character for index, reading in enumerate(readings)}
    given = {who.tag for who in names.values() if who is not None}
    open_ = [who for who in picture_scores.characters if who.tag not in given]
    free = [index for index, who in names.items() if who is None]
    named: dict[int, ScoredTag] = {}
    for one in list(open_):
        best = _likeliest(one.tag, free, readings)
        if best is not None:
            named[best] = one
            free.remove(best)
            open_.remove(one)
    if len(free) == len(open_) == 1:
        named[free.pop()] = open_.pop()
    denied: dict[int, str] = {}
    doubtful = [
        (index, who)
        for index, who in names.items()
        if who is not None and who.source == "model" and picture_scores.denies(who.tag)
    ]
    for index, who in sorted(doubtful, key=lambda item: item[1].score):
        stranger = next((one for one in open_ if not rules.knows(one.tag)), None)
        if stranger is not None:
            named[index], denied[index] = stranger, who.tag
            open_.remove(stranger)
    return NameChanges(named, denied)


def _likeliest(tag: str, free: Iterable[int], readings: Sequence[Reading]) -> int | None:
    """The nameless face that has this character among its candidates, at its best score."""
    scored = [
        (candidate.score, -index)
        for index in free
        for candidate in readings[index].face.candidates
        if candidate.tag == tag
    ]
    return -max(scored)[1] if scored else None


class WholePictureTagger:
    """A foreign tagger and which of its scores become tags.

    ``thresholds`` replace the customary ones, by category, also those of single tags; the categories in
    ``cut`` are cut by MCut. Raises :class:`ConfigError` for an unknown category of tags, and for an invalid
    threshold.
    """

    def __init__(self, tagger: ForeignTagger, thresholds: Mapping[str, float], cut: Collection[str]) -> None:
        try:
            thresholds = checked_shares(thresholds, TAG_CATEGORIES)
            for category in cut:
                check_key(category, TAG_CATEGORIES)
        except ValueError as error:
            raise ConfigError(f"thresholds of tags: {error}") from error
        self.tagger = tagger
        choice = ThresholdChoice({**tagger.thresholds, **thresholds}, frozenset(cut), frozenset(thresholds))
        self.choice = choice

    @property
    def decisive(self) -> Sequence[object]:
        """All that may change a result, fit for JSON."""
        choice = self.choice
        told = (REVISION, self.tagger.fingerprint, sorted(choice.thresholds.items()), sorted(choice.cut))
        # Only where tags have thresholds of their own does it matter who chose their category's.
        return (*told, sorted(choice.uniform)) if self.tagger.columns.own_thresholds else told

    def judge(self, scores: Floats) -> WholePictureScores:
        """What the scores say."""
        columns = self.tagger.columns
        return WholePictureScores(columns, scores, columns.tags(scores, self.choice))


def merged(
    look: Look, readings: Sequence[Reading], picture_scores: WholePictureScores, rules: Rules | None
) -> tuple[Reading, ...]:
    """The faces as the tagger leaves them."""
    faces = list(readings)
    if rules is not None:
        changes = name_faces(faces, picture_scores, rules)
        for index, who in changes.named.items():
            faces[index] = rules.retell(faces[index], CharacterMatch(who.tag, who.score, "tagger"))
            name = changes.denied.get(index)
            if name is not None:
                withdrawn = Conflict(name, name, who.tag, who.score)
                faces[index] = replace(faces[index], conflicts=(*faces[index].conflicts, withdrawn))
    return tuple(_seconded(reading, picture_scores) for reading in faces)


def _seconded(reading: Reading, picture_scores: WholePictureScores) -> Reading:
    """A face without those general tags that the tagger knows and does not give."""
    given = {tag.tag for tag in picture_scores.tags}
    out = [
        tag
        for tag in reading.tags
        if tag.category == GENERAL and tag.tag in picture_scores.columns and tag.tag not in given
    ]
    who = reading.face.character
    conflicts = [
        Conflict(who.tag, tag.tag, "", picture_scores.columns.score(tag.tag, picture_scores.scores))
        for tag in out
        if who is not None and tag.source == "implied"
    ]
    kept = tuple(tag for tag in reading.tags if tag not in out)
    return replace(reading, tags=kept, conflicts=(*reading.conflicts, *conflicts))
