"""From pictures of a character to what the gallery keeps of it."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NoReturn

import numpy as np

from booru_tagger.colors import Part
from booru_tagger.enrol.choosing import ChosenFaces, choose
from booru_tagger.enrol.common_colors import ColorDoubt, common_color
from booru_tagger.enrol.doubts import about_look_alikes, about_name, about_number
from booru_tagger.enrol.seen_faces import FaceRules
from booru_tagger.errors import BooruTaggerError, ConfigError, DataError, ImageError
from booru_tagger.imaging import Floats, read_file
from booru_tagger.models.bundle import Label
from booru_tagger.models.gallery import Enrolled, Gallery
from booru_tagger.models.manifest import ONE_CHARACTER
from booru_tagger.tagging.tagger import Tagger
from booru_tagger.types import FaceResult
from booru_tagger.vocab import tag_named

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
    ``faceless`` show nobody; ``failures`` could not be read. ``doubts`` are colors that are not implied, for
    the faces disagree and nobody has said which.
    """

    enrolled: Enrolled
    outliers: tuple[str, ...] = ()
    faceless: tuple[str, ...] = ()
    failures: tuple[BooruTaggerError, ...] = ()
    warnings: tuple[str, ...] = ()
    doubts: tuple[ColorDoubt, ...] = ()

    def with_colors(self, tags: Sequence[str]) -> Enrolment:
        """The same with these tags implied, for colors that were in doubt."""
        label = self.enrolled.label
        implied = tuple(dict.fromkeys((*tags, *label.implied)))
        return replace(self, enrolled=replace(self.enrolled, label=label._replace(implied=implied)))


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

    In whole pictures it is the person common to most of them; crops are taken as they are given. Two
    characters mixed are refused either way, but with ``keep_outliers``. ``others`` are the characters
    enrolled so far, to warn of mix-ups. ``step`` is called after each picture. A picture that cannot be read
    is left out. Writes nothing. Raises :class:`ConfigError` for an invalid name, :class:`DataError` where the
    pictures do not say who is meant, and :class:`ModelError`.
    """
    tag = checked_name(tag)
    details = details or Details()
    seen = _look_at(tagger, pictures, step)
    bound = same_person_of(tagger) if same_person is None else same_person
    choice = _checked_choice(seen, bound, one_character_of(tagger), tagger.options.crops, keep_outliers)
    keeps = keep_outliers or tagger.options.crops
    rows = [*choice.kept, *(choice.outliers if keeps else ())]
    faces = [seen.sightings[row] for row in rows]
    implied, doubts = _implied(details, [sighting.face for sighting in faces])
    embeddings = np.stack([sighting.embedding for sighting in faces])
    names = tuple(sighting.picture for sighting in faces)
    label = Label(tag, series=details.series, implied=implied)
    odd = tuple(seen.sightings[row].picture for row in choice.outliers)
    warnings = [
        *_about_pictures(seen, len(faces), choice.rival),
        *_about_outliers(odd, keeps),
        *about_name(tag, tagger, others),
        *about_look_alikes(tag, [sighting.face for sighting in faces], embeddings, tagger, others),
    ]
    boxes = np.array([sighting.face.box.rounded() for sighting in faces], np.int32)
    enrolled = Enrolled(label, embeddings, names, time.strftime("%Y-%m-%d"), boxes)
    return Enrolment(enrolled, odd, tuple(seen.faceless), tuple(seen.failures), tuple(warnings), doubts)


def same_person_of(tagger: Tagger) -> float:
    """The similarity from which two faces of pictures that share a name are taken for one person's."""
    identity = tagger.networks.identity
    return SAME_PERSON if identity is None else identity.spec.same_person


def one_character_of(tagger: Tagger) -> float:
    """How alike two parts of one character's faces are at least (:func:`second_character`)."""
    identity = tagger.networks.identity
    return ONE_CHARACTER if identity is None else identity.spec.one_character


