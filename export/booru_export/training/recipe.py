"""A training run as data: one dataclass for each kind of model, read from a TOML file."""

from __future__ import annotations

import dataclasses
import tomllib
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Literal, TypeVar

from booru_tagger.errors import DataError, nearest
from booru_tagger.files.text import read_text


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long and how fast to learn.

    ``steps`` optimiser steps of ``batch`` samples; the rate rises linearly over ``warmup`` (a share of the
    run) and falls along a half cosine to ``final_rate`` times the peak. ``sizes`` are input sides in pixels,
    each used until the share of the run in ``size_until`` (progressive resizing).
    """

    steps: int
    batch: int
    rate: float
    weight_decay: float = 0.02
    warmup: float = 0.03
    final_rate: float = 0.01
    sizes: tuple[int, ...] = (128,)
    size_until: tuple[float, ...] = (1.0,)
    ema: float = 0.998
    evaluate_every: int = 500
    seed: int = 0
    optimiser: Literal["adamw", "muon"] = "adamw"
    """``adamw``, or ``muon`` for the kernels (:mod:`booru_export.muon`)."""

    def size_at(self, progress: float) -> int:
        """Input side at ``progress`` (0 to 1) of the run."""
        for size, until in zip(self.sizes, self.size_until, strict=True):
            if progress < until:
                return size
        return self.sizes[-1]


@dataclass(frozen=True, slots=True)
class DetectorRecipe:
    """One run of the head detector: ``widths`` are channels at strides 4, 8, 16 and 32."""

    schedule: Schedule
    widths: tuple[int, ...] = (48, 80, 128, 160)
    blocks: tuple[int, ...] = (1, 2, 2, 2)
    neck: int = 96
    mosaic: float = 0.5
    drawn: float = 0.04
    """Share of the scenes that :mod:`booru_export.drawn` draws."""
    pages: float = 0.0
    """Share of samples that are pages of panels between white gutters, most of them grey."""
    any_turn: float = 0.0
    """Share of windows turned by any angle, upside down included."""
    things: float = 0.0
    """Share of samples over which things are drawn that are no heads (:mod:`booru_export.detector.props`)."""
    hats: float = 0.0
    """Share of heads that wear a drawn hat, hood or helmet."""
    tone: float = 0.0
    """Share of samples in strange light: dark, pale, of one tint, or without color."""
    hard_weight: float = 1.0
    """How much oftener a hard picture is drawn than any other."""


@dataclass(frozen=True, slots=True)
class RecogniserRecipe:
    """One run of the face recogniser: ``widths`` are channels at strides 4, 8, 16 and 32."""

    schedule: Schedule
    widths: tuple[int, ...] = (48, 96, 192, 320)
    blocks: tuple[int, ...] = (2, 2, 2, 2)
    embedding: int = 256
    scale: float = 24.0
    margin: float = 0.2
    dropout: float = 0.2
    scene_share: float = 0.25
    """Share of each batch taken from heads in whole illustrations (strangers, color labels)."""
    recolour: float = 0.12
    """Share of faces turned into somebody else by turning the hue of hair and eyes."""
    grey: float = 0.06
    """Share of pictures whose color is taken out, so that people are told apart by their drawing, too."""
    drawn: int = 260
    """Illustrations drawn by code whose heads are added as strangers with exact colors."""
    rarity: float = 0.5
    """Faces are drawn by ``1 / count ** rarity``, the count that of their character: at 0 each face is drawn
    equally often, at 1 each character."""
    colour_weight: float = 0.5
    canon_weight: float = 0.3
    scene_strangers: bool = True
    """Whether heads in pictures of nobody known are learned as strangers. Not so where the net knows so many
    characters that the pictures are sure to show some of them."""
    any_turn: float = 0.0
    """Share of pictures turned by any angle, upside down included."""
    corners: float = 0.0
    """Share of framed thumbnails and official art of which a corner is covered: a badge sits there."""
    teacher_weight: float = 1.0
    """How much the opinions of a teacher count (``--teacher``), where there is one."""
    backbone: str = ""
    """A network of torchvision instead of ``widths`` and ``blocks``; see :mod:`.backbones`."""
    initial: str = ""
    """What a backbone's weights start from: nothing, ``imagenet``, or the path of a state dict."""


@dataclass(frozen=True, slots=True)
class RollRecipe:
    """One run of the network that says how far a head is turned: ``widths`` are channels at strides 2, 4 and
    8, each after so many ``blocks``."""

    schedule: Schedule
    widths: tuple[int, ...] = (16, 24, 32)
    blocks: tuple[int, ...] = (1, 2, 2)
    any_turn: float = 0.35
    """Share of heads turned by any angle, upside down included; the others by at most :data:`USUAL_TURN`."""
    twist: float = 0.6
    """Share of heads around which the picture is turned differently: hair and body must not tell."""
    rims: float = 0.12
    """Share of heads that the picture's border cuts, whichever way they are turned."""
    measured: float = 0.3
    """Share of heads of which somebody measured how far they are turned, where there are any."""


USUAL_TURN = 60.0
"""Degrees."""

Recipe = TypeVar("Recipe", DetectorRecipe, RecogniserRecipe, RollRecipe)


def read_recipe(kind: type[Recipe], source: str | Path) -> Recipe:
    """Read a recipe from a TOML file, or by name from the recipes that come with the package.

    Raises :class:`DataError` naming the file and the key that is unknown or of the wrong type.
    """
    path = Path(source)
    if path.suffix == ".toml":
        try:
            text = read_text(path)
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"{path}: cannot be read ({error})") from error
    else:
        file = resources.files("booru_export") / "recipes" / f"{source}.toml"
        if not file.is_file():
            raise DataError(f"there is no recipe {source!r}; known: {', '.join(recipe_names())}")
        text = file.read_text("utf-8")
    try:
        return from_table(kind, tomllib.loads(text), str(source))
    except tomllib.TOMLDecodeError as error:
        raise DataError(f"{source}: not valid TOML: {error}") from error


def recipe_names() -> list[str]:
    """Names of the recipes in the package."""
    folder = resources.files("booru_export") / "recipes"
    return sorted(item.name.removesuffix(".toml") for item in folder.iterdir() if item.name.endswith(".toml"))


def from_table(kind: type[Recipe], table: dict[str, Any], where: str) -> Recipe:
    """Build a recipe from the tables of a parsed TOML file or of a checkpoint."""
    table = dict(table)
    schedule = table.pop("schedule", None)
    if not isinstance(schedule, dict):
        raise DataError(f"{where}: the table [schedule] is missing")
    return _build(kind, {"schedule": _build(Schedule, schedule, f"{where} [schedule]"), **table}, where)


Built = TypeVar("Built")


def _build(kind: type[Built], values: dict[str, Any], where: str) -> Built:
    known = {item.name for item in dataclasses.fields(kind)}  # type: ignore[arg-type]
    for key in values:
        if key not in known:
            near = nearest(key, known)
            hint = f"; did you mean {near!r}?" if near else f"; known keys: {', '.join(sorted(known))}"
            raise DataError(f"{where}: unknown key {key!r}{hint}")
    converted = {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}
    try:
        return kind(**converted)
    except TypeError as error:
        raise DataError(f"{where}: {error}") from error
