"""A picture in, its faces and tags out. Writes nothing."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Never

from booru_tagger.imaging import Picture, read_file
from booru_tagger.models.bundle import Bundle, Label
from booru_tagger.models.gallery import open_gallery
from booru_tagger.models.identity import space_of
from booru_tagger.models.manifest import RAW_SECOND_HEAD
from booru_tagger.moving import Film, open_animation, open_video
from booru_tagger.tagging.content import content_of
from booru_tagger.tagging.failures import attempt
from booru_tagger.tagging.implications import Implication, completed, extended, read_implications
from booru_tagger.tagging.looking import Look, Networks
from booru_tagger.tagging.options import MAX_FRAMES, TaggerOptions
from booru_tagger.tagging.picture_tags import COUNTED, SOLO, picture_result
from booru_tagger.tagging.rules import REVISION, Rules
from booru_tagger.types import Box, CharacterMatch, Face, FaceResult, Reading, Tag, TagResult
from booru_tagger.vocab import CHARACTER, GENERAL

if TYPE_CHECKING:
    from booru_tagger.models.formats.foreign_tagger import ForeignTagger
    from booru_tagger.tagging.whole_picture import WholePictureTagger


class Tagger:
    """Finds the faces of a picture and tags it. One may be shared between threads.

    Made from :class:`TaggerOptions`, or from what names a model, with all else as usual. Raises
    :class:`ConfigError` and :class:`ModelError`. The networks are loaded on first use or by :meth:`load`; a
    pickled tagger takes its options along, with the characters of the gallery and the table of implied tags
    that it found, not the networks.
    """

    def __init__(self, options: TaggerOptions | str | Path | None = None, **former: Never) -> None:
        if former:
            raise TypeError(
                f"Tagger() takes no {', '.join(former)}: these are options, to be given as one value: "
                f"Tagger(TaggerOptions({', '.join(f'{name}=...' for name in former)}))"
            )
        if not isinstance(options, TaggerOptions):
            options = TaggerOptions() if options is None else TaggerOptions(options)
        self.networks = Networks(options)
        self._implications = _table(options)
        self.gallery = open_gallery(options.gallery if options.faces else None, self.bundle)
        self.options = replace(options, gallery=self.gallery, implications=self._implications)
        foreign = self.networks.foreign
        self._whole_picture = None if foreign is None else _whole_picture_tagger(foreign, options)
        self._rules = self._make_rules()

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.options,)

    @property
    def bundle(self) -> Bundle:
        """The model of the faces."""
        return self.networks.bundle

    @property
    def model(self) -> str:
        """Name and version of the model, or of both models, as results show them."""
        bundle = f"{self.bundle.name} {self.bundle.version}"
        if self._whole_picture is None:
            return bundle
        name = self._whole_picture.tagger.name
        return f"{name} + {bundle}" if self.options.faces else name

    @functools.cached_property
    def fingerprint(self) -> str:
        """Changes with whatever may change a result (model, thresholds, options): 16 hexadecimal digits."""
        decisive = {
            "bundle": self.bundle.fingerprint,
            "thresholds": self.options.thresholds,
            "crops": self.options.crops,
            "imply": self.options.imply,
            "strip_implied": self.options.strip_implied,
            "implications": {tag: tuple(row) for tag, row in self._implications.items()},
            "gallery": self.gallery.fingerprint if self.gallery else "",
            "revision": REVISION,
        }
        if self.options.solo:
            detector = self.bundle.detector
            decisive["solo"] = detector.second_head if detector is not None else RAW_SECOND_HEAD
        frames = self.options.first_frame, self.options.max_frames
        if frames != (False, MAX_FRAMES):  # as usual it stays as it was before there was a choice
            decisive["frames"] = frames
        if self._whole_picture is not None:
            decisive["general"] = [self.options.faces, *self._whole_picture.decisive]
        return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()[:16]

    def load(self) -> None:
        """Load the networks now rather than with the first picture. Raises :class:`ModelError`."""
        self.networks.load()

    def tag(self, path: str | PathLike[str]) -> TagResult:
        """Tag the picture in a file. Raises :class:`booru_tagger.errors.ImageError`."""
        limits = self.options.limits
        video = open_video(Path(path), str(path), limits)
        if video is not None:
            return self._video(video)
        data = read_file(Path(path), limits)
        with self.networks.loading():
            return replace(self.tag_bytes(data, str(path)), content=content_of(data))

    def tag_bytes(self, data: bytes, name: str) -> TagResult:
        """Tag an encoded picture; ``name`` stands for its path in the result and in messages."""
        limits = self.options.limits
        video = open_video(data, name, limits)
        if video is not None:
            return self._video(video)
        animation = None if self.options.first_frame else open_animation(data, name, limits)
        return (
            self._result(name, self.networks.look(data, name)) if animation is None else self._film(animation)
        )

    def tag_picture(self, picture: Picture, name: str) -> TagResult:
        """Tag a decoded picture as it is: small faces are cut from its pixels, however few."""
        return self._result(name, self.networks.look_at_picture(picture))

    def read_face(self, picture: Picture, box: Box) -> Reading:
        """What the program says of a face that somebody else found."""
        face = Face(box, 1.0)
        if self._rules is None:
            return Reading(FaceResult(face.box, face.score))
        (answer,) = self.networks.recognise(picture, [box])
        return self._rules.read(face, answer, colored=self.networks.is_colored(picture))

    def retell(self, reading: Reading, who: CharacterMatch | None) -> Reading:
        """The same face with another name, or with none, and the tags that then come of it."""
        if self._rules is not None:
            return self._rules.retell(reading, who)
        tags = (Tag(who.tag, CHARACTER, who.score, who.source),) if who else ()
        return replace(reading, face=replace(reading.face, character=who), tags=tags)

    @property
    def known(self) -> tuple[Label, ...]:
        """All characters that a face may be recognised as, with what each implies."""
        return self._rules.known if self._rules is not None else ()

    def _make_rules(self) -> Rules | None:
        spec = self.bundle.recogniser
        if spec is None:
            return None
        gallery = self.gallery
        if gallery is not None:
            enrolled = completed((one.label for one in gallery), self.bundle.labels)
            gallery = gallery.relabelled(extended(enrolled, self._implications))
        return Rules(
            spec,
            extended(self.bundle.labels, self._implications),
            self.options.thresholds,
            imply=self.options.imply,
            strip_implied=self.options.strip_implied,
            gallery=gallery,
            identity=self.networks.identity,
            space=space_of(self.bundle),
        )

    def _video(self, video: Film) -> TagResult:
        if self.options.first_frame:
            return self.tag_picture(video.frame_at(0.0), video.name)
        return self._film(video)

    def _film(self, film: Film) -> TagResult:
        from booru_tagger.tagging.films import look_at_film, with_times  # not for a still

        seen = look_at_film(self.networks, film, self.options.max_frames)
        found = self._result(film.name, seen.look)
        readings = with_times(found.readings, seen.presences)
        return picture_result(replace(found, moving=seen.moving), readings, found.whole_picture)

    def _readings(self, look: Look) -> list[Reading]:
        if self._rules is None:
            return [Reading(FaceResult(face.box, face.score)) for face in look.faces]
        return [
            self._rules.read(face, answer, colored=look.colored)
            for face, answer in zip(look.faces, look.answers, strict=True)
        ]

    def _result(self, name: str, look: Look) -> TagResult:
        readings: Sequence[Reading] = self._readings(look)
        tags: tuple[Tag, ...] = ()
        if self._whole_picture is not None and look.scores is not None:
            from booru_tagger.tagging.whole_picture import merged  # loaded with the tagger

            picture_scores = self._whole_picture.judge(look.scores)
            readings, tags = merged(look, readings, picture_scores, self._rules), picture_scores.tags
        if look.alone and not self._is_tagger_s(SOLO):
            tags = (*tags, Tag(SOLO, GENERAL, look.faces[0].score, COUNTED))
        picture = TagResult(name, look.width, look.height, model=self.model)
        return picture_result(picture, readings, tags)

    def _is_tagger_s(self, tag: str) -> bool:
        """Whether a tagger of whole pictures has the say about this tag."""
        return self._whole_picture is not None and tag in self._whole_picture.tagger.columns


def _whole_picture_tagger(foreign: ForeignTagger, options: TaggerOptions) -> WholePictureTagger:
    from booru_tagger.tagging.whole_picture import WholePictureTagger  # with all formats of foreign taggers

    return WholePictureTagger(foreign, options.tag_thresholds, options.mcut)


def _table(options: TaggerOptions) -> dict[str, Implication]:
    """What the user says of implied tags."""
    if isinstance(options.implications, str | Path):
        return read_implications(Path(options.implications))
    return dict(options.implications or {})


def tag_paths(paths: Iterable[str | PathLike[str]], tagger: Tagger | None = None) -> Iterator[TagResult]:
    """Tag pictures one after the other, in order; a bad one gives a result whose ``error`` says why.

    Raises only what would stop every picture: :class:`ConfigError` and :class:`ModelError` of the model.
    """
    tagger = tagger or Tagger()
    tagger.load()
    for path in paths:
        yield attempt(functools.partial(tagger.tag, path), path)
