"""A picture in, its faces and tags out. Writes nothing."""

from __future__ import annotations

import functools
import hashlib
import json
import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from os import PathLike
from pathlib import Path
from typing import Any

from booru_tagger.errors import ConfigError, ModelError
from booru_tagger.imaging import Floats, Limits, Picture, colourfulness, decode_picture, read_file
from booru_tagger.models.batching import CombiningSession
from booru_tagger.models.bundle import Bundle, Label
from booru_tagger.models.detector import Detector
from booru_tagger.models.gallery import Gallery, open_gallery
from booru_tagger.models.recogniser import Recogniser, Recognition
from booru_tagger.models.session import Session
from booru_tagger.models.store.local import DEFAULT, open_bundle, open_model
from booru_tagger.providers import PROVIDERS
from booru_tagger.scores import THRESHOLDS, checked_shares
from booru_tagger.tagging import rules
from booru_tagger.tagging.failures import attempt
from booru_tagger.tagging.implications import Implication, extended, read_implications
from booru_tagger.tagging.whole_picture import General, merged
from booru_tagger.types import Box, Face, FaceResult, ScoredTag, Tag, TagResult
from booru_tagger.vocab import CHARACTER

DETAIL = 2
"""A JPEG is decoded at this many times the detector's side or more: shrinking the rest antialiases."""


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """What the networks say of a picture, before any rule. Sizes are of the upright picture, in pixels.

    ``answers`` are those for ``faces``, in their order; a model without a recogniser gives none. ``scores``
    are a foreign tagger's for the whole picture, where one was asked.
    """

    width: int
    height: int
    coloured: bool
    faces: tuple[Face, ...]
    answers: tuple[Recognition, ...]
    scores: Floats | None = None


