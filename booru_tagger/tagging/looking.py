"""The bytes of a picture in, what the networks say of it out. No rule is applied here."""

from __future__ import annotations

import contextlib
import functools
import math
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from booru_tagger.errors import ConfigError, ModelError
from booru_tagger.imaging import Floats, Picture, colorfulness, decode_picture
from booru_tagger.models.batching import open_session
from booru_tagger.models.bundle import Bundle
from booru_tagger.models.detector import Detector
from booru_tagger.models.identity import Identity
from booru_tagger.models.recogniser import Recogniser, Recognition
from booru_tagger.models.session import Session
from booru_tagger.models.store.local import open_bundle, open_model
from booru_tagger.models.tiles import pixels_needed
from booru_tagger.parallel import available_cores
from booru_tagger.tagging.options import TaggerOptions
from booru_tagger.types import Box, Face

DETAIL = 2
"""A JPEG is decoded at this many times the detector's side or more: shrinking the rest antialiases."""


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """What the networks say of a picture, before any rule. Sizes are of the upright picture, in pixels.

    ``answers`` are those for ``faces``, in their order; a model without a recogniser gives none. ``scores``
    are a foreign tagger's for the whole picture, where one was asked. ``alone`` says, where that was asked,
    that there is one head and nothing that may be a second.
    """

    width: int
    height: int
    colored: bool
    faces: tuple[Face, ...]
    answers: tuple[Recognition, ...]
    scores: Floats | None = None
    alone: bool = False


