"""From a checkpoint to a part of a bundle."""

from __future__ import annotations

import dataclasses
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from booru_export.bundle_folder import DEFAULT_THRESHOLDS, normalisation_keys, put_part
from booru_export.bundles.calibrate import calibrate
from booru_export.bundles.identity import FILE as IDENTITY_FILE
from booru_export.bundles.identity import fit_identity, unfitted
from booru_export.bundles.roll import export_roll
from booru_export.bundles.to_onnx import (
    INSIDE,
    Calibration,
    DetectorGraph,
    RecogniserGraph,
    export_graph,
    parity,
)
from booru_export.data.canon import EYES, HAIR, Canon, read_canon
from booru_export.data.splits import split_scenes
from booru_export.data.tables import read_scenes
from booru_export.detector import task as detector_task
from booru_export.recogniser import task as recogniser_task
from booru_export.recogniser.samples import load_heads
from booru_export.training.checkpoint import read_checkpoint, training_of
from booru_export.training.nets import FaceNet
from booru_export.training.pair import FacePair
from booru_export.training.recipe import RecogniserRecipe, from_table
from booru_tagger.errors import DataError
from booru_tagger.models.bundle import Bundle, View

VIEWS = (View(0.95), View(0.95, flip=True, below=0.95, above=0.1))
"""Looks at each face: the second one only where the first leaves a doubt that it may settle. A pair of nets
looks once: its second net says more than a second look."""
DEFAULT_FACE_THRESHOLD = 0.48
SIDES = (192, 448)
"""Longest sides in pixels that the runtime looks at."""
HEAD_SHARES = ((0.25, 1.0), (0.0, 0.45))
"""Heads that each look answers for: 0.011 more in F1 (``python -m benchmarks experiment head_sizes``)."""
GLANCE = {"sure": 0.7, "faint": 0.2, "smallest": 0.16}
"""When the first look is enough, in scores of the network's own; chosen by ``experiment head_sizes``."""
MIRROR = {"sure": 0.75, "faint": 0.12}
"""When another look is taken mirrored, too; the same."""


@dataclass(frozen=True, slots=True)
class _Beside:
    """How a second recogniser joins the first: as :func:`export_checkpoint` has it."""

    checkpoint: Path
    share: float
    first_size: int | None


def export_checkpoint(
    checkpoint: Path,
    output: Path,
    *,
    data: Path | None,
    canon: Path | None,
    size: int | None = None,
    beside: Path | None = None,
    share: float = 0.5,
    first_size: int | None = None,
) -> tuple[Bundle, float]:
    """Put a checkpoint's net into the bundle at ``output``; returns the bundle and the parity error.

    With ``data`` (a folder with ``faces`` or ``identities``, and perhaps ``scenes``) scores are calibrated on
    its validation part. ``size``: the side in pixels at which faces are looked at; ``None``: as in training.
    ``beside``: checkpoint of a second recogniser of the same characters; both answer as one
    (:mod:`booru_export.training.pair`), and of how alike faces are, ``share`` is what the second says; the
    first looks at ``first_size`` pixels, if given. Raises :class:`DataError`.
    """
    state = read_checkpoint(checkpoint)
    kind = state.get("kind")
    if beside and kind != "recogniser":
        raise DataError(f"{checkpoint}: holds a {kind!r}; only recognisers are put beside each other")
    if kind == "detector":
        return _export_detector(state, output)
    if kind == "roll":
        return export_roll(state, output, data)
    if kind == "recogniser":
        return _export_recogniser(
            state,
            output,
            data,
            read_canon(canon),
            size,
            _Beside(beside, share, first_size) if beside else None,
        )
    raise DataError(f"{checkpoint}: holds a {kind!r}, which is no part of a bundle")


def kind_of(checkpoint: Path) -> str:
    """What a checkpoint holds: ``detector``, ``recogniser`` or ``roll``. Raises :class:`DataError`."""
    return str(read_checkpoint(checkpoint).get("kind"))