def checked_name(text: str) -> str:
    """A character's tag in its normal form. Raises :class:`ConfigError` for what cannot be one."""
    try:
        return tag_named(text)
    except ValueError as error:
        raise ConfigError(str(error)) from error


def _look_at(tagger: Tagger, pictures: Iterable[Path], step: Callable[[], None]) -> _Seen:
    rules, seen, digests = FaceRules(tagger), _Seen(), set()
    for path in pictures:
        try:
            data = read_file(path, tagger.options.limits)
            digest = hashlib.sha256(data).digest()
            if digest in digests:
                seen.repeated.append(str(path))
                continue
            digests.add(digest)
            faces = rules.read(tagger.networks.look_at_faces(data, str(path)))
            if not faces:
                seen.faceless.append(str(path))
            seen.sightings += [_Sighting(str(path), embedding, face) for face, embedding in faces]
        except ImageError as error:
            seen.failures.append(error)
        finally:
            step()
    return seen


def _checked_choice(
    seen: _Seen, same_person: float, one_character: float, crops: bool, keep_outliers: bool
) -> ChosenFaces:
    """Whose faces they are. Raises :class:`DataError` where that is in doubt, and nobody insists."""
    sightings = seen.sightings
    if not sightings:
        raise DataError(_why_no_face(seen))
    names = list(dict.fromkeys(sighting.picture for sighting in sightings))
    owners = np.array([names.index(sighting.picture) for sighting in sightings])
    faces = np.stack([sighting.embedding for sighting in sightings])
    choice = choose(faces, owners, same_person, one_character)
    alone = len(names) == len(sightings)  # then each picture says itself whom it shows
    if choice.second and not keep_outliers:
        _refuse_mixture(choice, [sighting.picture for sighting in sightings])
    if choice.is_unclear and not (alone and (crops or keep_outliers)):
        _refuse_doubt(choice, names)
    return choice


def _why_no_face(seen: _Seen) -> str:
    unread = f"{len(seen.failures)} could not be read: {seen.failures[0]}" if seen.failures else ""
    if seen.faceless:
        looked = f"in any of the {len(seen.faceless)} pictures" if seen.faceless[1:] else "in the picture"
        found = f"no face was found {looked}; give face crops (--crops), or other pictures"
        return f"{found} ({unread})" if unread else found
    return f"there are no pictures to enrol the character from{f' ({unread})' if unread else ''}"


def _refuse_mixture(choice: ChosenFaces, pictures: Sequence[str]) -> NoReturn:
    others = [pictures[row] for row in choice.second]
    raise DataError(
        f"these look like pictures of two characters: {len(others)} of the {choice.pictures} show somebody "
        f"else than the rest do ({', '.join(others)}), so nothing was enrolled; enrol each from its own "
        "pictures, or all of them as one with --keep-outliers"
    )


def _refuse_doubt(choice: ChosenFaces, names: Sequence[str]) -> NoReturn:
    if len(names) == 1:
        raise DataError(
            f"{names[0]}: shows several faces, and one picture does not say who is meant; give more pictures "
            "of the character, or crops of its face (--crops)"
        )
    raise DataError(
        f"nobody is clearly common to most of the {len(names)} pictures with faces: the most frequent "
        f"person is in {len(choice.kept)}, another in {choice.rival}; give more pictures, or crops of the "
        "character's face (--crops)"
    )


def _implied(details: Details, faces: Sequence[FaceResult]) -> tuple[tuple[str, ...], tuple[ColorDoubt, ...]]:
    """What the name implies, and which colors it does not because the faces disagree."""
    tags: list[str] = []
    doubts = []
    for part, said in ((Part.HAIR, details.hair), (Part.EYES, details.eyes)):
        found = common_color(part, faces) if said is None else None
        if isinstance(found, ColorDoubt):
            doubts.append(found)
        tags += said or ([found] if isinstance(found, str) else [])
    return tuple(dict.fromkeys((*tags, *details.implied))), tuple(doubts)


def _about_pictures(seen: _Seen, enrolled: int, rival: int) -> list[str]:
    warnings = about_number(enrolled)
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
