"""Fitted scikit-learn pipelines as recognisers of a bundle: converted, joined with a network, compared."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import compose, helper
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import FloatTensorType

from booru_export.bundle_folder import DEFAULT_THRESHOLDS, normalisation_keys, put_part
from booru_export.comparison.classic import Trained
from booru_export.data.canon import Canon
from booru_export.data.tables import FaceItem
from booru_tagger.errors import ModelError
from booru_tagger.models.bundle import Bundle
from booru_tagger.models.session import Session

OPSET = 20
ML_OPSET = 3
MAX_DIFFERENCE = 1e-4
"""Between scikit-learn and onnxruntime, on probabilities."""
PREFIX = "classic_"


def export_classic(
    trained: Trained, output: Path, canon: dict[str, Canon], examples: Sequence[FaceItem]
) -> tuple[Bundle, float]:
    """Put a fitted pipeline into the bundle at ``output`` as its recogniser, and compare it on ``examples``.

    Returns the bundle and the largest difference. Raises :class:`ModelError` where that is above
    ``MAX_DIFFERENCE``.
    """
    model = to_onnx(trained)
    difference = compare(trained, model, examples)
    more = {
        "labels": [canon.get(tag, Canon(tag)).to_label() for tag in trained.labels],
        "training": {
            "recogniser": {
                "method": trained.recipe.method,
                "recipe": dataclasses.asdict(trained.recipe),
                "strength": trained.strength,
                "pictures": {"train": trained.pictures},
                "minutes": round(trained.seconds / 60, 2),
            }
        },
    }
    return put_part(output, "recogniser", model, _section(trained), more), difference


def _section(trained: Trained) -> dict[str, Any]:
    source = trained.source
    values: dict[str, Any] = {
        "size": source.size,
        **normalisation_keys(source.normalisation),
        "expand": 1.0,
        "hair": [],
        "eyes": [],
        "thresholds": DEFAULT_THRESHOLDS,
    }
    if source.bundle is not None and (spec := source.bundle.recogniser) is not None:
        values |= {
            "expand": spec.expand,
            "views": [view.keys() for view in spec.views],
            "hair": list(spec.hair),
            "eyes": list(spec.eyes),
            "min_colourfulness": spec.min_colorfulness,
        }
    return values


def to_onnx(trained: Trained) -> bytes:
    """The pipeline as one ONNX file from ``faces`` to ``character`` (and the network's other outputs)."""
    if trained.source.bundle is None:
        model = _on_pixels(trained)
    else:
        model = _on_network(trained, onnx.load_from_string(trained.source.network()))
    onnx.checker.check_model(model)
    data: bytes = model.SerializeToString()
    return data


def _converted(trained: Trained, columns: int, opset: int) -> onnx.ModelProto:
    """The pipeline alone: ``features (N, D)`` to ``probabilities (N, C)``."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the converter looks at attributes that scikit-learn will remove
        model = convert_sklearn(
            trained.pipeline,
            initial_types=[("features", FloatTensorType([None, columns]))],
            options={id(trained.pipeline): {"zipmap": False}},
            target_opset={"": opset, "ai.onnx.ml": ML_OPSET},
        )
    return _only(model, ["probabilities"])


def _on_pixels(trained: Trained) -> onnx.ModelProto:
    size = trained.source.size
    model = _converted(trained, 3 * size * size, OPSET)
    graph = model.graph
    graph.node.insert(0, helper.make_node("Flatten", ["faces"], ["features"], axis=1))
    graph.node.append(helper.make_node("Identity", ["probabilities"], ["character"]))
    del graph.input[:], graph.output[:]
    graph.input.append(_info("faces", ["batch", 3, size, size]))
    graph.output.append(_info("character", ["batch", len(trained.labels)]))
    return model


def _on_network(trained: Trained, network: onnx.ModelProto) -> onnx.ModelProto:
    """The classifier behind a network's embedding; its own ``character`` gives way."""
    columns = int(trained.pipeline.n_features_in_)
    opset = next(item.version for item in network.opset_import if item.domain in ("", "ai.onnx"))
    head = compose.add_prefix(_converted(trained, columns, opset), PREFIX)
    head.ir_version = network.ir_version
    others = [item.name for item in network.graph.output if item.name != "character"]
    body = _only(network, others)
    _rename(body, "character", f"{PREFIX}unused")  # in case that something else is computed from it
    model = compose.merge_models(
        body,
        head,
        io_map=[("embedding", f"{PREFIX}features")],
        outputs=[*(name for name in others if name != "embedding"), f"{PREFIX}probabilities"],
    )
    model.graph.node.append(helper.make_node("Identity", [f"{PREFIX}probabilities"], ["character"]))
    kept = [item for item in model.graph.output if item.name != f"{PREFIX}probabilities"]
    del model.graph.output[:]
    model.graph.output.extend(kept)
    model.graph.output.append(_info("embedding", ["batch", columns]))
    model.graph.output.append(_info("character", ["batch", len(trained.labels)]))
    return model


def _info(name: str, shape: Sequence[str | int]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, list(shape))


def _rename(model: onnx.ModelProto, old: str, new: str) -> None:
    for node in model.graph.node:
        for names in (node.input, node.output):
            for index, name in enumerate(names):
                if name == old:
                    names[index] = new


def _only(model: onnx.ModelProto, outputs: Sequence[str]) -> onnx.ModelProto:
    """The model without what only other outputs need."""
    wanted = set(outputs)
    nodes = []
    for node in reversed(model.graph.node):
        if wanted & set(node.output):
            wanted |= set(node.input)
            nodes.append(node)
    kept = [item for item in model.graph.output if item.name in outputs]
    weights = [item for item in model.graph.initializer if item.name in wanted]
    graph = helper.make_graph(
        list(reversed(nodes)), model.graph.name, list(model.graph.input), kept, initializer=weights
    )
    reduced = helper.make_model(graph, opset_imports=list(model.opset_import))
    reduced.ir_version = model.ir_version
    return reduced


def compare(trained: Trained, model: bytes, examples: Sequence[FaceItem]) -> float:
    """The largest difference between scikit-learn and onnxruntime over pictures."""
    session = Session(model, name=f"the exported {trained.recipe.method}")
    answer = session.run({"faces": trained.source.faces(examples)})["character"]
    difference = float(np.abs(answer - trained.probabilities(examples)).max())
    if not difference <= MAX_DIFFERENCE:
        raise ModelError(
            f"the exported {trained.recipe.method} differs from scikit-learn's by {difference:.6f}, "
            f"more than {MAX_DIFFERENCE:g}: another version of scikit-learn or skl2onnx may agree"
        )
    return difference
