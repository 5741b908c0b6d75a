"""What a repository says beside its labels and that replaces parts of a record: sides, stages, thresholds."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from booru_tagger.errors import ModelError
from booru_tagger.models.formats.format_records import RGB, Canvas, Filter, Format, Preparation
from booru_tagger.models.formats.labels import read_text
from booru_tagger.vocab import CATEGORIES, TAG_CATEGORIES

_FILTERS = ("bilinear", "bicubic", "lanczos")
_COLORS = {"white": (255, 255, 255), "black": (0, 0, 0)}
_PLAIN = frozenset({"to_tensor", "maybe_to_tensor", "convert_rgb"})
"""Stages that say nothing which the record does not."""


def refined(layout: Format, folder: Path, labels: Path) -> Format:
    """The record with what files in ``folder`` say otherwise. Raises :class:`ModelError`."""
    how, thresholds = layout.preparation, dict(layout.thresholds)
    if "preprocess.json" in layout.takes and (path := folder / "preprocess.json").is_file():
        how = _read(path, lambda text: _staged(how, _stages(json.loads(text))))
    if "preprocessing.json" in layout.takes and (path := folder / "preprocessing.json").is_file():
        how = _read(path, lambda text: _letterboxed(how, json.loads(text)))
    if "pr_thresholds.json" in layout.takes and (path := folder / "pr_thresholds.json").is_file():
        thresholds["general"] = _read(path, _breakeven)
    if "thresholds.csv" in layout.takes and (path := folder / "thresholds.csv").is_file():
        thresholds |= _read(path, _thresholds)
    if "project.json" in layout.takes and (path := folder / "project.json").is_file():
        how = _read(path, lambda text: _sided(how, json.loads(text).get("image_width", how.side)))
    if layout.reader == "metadata":
        how = _read(labels, lambda text: _sided(how, _camie_side(json.loads(text), how.side)))
    if layout.reader == "blocks" and (path := folder / "config.json").is_file():
        config = _read(path, json.loads)
        how = _read(path, lambda _: _sided(how, config.get("img_size", how.side)))
        thresholds |= _read(path, lambda _: _best(layout, config.get("category_best_threshold") or {}))
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
        value = _share(row["threshold"])
        if (name := names.get(int(row["category"]))) is not None:
            found[name] = value
    return found


def _best(layout: Format, found: Mapping[str, Any]) -> Mapping[str, float]:
    """Thresholds by a layout's own names of categories. The likeliest rating is given without one."""
    named = {(layout.categories or {}).get(name, name): _share(value) for name, value in found.items()}
    return {name: value for name, value in named.items() if name in TAG_CATEGORIES}


def _breakeven(text: str) -> float:
    """The threshold at which precision and recall over all tags are alike."""
    return _share(json.loads(text)["micro"]["pr_breakeven"]["threshold"])


def _letterboxed(how: Preparation, data: Mapping[str, Any]) -> Preparation:
    """OppaiOracle's word on its input."""
    for key, known in (("resize_mode", "letterbox"), ("input_layout", "BCHW")):
        if data.get(key, known) != known:
            raise ValueError(f"{key} is {data[key]!r}, not {known!r}")
    channels = str(data.get("color_order", "RGB")).lower()
    if channels not in ("rgb", "bgr"):
        raise ValueError(f"color_order is {channels!r}")
    red, green, blue = (int(value) for value in data.get("pad_color_rgb", data.get("pad_color", how.fill)))
    changed = replace(
        how,
        channels="bgr" if channels == "bgr" else "rgb",
        fill=(red, green, blue),
        mean=_triple(data["normalize_mean"]),
        std=_triple(data["normalize_std"]),
    )
    return _sided(changed, data.get("image_size", how.side))


def _stages(data: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """The stages, or those of them that the makers tested with."""
    stages: Sequence[Mapping[str, Any]] = data["test"] if "test" in data else data["stages"]
    return stages


def _staged(how: Preparation, stages: Sequence[Mapping[str, Any]]) -> Preparation:
    """What a list of stages says: scaling, padding, and the mean and deviation of each channel."""
    padded = False
    for stage in stages:
        kind = stage["type"]
        if kind == "pad_to_size":
            how, padded = _padded(how, stage), True
        elif kind == "resize":
            how = _rescaled(how, stage) if padded else _stretched(how, stage)
        elif kind == "center_crop":
            how = _cropped(how, _square(stage["size"]))
        elif kind == "normalize":
            how = replace(how, mean=_triple(stage["mean"]), std=_triple(stage["std"]))
        elif kind not in _PLAIN:
            raise ValueError(f"a stage {kind!r} that this version does not know")
    return how


def _padded(how: Preparation, stage: Mapping[str, Any]) -> Preparation:
    color = stage.get("background_color", "white")
    fill = _COLORS[color] if isinstance(color, str) else tuple(color)
    changed = replace(how, fit="shrink", rounding="nearest", filter=_filter(stage), fill=fill, canvas=None)
    return _sided(changed, _square(stage["size"]))


def _stretched(how: Preparation, stage: Mapping[str, Any]) -> Preparation:
    if isinstance(stage["size"], int):
        raise ValueError(f"scaling to {stage['size']!r}, which is not square")
    return _sided(replace(how, fit="stretch", filter=_filter(stage)), _square(stage["size"]))


def _rescaled(how: Preparation, stage: Mapping[str, Any]) -> Preparation:
    """A padded square, scaled once more; a single number is its side, too."""
    side = _square(stage["size"])
    canvas = Canvas(how.side, how.filter, side)
    return _sided(replace(how, filter=_filter(stage), canvas=canvas), side)


def _cropped(how: Preparation, side: int) -> Preparation:
    if side != how.side and (how.canvas is None or side > how.side):
        raise ValueError(f"cutting {side} pixels out of {how.side}")
    return _sided(how, side)


def _square(size: Any) -> int:
    """The side of a square. Raises ValueError for any other size."""
    if isinstance(size, int):
        return size
    if len(size) not in (1, 2) or size[0] != size[-1]:
        raise ValueError(f"scaling to {size!r}, which is not square")
    return int(size[0])


def _filter(stage: Mapping[str, Any]) -> Filter:
    name = str(stage.get("interpolation") or "bilinear").lower()
    if name not in _FILTERS:
        raise ValueError(f"scaling by {name!r}")
    return cast(Filter, name)


def _share(value: Any) -> float:
    share = float(value)
    if not 0 <= share <= 1:
        raise ValueError(f"a threshold of {share}")
    return share


def _triple(values: Any) -> RGB:
    red, green, blue = (float(value) for value in values)
    return red, green, blue
