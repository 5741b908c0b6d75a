"""The records that describe a layout of tagger: plain values, nothing that runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

RGB = tuple[float, float, float]

Fit = Literal["pad", "shrink", "shrink-edge", "stretch"]
"""How a picture becomes a square.

``pad``: on a centred square of the fill colour, then scaled. ``shrink``: scaled with its sides in proportion,
the shorter one rounded down, then put in the centre of the fill colour. ``shrink-edge``: likewise by area
averages, the shorter side rounded, the gaps filled with the outermost pixels. ``stretch``: scaled to the
square as it is.
"""

Filter = Literal["bilinear", "bicubic", "lanczos"]


@dataclass(frozen=True, slots=True)
class Preparation:
    """From an upright RGB picture to a tagger's input: ``(pixel * factor - mean) / std``.

    ``factor`` is that of pixels from 0 to 255; ``mean`` and ``std`` are of red, green and blue in this order,
    whatever ``channels`` is. ``side`` is used only where the model leaves its own open.
    """

    fit: Fit
    filter: Filter
    layout: Literal["nhwc", "nchw"]
    channels: Literal["rgb", "bgr"]
    factor: float
    mean: RGB = (0.0, 0.0, 0.0)
    std: RGB = (1.0, 1.0, 1.0)
    fill: tuple[int, int, int] = (255, 255, 255)
    side: int = 448


@dataclass(frozen=True, slots=True)
class ScoreOutput:
    """One way in which a model gives its scores: an output by name or, without one, by place.

    ``logits`` says that a sigmoid makes probabilities of them.
    """

    name: str = ""
    place: int = 0
    logits: bool = False


@dataclass(frozen=True, slots=True)
class TagLabel:
    """What a column of the answer means. ``tag`` is ``None`` where it is nothing that could be written."""

    tag: str | None
    category: str


@dataclass(frozen=True, slots=True)
class Format:
    """A layout of tagger.

    ``model`` and ``labels`` are patterns of file names, the preferred one first; ``needs`` are patterns that
    tell this layout from others, ``takes`` those of further files that are read where they are there.
    ``reader`` names the function in :mod:`.labels` that reads the labels. ``categories`` are the layout's
    names of categories that are not Danbooru's; ``""`` leaves their tags out. ``answers`` are tried in order.
    ``thresholds`` are the customary ones; a category without one is left out.
    """

    name: str
    title: str
    model: tuple[str, ...]
    labels: tuple[str, ...]
    reader: Literal["csv", "mapping", "lines", "metadata"]
    preparation: Preparation
    answers: tuple[ScoreOutput, ...]
    thresholds: Mapping[str, float]
    needs: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()
    categories: Mapping[str, str] | None = None
