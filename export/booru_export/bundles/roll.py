"""What says how far heads are turned, as a part of a bundle: small, and sure where it is right."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import onnx
import torch

from booru_export.bundle_folder import normalisation_keys, put_part
from booru_export.bundles.to_onnx import INSIDE, RollGraph, export_graph, parity
from booru_export.data.splits import Part, split_faces, split_scenes
from booru_export.data.tables import read_all_scenes, read_data_faces
from booru_export.onnx_weights import byte_weights, slim, widen_weights
from booru_export.roll.samples import EXPAND, SMALLEST_HEAD, STORED_EXPAND, MeasuredHead, read_measured
from booru_export.roll.task import RIGHT, difference, from_checkpoint
from booru_export.training.checkpoint import training_of
from booru_tagger.imaging import Picture, read_picture, square_around, turned_part
from booru_tagger.models.bundle import Bundle
from booru_tagger.models.roll import RollEstimator
from booru_tagger.types import Box

UNFITTED_SURE = 0.9
RIGHT_ENOUGH = 0.98
"""Share of the sure answers that shall be right, of heads whose eyes were measured."""
NEAR, NEAR_ENOUGH = 3.0, 0.99
"""Without such heads: degrees by which so many sure answers may be wrong, of heads turned by known angles.
How far a head is turned by itself is missed by several degrees more."""
MEASURED = "roll.csv"
"""The table of heads whose eyes were measured, in a folder of data."""
MAX_DIFFERENCE = 0.1
"""Between the directions, 1 long, of the trained net and of the one in bytes."""
_SCENES = ("scenes", "hard")
_JUDGED = 1500


def export_roll(state: dict[str, Any], output: Path, data: Path | None) -> tuple[Bundle, float]:
    """Put a checkpoint's net into the bundle at ``output``; returns the bundle and the parity error.

    ``data``: folder with ``faces`` or ``identities``, and perhaps ``scenes`` and :data:`MEASURED`, on whose
    validation part it is decided how certain an answer must be. The net's weights become bytes.
    """
    net = from_checkpoint(state)
    size = len(net.axis)
    noise = torch.randint(0, 256, (8, size, size, 3), dtype=torch.uint8)
    graph = RollGraph(net)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "roll.onnx"
        export_graph(graph, noise, path)
        network = slim(byte_weights(widen_weights(onnx.load(path))))
        onnx.checker.check_model(network, full_check=True)
        path.write_bytes(network.SerializeToString())
        away = parity(graph, path, [noise], MAX_DIFFERENCE)
        model = path.read_bytes()
    values = {"size": size, **normalisation_keys(INSIDE), "expand": EXPAND, "sure": UNFITTED_SURE}
    bundle = put_part(output, "roll", model, values, {"training": {"roll": training_of(state)}})
    if data is not None:
        values["sure"] = _least_certainty(RollEstimator(output), data)
        bundle = put_part(output, "roll", model, values, {})
    return bundle, away


def _least_certainty(estimator: RollEstimator, data: Path) -> float:
    table = data / MEASURED
    if table.is_file():
        heads = [head for head in read_measured(table) if head.part == "validation"]
        return measured_turns(estimator, heads).least_certainty(RIGHT_ENOUGH, RIGHT)
    return known_turns(estimator, data).least_certainty(NEAR_ENOUGH, NEAR)


class Turns(NamedTuple):
    """How wrong answers were, in degrees, and how certain, each ``(N,)``."""

    wrong: npt.NDArray[np.float64]
    certainty: npt.NDArray[np.float64]

    def least_certainty(self, wanted: float, near: float) -> float:
        """From where on the ``wanted`` share of the answers is so ``near``; 1 where that is nowhere."""
        order = np.argsort(-self.certainty)
        right = np.cumsum(self.wrong[order] <= near) / (np.arange(len(order)) + 1)
        enough = np.flatnonzero(right >= wanted)
        return round(float(self.certainty[order[enough[-1]]]), 4) if len(enough) else 1.0


def measured_turns(estimator: RollEstimator, heads: Sequence[MeasuredHead]) -> Turns:
    """What the estimator says of heads of which the line of the eyes is known."""
    said = [estimator.rolls(read_picture(head.path), [head.box])[0] for head in heads]
    degrees = np.asarray([one.degrees for one in said])
    known = np.asarray([head.degrees for head in heads])
    return Turns(np.abs(difference(degrees, known)), np.asarray([one.certainty for one in said]))


def known_turns(estimator: RollEstimator, data: Path, part: Part = "validation") -> Turns:
    """What the estimator says of heads in a part of ``data`` that are turned by up to 60 degrees.

    How far a head is turned by itself is nowhere told: it is what it says of it before.
    """
    rng = np.random.default_rng(0)
    heads = _heads(data, part)
    wrong, certainty = [], []
    for number in rng.permutation(len(heads))[:_JUDGED]:
        path, box = heads[number]
        picture, known = read_picture(path), float(rng.uniform(-60, 60))
        (before,), (after,) = (
            estimator.rolls(*turned_head(picture, box, degrees)) for degrees in (0.0, known)
        )
        wrong.append(after.degrees - before.degrees - known)
        certainty.append(min(before.certainty, after.certainty))
    return Turns(np.abs(difference(np.asarray(wrong), np.zeros(len(wrong)))), np.asarray(certainty))


def turned_head(picture: Picture, box: Box, degrees: float) -> tuple[Picture, list[Box]]:
    """A picture of the head alone, turned clockwise around its middle, and the box there."""
    square = square_around(box, STORED_EXPAND)
    side = max(1, round(square.width))
    image = turned_part(picture.image, square, -degrees, (side, side))
    return Picture(image, side, side), [square_around(Box(0, 0, side, side), 1 / STORED_EXPAND)]


def _heads(data: Path, part: Part) -> list[tuple[Path, Box]]:
    """Where the heads of that part are, but for the smallest."""
    faces = split_faces(read_data_faces(data))[part]
    scenes = split_scenes(read_all_scenes([data / name for name in _SCENES if (data / name).is_dir()]))[part]
    found = [(item.path, item.head) for item in faces if item.head is not None]
    found += [(scene.path, box) for scene in scenes for box in scene.boxes]
    return [(path, box) for path, box in found if box.longer >= SMALLEST_HEAD]