class Networks:
    """The networks that options name, and how a picture is shown to them. May be shared between threads.

    ``foreign`` is the tagger of whole pictures that other people made, where there is one. Raises
    :class:`ConfigError` and :class:`ModelError`, also where the model lacks the network that the options
    need. The networks are loaded on first use or by :meth:`load`.
    """

    def __init__(self, options: TaggerOptions) -> None:
        opened = open_model(options.model, threads=options.threads, provider=options.provider)
        self.options = options
        self.foreign = None if isinstance(opened, Bundle) else opened
        self.bundle = opened if isinstance(opened, Bundle) else open_bundle(options.face_model)
        if not options.faces and self.foreign is None:
            raise ConfigError(
                f"the model {options.model} knows faces only, so there is nothing to do without them"
            )
        self.identity = Identity.of(self.bundle)
        self._min_face, self._begun = 0.0, False
        self._detector = self._make_detector()
        self._recogniser = self._make_recogniser()

    @property
    def provider(self) -> str:
        """What the networks really run on, by onnxruntime's name. Loads them."""
        networks = (self._detector, self._recogniser, self.foreign)
        return ", ".join(sorted({network.session.used for network in networks if network is not None}))

    def load(self) -> None:
        """Load the networks now rather than with the first picture. Raises :class:`ModelError`."""
        for network in (self._detector, self._recogniser, self.foreign):
            if network is not None:
                network.check()
        self._begun = True

    @contextlib.contextmanager
    def loading(self) -> Iterator[None]:
        """Load the networks meanwhile, on other cores, the first time that this is entered.

        What is to be done before they are asked, such as decoding, does not wait for them. It is not left
        before they are loaded. What goes wrong is raised where they are first asked.
        """
        threads = [threading.Thread(target=_attempted, args=(part,)) for part in self._to_load()]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            for thread in threads:
                thread.join()

    def _to_load(self) -> list[Callable[[], object]]:
        """What to do at once, and once: a device's driver is best started by one thread."""
        networks = [network for network in (self._detector, self._recogniser) if network is not None]
        if self._begun or self.options.provider != "cpu" or available_cores() == 1:
            return []
        self._begun = True
        known = [] if self.identity is None else [self.identity.load]
        return [*(network.check for network in networks), *known]

    def look(self, data: bytes, name: str) -> Look:
        """All that the networks say of an encoded picture; ``name`` appears in messages.

        A foreign tagger sees a JPEG at ``DETAIL`` times its input or more. Raises
        :class:`booru_tagger.errors.ImageError`.
        """
        if self.foreign is None:
            return self.look_at_faces(data, name)
        side = DETAIL * self.foreign.side
        for_faces = self._longest if self.options.faces else lambda *_: 0.0
        picture = decode_picture(
            data, name, longest=lambda *size: max(side, for_faces(*size)), limits=self.options.limits
        )
        scores = self._scores(picture)
        return replace(self._look_at_faces(picture, data, name), scores=scores)

    def look_at_faces(self, data: bytes, name: str) -> Look:
        """The same, without a foreign tagger."""
        return self._look_at_faces(self.decode(data, name), data, name)

    def look_at_picture(self, picture: Picture) -> Look:
        """All that the networks say of a picture as it was decoded: small faces are cut from its pixels."""
        return replace(self._look_at_faces(picture), scores=self._scores(picture))

    def decode(self, data: bytes, name: str) -> Picture:
        """An encoded picture as it is first looked at: no larger than the networks can make use of.

        Raises :class:`booru_tagger.errors.ImageError`.
        """
        return decode_picture(data, name, longest=self._longest, limits=self.options.limits)

    def detect(self, picture: Picture) -> tuple[Face, ...]:
        """The heads in a picture, best first; boxes are in pixels of the upright original."""
        return self._sure(self._heads(picture))

    def _heads(self, picture: Picture) -> tuple[Face, ...]:
        """Heads, and what may be one where that matters."""
        if not self.options.faces:
            return ()
        if self._detector is None:
            raise ModelError(
                f"{self.bundle.folder}: this model has no detector; it tags face crops (--crops)"
            )
        return self._detector.detect(picture)

    def _sure(self, heads: tuple[Face, ...]) -> tuple[Face, ...]:
        if not self.options.solo:
            return heads
        return tuple(head for head in heads if head.score >= self._min_face)

    def _is_alone(self, heads: Sequence[Face], faces: Sequence[Face]) -> bool:
        """Whether one of the ``heads``, best first, is sure, and none of the others likely."""
        spec = self.bundle.detector
        if not self.options.solo or spec is None or len(faces) != 1:
            return False
        return spec.another(head.score for head in heads[1:]) < spec.second_head

    def recognise(self, picture: Picture, boxes: Sequence[Box]) -> list[Recognition]:
        """The raw scores of the faces in ``boxes``, before any threshold."""
        if self._recogniser is None:
            raise ModelError(f"{self.bundle.folder}: this model has no recogniser")
        return self._recogniser.recognise(picture, boxes)

    def is_colored(self, picture: Picture) -> bool:
        """Whether the picture shows enough color for hair and eyes to be judged."""
        spec = self.bundle.recogniser
        if spec is None:
            return False
        return colorfulness(picture.image, face=self.options.crops) >= spec.min_colorfulness

    def _make_detector(self) -> Detector | None:
        spec = self.bundle.detector
        if self.options.crops or not self.options.faces:
            return None
        if spec is None:
            raise ModelError(
                f"{self.bundle.folder}: this model has no detector, so it takes face crops only: "
                "use --crops, or another model"
            )
        self._min_face = self.options.thresholds.get("face", spec.threshold)
        lowest = min(self._min_face, spec.faintest) if self.options.solo else self._min_face
        return Detector(self._session(spec.file), spec, lowest)

    def _make_recogniser(self) -> Recogniser | None:
        spec = self.bundle.recogniser
        if not self.options.faces:
            return None
        if spec is not None:
            return Recogniser(self._session(spec.file), spec, len(self.bundle.labels), self.identity)
        if self.options.crops:
            raise ModelError(f"{self.bundle.folder}: this model has no recogniser to give face crops to")
        return None

    def _session(self, file: str) -> Session:
        return open_session(
            functools.partial(self.bundle.read, file),
            name=str(self.bundle.folder / file),
            threads=self.options.threads,
            provider=self.options.provider,
            network=self.bundle.state_of(file),
        )

    def _longest(self, width: int, height: int) -> float:
        """Longest side in pixels of a first look that loses nothing at a picture of this size."""
        detector, recogniser = self.bundle.detector, self.bundle.recogniser
        if self.options.crops and recogniser:
            closest = min(view.expand for view in recogniser.views) / recogniser.expand
            return math.ceil(DETAIL * recogniser.size / min(1.0, closest))
        return DETAIL * pixels_needed(detector, width, height) if detector else max(width, height)

    def _too_coarse(self, picture: Picture, faces: Sequence[Face]) -> int | None:
        """Longest side that gives the smallest face as many pixels as the recogniser takes.

        ``None`` where the picture as it was decoded will do.
        """
        spec = self.bundle.recogniser
        if spec is None or not faces or picture.scale >= 1:
            return None
        expand = min(view.expand for view in spec.views)
        smallest = min(face.box.longer for face in faces) * expand
        scale = min(1.0, spec.size / smallest)
        return math.ceil(scale * max(picture.width, picture.height)) if scale > picture.scale else None

    def _scores(self, picture: Picture) -> Floats | None:
        if self.foreign is None:
            return None
        # Decoding at a fraction of the size has already changed more than the faster preparation does.
        return self.foreign.scores([picture.image], exact=picture.scale >= 1)[0]

    def _look_at_faces(self, picture: Picture, data: bytes | None = None, name: str = "") -> Look:
        """All faces of a picture, or the only one of a crop.

        With the ``data`` that it was decoded from, it is decoded once more where a face is too small in it.
        """
        if self.options.crops and self._recogniser is not None:
            whole = Face(Box(0, 0, picture.width, picture.height), 1.0)
            answer = self._recogniser.recognise_crop(picture.image)
            return Look(picture.width, picture.height, self.is_colored(picture), (whole,), (answer,))
        heads = self._heads(picture)
        faces = self._sure(heads)
        colored = self.options.faces and self.is_colored(picture)
        if data is not None and (longest := self._too_coarse(picture, faces)) is not None:
            picture = decode_picture(data, name, longest=longest, limits=self.options.limits)
        boxes = [face.box for face in faces]
        answers = self._recogniser.recognise(picture, boxes) if self._recogniser is not None else []
        return Look(
            picture.width, picture.height, colored, faces, tuple(answers), alone=self._is_alone(heads, faces)
        )


def _attempted(load: Callable[[], object]) -> None:
    with contextlib.suppress(Exception):  # it is tried again, and raised, by who needs it
        load()
