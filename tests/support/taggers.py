"""Foreign taggers small enough to reckon by hand: ONNX files with the signatures of the real ones.

Each averages its input over a grid of cells, multiplies that with fixed weights and gives probabilities or
logits, as the layout has it. :func:`expected` does the same in NumPy from an input that a test prepared.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tests.support.bundles import Graph

Floats = npt.NDArray[np.float32]
GRID = 4
"""Cells along each side that a picture is averaged over."""


@dataclass(frozen=True)
class Signature:
    """What an ONNX file looks like from outside. ``side`` and ``batch`` may be names: dynamic."""

    layout: str
    side: int | str
    outputs: tuple[tuple[str, bool], ...]
    """Each output's name, and whether it is logits."""
    batch: int | str = "N"
    input: str = "input"
    mask: str = ""
    """A second input that tells padding; what it marks counts as nought."""


WD_V3 = Signature("nhwc", 448, (("output", False),))
WD_V2 = Signature("nhwc", 448, (("predictions_sigmoid", False),), batch=1, input="input_1:0")
CL = Signature("nchw", 448, (("logits", True),))
JOYTAG = Signature("nchw", 448, (("tags", True),))
DEEPDANBOORU = Signature("nhwc", 512, (("Identity:0", False),), input="inputs")
CAMIE = Signature("nchw", 512, (("initial_predictions", True), ("refined_predictions", True)))
PIXAI = Signature("nchw", 448, (("embedding", True), ("logits", True), ("output", False)))
ANIMETIMM = Signature("nchw", "S", (("embedding", True), ("logits", True), ("prediction", False)))
OPPAI_ORACLE = Signature("nchw", 448, (("probabilities", False),), input="pixel_values", mask="padding_mask")
CL_V2 = Signature("nchw", 384, (("logits", True),), input="pixel_values")
PIXAI_V1 = Signature("nchw", 1008, (("logits", True),), batch=1, input="pixel_values")

RATINGS = ("general", "sensitive", "questionable", "explicit")
ROWS: tuple[tuple[str, int], ...] = (
    *((name, 9) for name in RATINGS),
    ("1girl", 0),
    ("long_hair", 0),
    ("aqua_hair", 0),
    ("^_^", 0),
    ("twintails", 0),
    ("hatsune_miku", 4),
    ("zatsune_miku", 4),
)
"""Name and category of each column of the tiny WD tagger."""


def weights(columns: int, output: int = 0, scale: float = 1.0) -> Floats:
    """The fixed weights of an output: ``(cells * 3, columns)``."""
    values = np.random.default_rng(100 + output).normal(size=(GRID * GRID * 3, columns))
    return (values * scale).astype(np.float32)


def bias(scores: Sequence[float]) -> Floats:
    """What gives these probabilities where the weights are naught."""
    share = np.clip(np.asarray(scores, dtype=np.float64), 1e-6, 1 - 1e-6)
    return np.log(share / (1 - share)).astype(np.float32)


def network(
    signature: Signature, columns: int, *, scores: Sequence[float] | None = None, scale: float = 0.1
) -> bytes:
    """The ONNX file. With ``scores`` its answer is these, whatever it is shown."""
    g = Graph()
    nhwc = signature.layout == "nhwc"
    image = g("Transpose", signature.input, perm=[0, 3, 1, 2]) if nhwc else signature.input
    if signature.mask:
        seen = g("Unsqueeze", g("Cast", g("Not", signature.mask), to=1), g.whole(1))
        image = g("Mul", image, seen)
    cells = g("Reshape", g("ReduceMean", _grid(g, image), axes=[3, 5], keepdims=0), g.whole(0, -1))
    for index, (name, logits) in enumerate(signature.outputs):
        table = weights(columns, index, 0.0 if scores is not None else scale)
        row = bias(scores) if scores is not None else np.zeros(columns, dtype=np.float32)
        values = g("Add", g("MatMul", cells, g.constant(table)), g.constant(row))
        g("Identity" if logits else "Sigmoid", values, name=name)
    side, batch = signature.side, signature.batch
    shape = [batch, side, side, 3] if nhwc else [batch, 3, side, side]
    inputs = {signature.input: shape} | ({signature.mask: [batch, side, side]} if signature.mask else {})
    outputs = {name: [batch, columns] for name, _ in signature.outputs}
    return g.model(inputs, outputs, truths=(signature.mask,))


def _grid(g: Graph, image: str) -> str:
    """``(N, 3, S, S)`` as ``(N, 3, GRID, S / GRID, GRID, S / GRID)``."""
    side = g("Slice", g("Shape", image), g.whole(2), g.whole(3))
    cell = g("Div", side, g.whole(GRID))
    shape = g("Concat", g.whole(0, 3, GRID), cell, g.whole(GRID), cell, axis=0)
    return g("Reshape", image, shape)


def expected(prepared: Floats, layout: str, columns: int, output: int = 0, scale: float = 0.1) -> Floats:
    """The probabilities for a prepared input ``(S, S, 3)`` or ``(3, S, S)``."""
    planes = prepared.transpose(2, 0, 1) if layout == "nhwc" else prepared
    cell = planes.shape[1] // GRID
    means = planes.astype(np.float64).reshape(3, GRID, cell, GRID, cell).mean(axis=(2, 4)).reshape(-1)
    return np.asarray(1 / (1 + np.exp(-(means @ weights(columns, output, scale)))), np.float32)


def selected_tags(rows: Sequence[tuple[str, int]] = ROWS) -> str:
    """``selected_tags.csv`` of a WD tagger."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["tag_id", "name", "category", "count"])
    writer.writerows([[index, name, category, 1000] for index, (name, category) in enumerate(rows)])
    return stream.getvalue()


def make_wd(
    folder: Path,
    scores: Sequence[float] | None = None,
    *,
    signature: Signature = WD_V3,
    rows: Sequence[tuple[str, int]] = ROWS,
) -> Path:
    """A WD tagger's folder; with ``scores`` one that gives these for every picture."""
    folder.mkdir(parents=True, exist_ok=True)
    scale = 0.1 / 128  # its pixels go up to 255
    (folder / "model.onnx").write_bytes(network(signature, len(rows), scores=scores, scale=scale))
    (folder / "selected_tags.csv").write_text(selected_tags(rows), "utf-8")
    return folder


def make_folder(
    folder: Path, model: str, signature: Signature, columns: int, files: Mapping[str, Any]
) -> Path:
    """Any tagger's folder. ``files`` are texts, or what JSON is made of, by name."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / model).write_bytes(network(signature, columns))
    for name, content in files.items():
        text = content if isinstance(content, str) else json.dumps(content)
        (folder / name).write_text(text, "utf-8")
    return folder