class Tagger:
    """Finds the faces of a picture and tags it. One may be shared between threads.

    ``model`` is whatever :func:`booru_tagger.models.store.local.open_model` takes: ``default``, a name, a hub
    id, a folder or a zip file. Where it is a tagger of whole pictures that other people made, ``face_model``
    finds and names the faces, unless ``faces`` is false; ``tag_thresholds`` replace that tagger's, by
    category, and ``mcut`` names categories whose least score each picture sets itself. ``thresholds`` replace
    those of the faces' model (keys: ``face``, ``character``, ``hair``, ``eyes``). With ``crops`` each picture
    is one face already. Without ``imply`` a recognised character does not bring its series and attributes;
    with ``strip_implied`` the general tags that its name implies are left out, as training sets want it.
    ``implications`` (a file or what :func:`~booru_tagger.tagging.implications.read_implications` made of it)
    says more of what names imply. ``gallery`` holds characters that were enrolled with this model: a
    :class:`Gallery`, its file, ``default`` for the user's own, where there is one, or ``None``. ``threads``
    and ``provider`` (``cpu``, ``cuda``, …) say how the model runs.

    Raises :class:`ConfigError` and :class:`ModelError`. The networks are loaded on first use or by
    :meth:`load`; a pickled tagger takes its settings and its gallery along, not the networks.
    """

    def __init__(
        self,
        model: str | Path = DEFAULT,
        *,
        thresholds: Mapping[str, float] | None = None,
        crops: bool = False,
        imply: bool = True,
        strip_implied: bool = False,
        implications: Mapping[str, Implication] | str | Path | None = None,
        gallery: Gallery | str | Path | None = DEFAULT,
        limits: Limits | None = None,
        faces: bool = True,
        face_model: str | Path = DEFAULT,
        tag_thresholds: Mapping[str, float] | None = None,
        mcut: Collection[str] = (),
        threads: int = 1,
        provider: str = "cpu",
    ) -> None:
        opened = open_model(model, threads=threads, provider=provider)
        self.general = None if isinstance(opened, Bundle) else General(opened, tag_thresholds or {}, mcut)
        self.bundle = opened if isinstance(opened, Bundle) else open_bundle(face_model)
        if not faces and self.general is None:
            raise ConfigError(f"the model {model} knows faces only, so there is nothing to do without them")
        self.faces = faces
        self.gallery = open_gallery(gallery if faces else None, self.bundle)
        if isinstance(implications, str | Path):
            implications = read_implications(Path(implications))
        self._recipe: dict[str, Any] = {
            "model": model,
            "thresholds": dict(thresholds or {}),
            "crops": crops,
            "imply": imply,
            "strip_implied": strip_implied,
            "implications": dict(implications or {}),
            "gallery": self.gallery,
            "limits": limits,
            "faces": faces,
            "face_model": face_model,
            "tag_thresholds": dict(tag_thresholds or {}),
            "mcut": tuple(mcut),
            "threads": threads,
            "provider": provider,
        }
        self.crops = crops
        self.limits = limits or Limits()
        try:
            self.thresholds = checked_shares(thresholds or {}, THRESHOLDS)
        except ValueError as error:
            raise ConfigError(f"thresholds: {error}") from error
        self._detector = self._make_detector()
        self._recogniser = self._make_recogniser()
        self._rules = self._make_rules()

    def __reduce__(self) -> tuple[Any, ...]:
        return functools.partial(type(self), **self._recipe), ()

    @property
    def model(self) -> str:
        """Name and version of the model, or of both models, as results show them."""
        bundle = f"{self.bundle.name} {self.bundle.version}"
        if self.general is None:
            return bundle
        return f"{self.general.tagger.name} + {bundle}" if self.faces else self.general.tagger.name

    @functools.cached_property
    def fingerprint(self) -> str:
        """Changes with whatever may change a result (model, thresholds, options): 16 hexadecimal digits."""
        decisive = {
            "bundle": self.bundle.fingerprint,
            "thresholds": dict(self.thresholds),
            "crops": self.crops,
            "imply": self._recipe["imply"],
            "strip_implied": self._recipe["strip_implied"],
            "implications": {tag: astuple(row) for tag, row in self._recipe["implications"].items()},
            "gallery": self.gallery.fingerprint if self.gallery else "",
            "revision": rules.REVISION,
        }
        if self.general is not None:
            decisive["general"] = [self.faces, *self.general.decisive]
        return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()[:16]

    @property
    def provider(self) -> str:
        """What the networks really run on, by onnxruntime's name. Loads them."""
        general = self.general.tagger if self.general is not None else None
        networks = (self._detector, self._recogniser, general)
        return ", ".join(sorted({network.session.used for network in networks if network is not None}))

    def load(self) -> None:
        """Load the networks now rather than with the first picture. Raises :class:`ModelError`."""
        for network in (self._detector, self._recogniser):
            if network is not None:
                network.check()
        if self.general is not None:
            self.general.tagger.check()

    def tag(self, path: str | PathLike[str]) -> TagResult:
        """Tag the picture in a file. Raises :class:`booru_tagger.errors.ImageError`."""
        return self.tag_bytes(read_file(Path(path), self.limits), str(path))

    def tag_bytes(self, data: bytes, name: str) -> TagResult:
        """Tag an encoded picture; ``name`` stands for its path in the result and in messages."""
        return self._result(name, self.look(data, name, general=True))

    def tag_picture(self, picture: Picture, name: str) -> TagResult:
        """Tag a decoded picture as it is: small faces are cut from its pixels, however few."""
        scores = self.general.scores(picture.pixels) if self.general is not None else None
        look = self._look_at_faces(picture)
        return self._result(name, replace(look, scores=scores))

    def look(self, data: bytes, name: str, *, general: bool = False) -> Look:
        """The faces of an encoded picture with their raw scores; ``name`` appears in messages.

        With ``general`` also a foreign tagger's scores, where there is one; it sees a JPEG at ``DETAIL``
        times its input or more. Raises :class:`booru_tagger.errors.ImageError`.
        """
        if not general or self.general is None:
            return self._look_at_faces(self.decode(data, name), data, name)
        longest = max(DETAIL * self.general.side, self._longest() or 0)
        picture = decode_picture(data, name, longest=longest, limits=self.limits)
        scores = self.general.scores(picture.pixels)
        return replace(self._look_at_faces(picture, data, name), scores=scores)

    def decode(self, data: bytes, name: str) -> Picture:
        """An encoded picture as it is first looked at: no larger than the networks can make use of.

        Raises :class:`booru_tagger.errors.ImageError`.
        """
        return decode_picture(data, name, longest=self._longest(), limits=self.limits)

    def detect(self, picture: Picture) -> tuple[Face, ...]:
        """The heads in a picture, best first; boxes are in pixels of the upright original."""
        if not self.faces:
            return ()
        if self._detector is None:
            raise ModelError(
                f"{self.bundle.folder}: this model has no detector; it tags face crops (--crops)"
            )
        return self._detector.detect(picture)

    def recognise(self, picture: Picture, boxes: Sequence[Box]) -> list[Recognition]:
        """The raw scores of the faces in ``boxes``, before any threshold."""
        if self._recogniser is None:
            raise ModelError(f"{self.bundle.folder}: this model has no recogniser")
        return self._recogniser.recognise(picture, boxes)

    def read_face(self, picture: Picture, box: Box) -> rules.Reading:
        """What the program says of a face that somebody else found."""
        face = Face(box, 1.0)
        if self._rules is None:
            return rules.Reading(FaceResult(face.box, face.score))
        (answer,) = self.recognise(picture, [box])
        return self._rules.read(face, answer, coloured=self._coloured(picture))

    def retell(self, face: FaceResult) -> rules.Reading:
        """The tags of a face as it stands in a result, whoever said which character it is."""
        if self._rules is not None:
            return self._rules.retell(face)
        who = face.character
        return rules.Reading(face, (Tag(who.tag, CHARACTER, who.score, who.source),) if who else ())

    @property
    def known(self) -> tuple[Label, ...]:
        """All characters that a face may be recognised as, with what each implies."""
        return self._rules.known if self._rules is not None else ()

    def _make_detector(self) -> Detector | None:
        spec = self.bundle.detector
        if self.crops or not self.faces:
            return None
        if spec is None:
            raise ModelError(
                f"{self.bundle.folder}: this model has no detector, so it takes face crops only: "
                "use --crops, or another model"
            )
        return Detector(self._session(spec.file), spec, self.thresholds.get("face"))

    def _make_recogniser(self) -> Recogniser | None:
        spec = self.bundle.recogniser
        if not self.faces:
            return None
        if spec is not None:
            return Recogniser(self._session(spec.file), spec, len(self.bundle.labels))
        if self.crops:
            raise ModelError(f"{self.bundle.folder}: this model has no recogniser to give face crops to")
        return None

    def _make_rules(self) -> rules.Rules | None:
        spec, table = self.bundle.recogniser, self._recipe["implications"]
        if spec is None:
            return None
        gallery = self.gallery
        if gallery is not None:
            gallery = gallery.relabelled(extended((enrolled.label for enrolled in gallery), table))
        return rules.Rules(
            spec,
            extended(self.bundle.labels, table),
            self.thresholds,
            imply=self._recipe["imply"],
            strip_implied=self._recipe["strip_implied"],
            gallery=gallery,
        )

    def _session(self, file: str) -> Session:
        provider = PROVIDERS.get(self._recipe["provider"])
        kind = CombiningSession if provider is not None and provider.batch > 1 else Session
        return kind(
            functools.partial(self.bundle.read, file),
            name=str(self.bundle.folder / file),
            threads=self._recipe["threads"],
            provider=self._recipe["provider"],
        )

    def _longest(self) -> int | None:
        """Longest side in pixels of a first look that loses nothing; ``None``: all there are."""
        detector, recogniser = self.bundle.detector, self.bundle.recogniser
        if self.crops and recogniser:
            closest = min(view.expand for view in recogniser.views) / recogniser.expand
            return math.ceil(DETAIL * recogniser.size / min(1.0, closest))
        return DETAIL * max(detector.sides) if detector else None

    def _too_coarse(self, picture: Picture, faces: Sequence[Face]) -> int | None:
        """Longest side that gives the smallest face as many pixels as the recogniser takes.

        ``None`` where the picture as it was decoded will do.
        """
        spec = self.bundle.recogniser
        if spec is None or not faces or picture.scale >= 1:
            return None
        expand = min(view.expand for view in spec.views)
        smallest = min(max(face.box.width, face.box.height) for face in faces) * expand
        scale = min(1.0, spec.size / smallest)
        return math.ceil(scale * max(picture.width, picture.height)) if scale > picture.scale else None

    def _coloured(self, picture: Picture) -> bool:
        spec = self.bundle.recogniser
        return spec is not None and colourfulness(picture.image) >= spec.min_colourfulness

    def _look(self, picture: Picture, faces: tuple[Face, ...], coloured: bool) -> Look:
        boxes = [face.box for face in faces]
        answers = self._recogniser.recognise(picture, boxes) if self._recogniser is not None else []
        return Look(picture.width, picture.height, coloured, faces, tuple(answers))

    def _look_at_faces(self, picture: Picture, data: bytes | None = None, name: str = "") -> Look:
        """All faces of a picture, or the only one of a crop.

        With the ``data`` that it was decoded from, it is decoded once more where a face is too small in it.
        """
        if self.crops and self.faces:
            return self._look_at_crop(picture)
        faces = self.detect(picture)
        coloured = self._coloured(picture)
        if data is not None and (longest := self._too_coarse(picture, faces)) is not None:
            picture = decode_picture(data, name, longest=longest, limits=self.limits)
        return self._look(picture, faces, coloured)

    def _look_at_crop(self, picture: Picture) -> Look:
        assert self._recogniser is not None  # the constructor saw to it
        whole = Face(Box(0, 0, picture.width, picture.height), 1.0)
        answer = self._recogniser.recognise_crop(picture.image)
        return Look(picture.width, picture.height, self._coloured(picture), (whole,), (answer,))

    def _readings(self, look: Look) -> list[rules.Reading]:
        if self._rules is None:
            return [rules.Reading(FaceResult(face.box, face.score)) for face in look.faces]
        return [
            self._rules.read(face, answer, coloured=look.coloured)
            for face, answer in zip(look.faces, look.answers, strict=True)
        ]

    def _reread(
        self, look: Look, index: int, told: ScoredTag | None, refuted: Iterable[str]
    ) -> rules.Reading:
        assert self._rules is not None  # without them, no face has a name to be changed
        face, answer = look.faces[index], look.answers[index]
        return self._rules.read(face, answer, coloured=look.coloured, told=told, refuted=tuple(refuted))

    def _result(self, name: str, look: Look) -> TagResult:
        readings: Sequence[rules.Reading] = self._readings(look)
        tags = rules.picture_tags(readings)
        if self.general is not None and look.scores is not None:
            opinion = self.general.opinion(look.scores)
            reread = functools.partial(self._reread, look)
            readings, tags = merged(readings, opinion, self._rules, reread)
        return TagResult(
            path=name,
            width=look.width,
            height=look.height,
            faces=tuple(reading.face for reading in readings),
            tags=tags,
            conflicts=tuple(conflict for reading in readings for conflict in reading.conflicts),
            model=self.model,
        )


def tag_paths(paths: Iterable[str | PathLike[str]], tagger: Tagger | None = None) -> Iterator[TagResult]:
    """Tag pictures one after the other, in order; a bad one gives a result whose ``error`` says why.

    Raises only what would stop every picture: :class:`ConfigError` and :class:`ModelError` of the model.
    """
    tagger = tagger or Tagger()
    tagger.load()
    for path in paths:
        yield attempt(functools.partial(tagger.tag, path), path)
