"""What a repository says beside its labels and that replaces parts of a record: sides, stages, thresholds."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from booru_tagger.errors import ModelError
from booru_tagger.models.formats.format_records import RGB, Filter, Format, Preparation
from booru_tagger.models.formats.labels import read_text
from booru_tagger.vocab import CATEGORIES

_FILTERS = ("bilinear", "bicubic", "lanczos")
_COLORS = {"white": (255, 255, 255), "black": (0, 0, 0)}
_PLAIN = frozenset({"to_tensor", "maybe_to_tensor", "convert_rgb"})
"""Stages that say nothing which the record does not."""


def refined(layout: Format, folder: Path, labels: Path) -> Format:
    """The record with what files in ``folder`` say otherwise. Raises :class:`ModelError`."""
    how, thresholds = layout.preparation, dict(layout.thresholds)
    if "preprocess.json" in layout.takes and (path := folder / "preprocess.json").is_file():
        how = _read(path, lambda text: _staged(how, json.loads(text)))
    if "thresholds.csv" in layout.takes and (path := folder / "thresholds.csv").is_file():
        thresholds |= _read(path, _thresholds)
    if "project.json" in layout.takes and (path := folder / "project.json").is_file():
        how = _read(path, lambda text: _sided(how, json.loads(text).get("image_width", how.side)))
    if layout.reader == "metadata":
        how = _read(labels, lambda text: _sided(how, _camie_side(json.loads(text), how.side)))
    return replace(layout, preparation=how, thresholds=thresholds)


def _read(path: Path, parse: Any) -> Any:
    text = read_text(path)
    try:
        return parse(text)
    except (ValueError, KeyError, TypeError, AttributeError, csv.Error, RecursionError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise ModelError(f"{path}: not as this layout has it ({reason}); download the file again") from error


def _camie_side(data: Mapping[str, Any], default: int) -> object:
    return (data.get("model_info") or {}).get("img_size", default)


def _sided(how: Preparation, side: object) -> Preparation:
    if not isinstance(side, int) or isinstance(side, bool) or not 8 <= side <= 4096:
        raise ValueError(f"a side of {side!r} pixels")
    return replace(how, side=side)


def _thresholds(text: str) -> Mapping[str, float]:
    """``category,name,threshold``, the category as Danbooru's number."""
    names = {number: name for name, number in CATEGORIES.items()}
    found = {}
    for row in csv.DictReader(io.StringIO(text, newline="")):
        value = float(row["threshold"])
        if not 0 <= value <= 1:
            raise ValueError(f"a threshold of {value}")
        if (name := names.get(int(row["category"]))) is not None:
            found[name] = value
    return found


def _staged(how: Preparation, data: Mapping[str, Any]) -> Preparation:
    """A list of stages: scaling, padding, and the mean and deviation of each channel."""
    for stage in data["stages"]:
        kind = stage["type"]
        if kind in ("resize", "pad_to_size"):
            how = _scaling(how, stage, "stretch" if kind == "resize" else "shrink")
        elif kind == "normalize":
            how = replace(how, mean=_triple(stage["mean"]), std=_triple(stage["std"]))
        elif kind not in _PLAIN:
            raise ValueError(f"a stage {kind!r} that this version does not know")
    return how


def _scaling(how: Preparation, stage: Mapping[str, Any], fit: str) -> Preparation:
    size = stage["size"]
    if isinstance(size, int) or len(size) != 2 or size[0] != size[1]:
        raise ValueError(f"scaling to {size!r}, which is not square")
    name = str(stage.get("interpolation") or "bilinear").lower()
    if name not in _FILTERS:
        raise ValueError(f"scaling by {name!r}")
    color = stage.get("background_color", "white")
    fill = _COLORS[color] if isinstance(color, str) else tuple(color)
    changed = replace(how, filter=cast(Filter, name), fill=fill)
    return _sided(replace(changed, fit="stretch" if fit == "stretch" else "shrink"), size[0])


def _triple(values: Any) -> RGB:
    red, green, blue = (float(value) for value in values)
    return red, green, blue
