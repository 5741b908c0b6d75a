"""From pictures of a character to what the gallery keeps of it."""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from booru_tagger.colors import Part
from booru_tagger.enrol.majority import Majority, find_majority
from booru_tagger.enrol.similar_names import near_names
from booru_tagger.errors import BooruTaggerError, ConfigError, DataError, ImageError, ModelError
from booru_tagger.imaging import Floats, read_file
from booru_tagger.models.bundle import Label
from booru_tagger.models.gallery import Enrolled, Gallery
from booru_tagger.models.gallery.matching import anchor_for, prototype
from booru_tagger.tagging.looking import Look
from booru_tagger.tagging.rules import Rules
from booru_tagger.tagging.tagger import Tagger
from booru_tagger.types import FaceResult
from booru_tagger.vocab import tag_named

FEW = 5
"""Pictures of a character below which its threshold is little more than a guess."""
SAME_PERSON = 0.3
"""Similarity from which two faces among the pictures of one character are taken for the same person's.

Lower than what tagging asks for: the person is known to be in most of the pictures.
"""


@dataclass(frozen=True, slots=True)
class Details:
    """What a user says of a character, all as tags. For ``None`` the majority of the faces decides."""

    series: str = ""
    hair: tuple[str, ...] | None = None
    eyes: tuple[str, ...] | None = None
    implied: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Enrolment:
    """A character ready for the gallery, what became of each picture, and what to tell the user.

    ``outliers`` show somebody who is not like the others (they are enrolled only where that was asked for);
    ``faceless`` show nobody; ``failures`` could not be read.
    """

    enrolled: Enrolled
    outliers: tuple[str, ...] = ()
    faceless: tuple[str, ...] = ()
    failures: tuple[BooruTaggerError, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class _Sighting:
    """One face of one picture."""

    picture: str
    embedding: Floats
    face: FaceResult


@dataclass(slots=True)
class _Seen:
    """All faces of all pictures, and the pictures that gave none."""

    sightings: list[_Sighting] = field(default_factory=list)
    faceless: list[str] = field(default_factory=list)
    repeated: list[str] = field(default_factory=list)
    failures: list[BooruTaggerError] = field(default_factory=list)


def enrol(
    tagger: Tagger,
    tag: str,
    pictures: Iterable[Path],
    *,
    details: Details | None = None,
    others: Gallery | None = None,
    keep_outliers: bool = False,
    same_person: float | None = None,
    step: Callable[[], None] = lambda: None,
) -> Enrolment:
    """Learn the character ``tag`` from ``pictures``: whole ones, or face crops where the tagger takes those.

    In whole pictures it is the person common to most of them. ``others`` are the characters enrolled so far,
    to warn of mix-ups. ``step`` is called after each picture. A picture that cannot be read is left out.
    Writes nothing. Raises :class:`ConfigError` for an invalid name, :class:`DataError` where the pictures do
    not say who is meant, and :class:`ModelError`.
    """
    tag = checked_name(tag)
    details = details or Details()
    seen = _look_at(tagger, pictures, step)
    bound = _same_person(tagger) if same_person is None else same_person
    kept, outliers, rival = _persons_faces(seen, bound, keep_outliers)
    faces = [*kept, *(outliers if keep_outliers else ())]
    enrolled = Enrolled(
        Label(tag, series=details.series, implied=_implied(details, faces)),
        np.stack([sighting.embedding for sighting in faces]),
        tuple(sighting.picture for sighting in faces),
        time.strftime("%Y-%m-%d"),
    )
    odd = tuple(sighting.picture for sighting in outliers)
    warnings = [
        *_about_pictures(seen, len(faces), rival),
        *_about_outliers(odd, keep_outliers),
        *_about_name(tag, tagger, others),
        *_about_the_known(tag, faces, enrolled, tagger, others),
    ]
    return Enrolment(enrolled, odd, tuple(seen.faceless), tuple(seen.failures), tuple(warnings))


def _same_person(tagger: Tagger) -> float:
    identity = tagger.networks.identity
    return SAME_PERSON if identity is None else identity.spec.same_person


def checked_name(text: str) -> str:
    """A character's tag in its normal form. Raises :class:`ConfigError` for what cannot be one."""
    try:
        return tag_named(text)
    except ValueError as error:
        raise ConfigError(str(error)) from error


def _look_at(tagger: Tagger, pictures: Iterable[Path], step: Callable[[], None]) -> _Seen:
    spec = tagger.bundle.recogniser
    if spec is None:
        raise ModelError(f"{tagger.model}: this model has no recogniser, so it cannot tell characters apart")
    rules = Rules(spec, tagger.bundle.labels, tagger.options.thresholds, imply=False)
    seen, digests = _Seen(), set()
    for path in pictures:
        try:
            data = read_file(path, tagger.options.limits)
            digest = hashlib.sha256(data).digest()
            if digest in digests:
                seen.repeated.append(str(path))
                continue
            digests.add(digest)
            _note(seen, str(path), tagger.networks.look_at_faces(data, str(path)), rules, tagger.model)
        except ImageError as error:
            seen.failures.append(error)
        finally:
            step()
    return seen


def _note(seen: _Seen, picture: str, look: Look, rules: Rules, model: str) -> None:
    if not look.faces:
        seen.faceless.append(picture)
    for face, answer in zip(look.faces, look.answers, strict=True):
        if answer.embedding is None:
            raise ModelError(f"{model}: this model gives no embeddings, so no character can be enrolled")
        reading = rules.read(face, answer, colored=look.colored)
        seen.sightings.append(_Sighting(picture, answer.embedding, reading.face))


def _persons_faces(
    seen: _Seen, same_person: float, keep_outliers: bool
) -> tuple[list[_Sighting], list[_Sighting], int]:
    """The person's faces, the outliers, and in how many pictures somebody else is."""
    sightings = seen.sightings
    if not sightings:
        looked = len(seen.faceless) + len(seen.failures)
        raise DataError(
            f"no face was found in any of the {looked} pictures; give face crops (--crops), or other pictures"
            if looked
            else "there are no pictures to enrol the character from"
        )
    names = list(dict.fromkeys(sighting.picture for sighting in sightings))
    owners = np.array([names.index(sighting.picture) for sighting in sightings])
    found = find_majority(np.stack([sighting.embedding for sighting in sightings]), owners, same_person)
    alone = len(names) == len(sightings)  # then each picture says itself whom it shows
    if not (alone and keep_outliers):
        _refuse_doubt(found, names)
    return [sightings[row] for row in found.kept], [sightings[row] for row in found.outliers], found.rival


def _refuse_doubt(found: Majority, names: Sequence[str]) -> None:
    if len(names) == 1 and found.rival:
        raise DataError(
            f"{names[0]}: shows several faces, and one picture does not say who is meant; give more pictures "
            "of the character, or crops of its face (--crops)"
        )
    if found.rival >= len(found.kept) or 2 * len(found.kept) < len(names):
        raise DataError(
            f"nobody is clearly common to most of the {len(names)} pictures with faces: the most frequent "
            f"person is in {len(found.kept)}, another in {found.rival}; give more pictures, or crops of the "
            "character's face (--crops)"
        )


def _implied(details: Details, faces: Sequence[_Sighting]) -> tuple[str, ...]:
    found = [sighting.face for sighting in faces]
    hair = common_color(Part.HAIR, found) if details.hair is None else details.hair
    eyes = common_color(Part.EYES, found) if details.eyes is None else details.eyes
    return tuple(dict.fromkeys((*hair, *eyes, *details.implied)))


def common_color(part: Part, faces: Sequence[FaceResult]) -> tuple[str, ...]:
    """The colour measured on most of the faces that show one, if those are at least a third of all."""
    colors = [face.hair_color if part == Part.HAIR else face.eye_color for face in faces]
    counts = Counter(color.tag for color in colors if color is not None)
    for tag, count in counts.most_common(1):
        if 2 * count > counts.total() and 3 * count >= len(faces):
            return (tag,)
    return ()


def _about_pictures(seen: _Seen, enrolled: int, rival: int) -> list[str]:
    warnings = []
    if enrolled < FEW:
        warnings.append(
            f"only {enrolled} of the pictures count; with {FEW} to 20, by several artists, the character is "
            "found more surely"
        )
    if 2 * rival > enrolled:
        warnings.append(
            f"somebody else is in {rival} of the pictures; see that the right one of the two was enrolled"
        )
    if seen.repeated:
        warnings.append(f"the same file as another, so left out: {', '.join(seen.repeated)}")
    if seen.faceless:
        warnings.append(f"no face found in: {', '.join(seen.faceless)}")
    return warnings


def _about_outliers(outliers: Sequence[str], kept: bool) -> list[str]:
    if not outliers:
        return []
    fate = "enrolled anyway" if kept else "left out (--keep-outliers would keep them)"
    return [f"the face is unlike the others, so it was {fate}: {', '.join(outliers)}"]


def _about_name(tag: str, tagger: Tagger, others: Gallery | None) -> list[str]:
    warnings = []
    trained = near_names(tag, (label.tag for label in tagger.bundle.labels))
    if tag in trained:
        warnings.append(f"the model knows a character {tag!r} already; these faces are added to it")
    close = [name for name in (*trained, *near_names(tag, others.tags if others else ())) if name != tag]
    if close:
        names = ", ".join(dict.fromkeys(close))
        warnings.append(f"{tag!r} is easily mistaken for a character that is known already: {names}")
    return warnings


def _about_the_known(
    tag: str, faces: Sequence[_Sighting], enrolled: Enrolled, tagger: Tagger, others: Gallery | None
) -> list[str]:
    """Whether these faces go by another name already."""
    warnings = []
    names = Counter(sighting.face.character.tag for sighting in faces if sighting.face.character is not None)
    for name, count in names.most_common(1):
        if 2 * count >= len(faces) and name != tag:
            warnings.append(
                f"the model takes {count} of the {len(faces)} faces for {name!r}; where it is surer of that "
                "than of the enrolled character, that name stays"
            )
    if others is not None and (alike := _enrolled_like(enrolled, tagger, others.without({tag}))):
        warnings.append(f"these faces are very like those of {alike!r}, which is enrolled already")
    return warnings


def _enrolled_like(enrolled: Enrolled, tagger: Tagger, others: Gallery) -> str | None:
    """The character among ``others`` that these faces would be taken for, if there is one."""
    spec, identity, face = tagger.bundle.recogniser, tagger.networks.identity, prototype(enrolled.faces)
    if spec is None or not others:
        return None
    if identity is not None:
        scores = identity.score(face, others.people).enrolled
        best = int(scores.argmax())
        return others.characters[best].label.tag if scores[best] >= spec.character_threshold else None
    anchor = anchor_for(spec.character_threshold)
    (match,) = others.match(face, anchor, 1)
    return match.label.tag if match.score >= anchor else None
