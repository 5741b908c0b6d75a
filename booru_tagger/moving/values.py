"""What a moving picture is to the rest of the program, whatever reads it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple, Protocol

import numpy as np
from PIL import Image

from booru_tagger.imaging import Floats, Picture

GLANCE = 16
"""Side of the thumbnail by which frames are compared, in pixels."""


class Moment(NamedTuple):
    """A frame that may be looked at.

    ``number`` counts the frames that were surveyed, ``at`` is in seconds from the beginning. ``change`` says
    how unlike it is to the one before: the mean difference of two thumbnails, 0 to 1.
    """

    number: int
    at: float
    change: float


class Survey(NamedTuple):
    """The frames that may be looked at, in their order, and the film's length in seconds."""

    moments: Sequence[Moment]
    duration: float


class Film(Protocol):
    """A moving picture. Methods raise a subclass of :class:`ImageError`."""

    name: str

    def survey(self) -> Survey:
        """What there is to look at, found as cheaply as the format allows."""
        ...

    def frames(self, numbers: Collection[int]) -> Iterator[Picture]:
        """The frames of these numbers of the survey, in the order of the film, one after the other."""
        ...

    def frame_at(self, seconds: float) -> Picture:
        """The frame that is shown then."""
        ...


class Glances:
    """Compares frames one after the other by what is left of them at a glance."""

    def __init__(self) -> None:
        self._last: Floats | None = None

    def change(self, frame: Image.Image) -> float:
        """How unlike the frame is to the one before, 0 to 1; 0 for the first."""
        small = frame.convert("RGB").resize((GLANCE, GLANCE), Image.Resampling.BOX, reducing_gap=2.0)
        glance: Floats = np.asarray(small, np.float32) / np.float32(255)
        last, self._last = self._last, glance
        return 0.0 if last is None else float(np.abs(glance - last).mean())