def _export_detector(state: dict[str, Any], output: Path) -> tuple[Bundle, float]:
    graph = DetectorGraph(detector_task.from_checkpoint(state))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "detector.onnx"
        export_graph(graph, _noise(2, 256, 320), path, free=("batch", "height", "width"))
        difference = parity(graph, path, [_noise(1, 384, 288), _noise(2, 128, 160)])
        model = path.read_bytes()
    values = {
        "sides": list(SIDES),
        "head_shares": [list(bounds) for bounds in HEAD_SHARES],
        "glance": dict(GLANCE),
        "mirror": dict(MIRROR),
        "multiple": 32,
        "max_upscale": 2.0,
        **normalisation_keys(INSIDE),
        "threshold": DEFAULT_FACE_THRESHOLD,
        "nms_iou": detector_task.NMS_IOU,
    }
    return put_part(
        output, "detector", model, values, {"training": {state["kind"]: training_of(state)}}
    ), difference


def _export_recogniser(
    state: dict[str, Any],
    output: Path,
    data: Path | None,
    canon: dict[str, Canon],
    size: int | None,
    beside: _Beside | None,
) -> tuple[Bundle, float]:
    recipe = from_table(RecogniserRecipe, state["recipe"], "checkpoint")
    labels: list[str] = state["labels"]
    net: FaceNet | FacePair = recogniser_task.from_checkpoint(state)
    training = {state["kind"]: training_of(state)}
    if beside:
        other = _other(beside.checkpoint, labels)
        first, second = (recogniser_task.from_checkpoint(each) for each in (state, other))
        net = FacePair(first, second, len(labels), beside.share, beside.first_size)
        smaller = {"first_size": beside.first_size} if beside.first_size else {}
        training["beside"] = {**training_of(other), "share": beside.share, **smaller}
    size = size or recipe.schedule.sizes[-1]
    calibration = _calibration(net, labels, data, size) if data else Calibration()
    graph = RecogniserGraph(net, calibration)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "recogniser.onnx"
        export_graph(graph, _noise(2, size, size), path)
        difference = parity(graph, path, [_noise(3, size, size)])
        model = path.read_bytes()
    characters, identity = unfitted(net.prototypes.detach()[: len(labels)].numpy())
    values = {
        "size": size,
        **normalisation_keys(INSIDE),
        "expand": 1.0,
        "views": [view.keys() for view in (VIEWS[:1] if beside else VIEWS)],
        "hair": list(HAIR),
        "eyes": list(EYES),
        "thresholds": DEFAULT_THRESHOLDS,
        "identity": identity,
    }
    more = {
        "labels": [canon.get(tag, Canon(tag)).to_label() for tag in labels],
        "training": {**training, "calibration": dataclasses.asdict(calibration)},
    }
    bundle = put_part(output, "recogniser", model, values, more, {IDENTITY_FILE: characters})
    return fit_identity(output, data) if data else bundle, difference


def _noise(count: int, height: int, width: int) -> torch.Tensor:
    """Pictures as bytes."""
    return torch.randint(0, 256, (count, height, width, 3), dtype=torch.uint8)


def _other(checkpoint: Path, labels: list[str]) -> dict[str, Any]:
    """The second of a pair. Raises :class:`DataError` where it does not know the same characters."""
    state = read_checkpoint(checkpoint)
    if state.get("kind") != "recogniser" or state["labels"] != labels:
        raise DataError(f"{checkpoint}: is not a recogniser of the same characters as the first checkpoint")
    return state


def _calibration(net: FaceNet | FacePair, labels: list[str], data: Path, size: int) -> Calibration:
    if not (data / "scenes" / "boxes.jsonl").is_file():
        return Calibration()
    heads = load_heads(split_scenes(read_scenes(data / "scenes"))["validation"], labels)
    return calibrate(net, heads, size=size)
