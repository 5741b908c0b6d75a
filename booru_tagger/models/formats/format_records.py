"""The records that describe a layout of tagger: plain values, nothing that runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

RGB = tuple[float, float, float]

Fit = Literal["pad", "shrink", "shrink-edge", "stretch"]
"""How a picture becomes a square.

``pad``: on a centred square of the fill color, then scaled. ``shrink``: scaled with its sides in proportion,
then put in the centre of the fill color. ``shrink-edge``: likewise by area averages, the shorter side
rounded, the gaps filled with the outermost pixels. ``stretch``: scaled to the square as it is.
"""

Filter = Literal["bilinear", "bicubic", "lanczos"]

Rounding = Literal["aspect", "down", "nearest"]
"""How the sides of a picture that ``shrink`` scales become whole numbers.

``aspect``: the longer side is the square's, the shorter one that divided by the aspect ratio, rounded down.
``down`` and ``nearest``: both sides times the same factor, rounded down or to the nearest.
"""


@dataclass(frozen=True, slots=True)
class Canvas:
    """A square of ``side`` pixels that the picture is fitted into by ``filter`` before all else. The whole
    square is then scaled to ``scaled`` pixels, of which the input is the centre."""

    side: int
    filter: Filter
    scaled: int


@dataclass(frozen=True, slots=True)
class Preparation:
    """From an upright RGB picture to a tagger's input: ``(pixel * factor - mean) / std``.

    ``factor`` is that of pixels from 0 to 255; ``mean`` and ``std`` are of red, green and blue in this order,
    whatever ``channels`` is. ``side`` is used only where the model leaves its own open. ``enlarge`` says
    whether ``shrink`` scales small pictures up, ``fractions`` whether the scaled values keep their fractions.
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
    rounding: Rounding = "aspect"
    enlarge: bool = True
    fractions: bool = False
    canvas: Canvas | None = None


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
    """What a column of the answer means. ``tag`` is ``None`` where it is nothing that could be written,
    ``min_score`` the column's own threshold where its makers give one."""

    tag: str | None
    category: str
    min_score: float | None = None


@dataclass(frozen=True, slots=True)
class Sign:
    """A word in a file that tells whose file it is: a key at the top of a JSON file, a cell of a table.

    ``file`` is a pattern; ``whose`` is said of a word that a layout's own file does not have.
    """

    file: str
    word: str
    whose: str = ""


@dataclass(frozen=True, slots=True)
class Format:
    """A layout of tagger.

    ``model`` and ``labels`` are patterns of file names, the preferred one first; ``needs`` are patterns that
    tell this layout from others, ``takes`` those of further files that are read where they are there.
    ``reader`` names the function in :mod:`.labels` that reads the labels. ``categories`` are the layout's
    names of categories that are not Danbooru's; ``""`` leaves their tags out. ``answers`` are tried in order.
    ``thresholds`` are the customary ones; a category without one is left out. ``mask`` names an input that
    is told which pixels are padding. ``signs`` are words that this layout's files have, ``strange`` those of
    other layouts whose files have the same names.
    """

    name: str
    title: str
    model: tuple[str, ...]
    labels: tuple[str, ...]
    reader: Literal["csv", "mapping", "lines", "metadata", "vocabulary", "blocks"]
    preparation: Preparation
    answers: tuple[ScoreOutput, ...]
    thresholds: Mapping[str, float]
    needs: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()
    categories: Mapping[str, str] | None = None
    mask: str = ""
    signs: tuple[Sign, ...] = ()
    strange: tuple[Sign, ...] = ()


@dataclass(frozen=True, slots=True)
class RefusedFormat:
    """A layout that is known by its labels' name and cannot be used: ``why``, a sentence."""

    title: str
    labels: str
    why: str
