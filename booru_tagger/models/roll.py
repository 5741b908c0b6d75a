"""Says how far heads are turned, where it is sure of it."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from booru_tagger.errors import ModelError
from booru_tagger.imaging import Picture, Pixels, square_around, turned_crop
from booru_tagger.lazy_dataclass import dataclass
from booru_tagger.models.bundle import Bundle
from booru_tagger.models.session import Session
from booru_tagger.types import Box

_BATCH = 64
_Degrees = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Roll:
    """How far a head is turned, clockwise as one sees it, from -180 to 180 degrees, with a certainty from 0
    to 1; ``sure``: whether that is enough for the model."""

    degrees: float
    certainty: float
    sure: bool


class RollEstimator:
    """The network of a bundle that tells how far heads are turned. May be shared between threads; pickles as
    the bundle's folder. Raises :class:`ModelError` for a bundle without one.

    Each head is looked at twice: as it is, and turned upright by what the first look said. Both are taken
    mirrored, too. Only where all agree is it sure.
    """

    def __init__(self, folder: Path) -> None:
        bundle = Bundle.load(folder)
        if bundle.roll is None:
            raise ModelError(
                f"{folder}: this model cannot say how far heads are turned. Do without --upright, use "
                "--model default, or train a network for it (booru-tagger train roll) and export it into "
                "this model's folder"
            )
        self.spec = bundle.roll
        self._folder = folder
        self._session = Session(
            functools.partial(bundle.read, self.spec.file),
            name=str(folder / self.spec.file),
            network=bundle.state_of(self.spec.file),
        )

    def __reduce__(self) -> tuple[type[RollEstimator], tuple[Path]]:
        return RollEstimator, (self._folder,)

    def rolls(self, picture: Picture, boxes: Sequence[Box]) -> list[Roll]:
        """One answer for each head, whose boxes are in pixels of the upright original."""
        answers: list[Roll] = []
        for start in range(0, len(boxes), _BATCH):
            answers += self._rolls(picture, boxes[start : start + _BATCH])
        return answers

    def _rolls(self, picture: Picture, boxes: Sequence[Box]) -> list[Roll]:
        squares = [
            square_around(Box(*(value * picture.scale for value in box)), self.spec.expand) for box in boxes
        ]
        first, certainty = self._look(picture, squares, np.zeros(len(boxes)))
        rest, again = self._look(picture, squares, first)
        degrees = (first + rest + 180) % 360 - 180
        certainty = np.minimum(certainty, again)
        return [
            Roll(float(angle), float(share), bool(share >= self.spec.sure))
            for angle, share in zip(degrees, certainty, strict=True)
        ]

    def _look(
        self, picture: Picture, squares: Sequence[Box], degrees: _Degrees
    ) -> tuple[_Degrees, npt.NDArray[np.float64]]:
        """How far heads that were turned back by ``degrees`` are still turned, and how certain that is."""
        size = self.spec.size
        shown: list[Pixels] = [
            turned_crop(picture.image, square, angle, size)
            for square, angle in zip(squares, degrees.tolist(), strict=True)
        ]
        views = np.stack([*shown, *(view[:, ::-1] for view in shown)])
        answer = self._session.run({"faces": self.spec.normalisation.feed(views)}).get("roll")
        if answer is None or answer.shape != (len(views), 2):
            raise ModelError(
                f"{self._session.name}: such a network has an output 'roll' with two columns, cosine and sine"
            )
        plain, mirrored = np.split(answer.astype(np.float64), 2)
        x, y = (plain + mirrored * (1, -1)).T / 2
        return np.degrees(np.arctan2(y, x)), np.hypot(x, y)
