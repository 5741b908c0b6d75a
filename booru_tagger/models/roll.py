"""Says how far heads are turned, where it is sure of it."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from booru_tagger.errors import ModelError
from booru_tagger.imaging import Picture, Pixels, square_around, turned_crop
from booru_tagger.models.bundle import Bundle
from booru_tagger.models.session import Session
from booru_tagger.types import Box

_BATCH = 64
_CLOSER = (1.0, 0.86, 0.77)
"""Sides of the further looks, as shares of the first one's: with one of them 0.906 of tilted heads that were
measured came out within 10 degrees, with all three 0.922."""
_Degrees = npt.NDArray[np.float64]
_Directions = npt.NDArray[np.complex128]
"""One for each head: its angle is how far it is turned, clockwise, its length how certain that is."""


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

    Each head is looked at as it is, and turned upright by what that said, closer and closer. Each look is
    taken mirrored, too. Only where all agree is it sure.
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
        scaled = [Box(*(value * picture.scale for value in box)) for box in boxes]

        def look(closer: float, degrees: _Degrees) -> _Directions:
            squares = [square_around(box, self.spec.expand * closer) for box in scaled]
            return self._look(picture, squares, degrees)

        first = look(1.0, np.zeros(len(boxes)))
        turned = np.degrees(np.angle(first))
        rest = np.mean([look(closer, turned) for closer in _CLOSER], axis=0)
        degrees = (turned + np.degrees(np.angle(rest)) + 180) % 360 - 180
        certainty = np.minimum(np.abs(first), np.abs(rest))
        return [
            Roll(float(angle), float(share), bool(share >= self.spec.sure))
            for angle, share in zip(degrees, certainty, strict=True)
        ]

    def _look(self, picture: Picture, squares: Sequence[Box], degrees: _Degrees) -> _Directions:
        """Where heads that were turned back by ``degrees`` are still turned to."""
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
        return np.asarray(x + 1j * y)
