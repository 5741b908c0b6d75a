"""An ONNX network with convolutions and matrices in 8 bits: half the file and less than half the time.

Weights become signed bytes, one scale for each output channel; what flows between the convolutions becomes
unsigned bytes, whose scales are taken from the largest values that calibration pictures bring about. It is
written as QuantizeLinear and DequantizeLinear around unchanged operations (QDQ), which onnxruntime fuses.
"""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.quant_utils import add_pre_process_metadata

from booru_export.bundles.byte_stem import ByteStem, feed_bytes, join_bytes
from booru_export.bundles.row_answers import read_by_rows
from booru_export.bundles.to_onnx import strip_origins
from booru_export.onnx_weights import halve_weights, widen_weights
from booru_tagger.errors import ModelError

Array = npt.NDArray[Any]

NARROW = 8
"""A convolution with fewer channels on one side stays in float, unless its input are bytes anyway: answers
are read from it. That would cost accuracy and win no time."""

_BETWEEN = ("Relu", "Clip", "Add", "Resize", "MaxPool", "Concat", "Reshape", "Transpose")
"""Operations that onnxruntime computes in 8 bits between two convolutions."""
_ENDS = ("Relu", "Clip", "Add")


class _Pictures(CalibrationDataReader):  # type: ignore[misc]
    """What onnxruntime's calibration draws its inputs from."""

    def __init__(self, inputs: Iterator[dict[str, Array]]) -> None:
        self._inputs = inputs

    def get_next(self) -> dict[str, Array] | None:
        return next(self._inputs, None)


def quantise(model: bytes, pictures: Iterable[Array]) -> bytes:
    """The same network with its convolutions in 8 bits; ``pictures`` are batches for its only input.

    Raises :class:`ModelError` where the network has no convolution to quantise, or is quantised already.
    """
    network = widen_weights(onnx.load_from_string(model))
    if any(node.op_type == "QuantizeLinear" for node in network.graph.node):
        raise ModelError("the network is in 8 bits already")
    if len(network.graph.input) != 1:
        raise ModelError("only a network with one input can be quantised")
    stems = feed_bytes(network)
    nodes = nodes_to_quantise(network.graph, {stem.values for stem in stems})
    if not nodes:
        raise ModelError("the network has no convolutions that 8 bits would make faster")
    left = [node for node in network.graph.node if node.op_type == "Conv" and node.name not in nodes]
    unused = [*(item for stem in stems for item in stem.originals), *read_by_rows(network.graph, left)]
    name = network.graph.input[0].name
    add_pre_process_metadata(network)  # norms were folded by the export: there is nothing left to prepare
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "int8.onnx"
        quantize_static(
            network,
            path,
            _Pictures({name: batch} for batch in pictures),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=["Conv", "Gemm", *_BETWEEN],
            nodes_to_quantize=nodes,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            extra_options={
                "TensorQuantOverrides": {stem.values: [_as_quantiser_wants(stem)] for stem in stems},
                "OpTypesToExcludeOutputQuantization": ["Gemm"],  # answers are read from those
            },
        )
        quantised = onnx.load(path)
    join_bytes(quantised, stems)
    known = {item.name for item in quantised.graph.initializer}
    quantised.graph.initializer.extend(item for item in unused if item.name not in known)
    result = halve_weights(strip_origins(quantised))
    onnx.checker.check_model(result, full_check=True)
    data: bytes = result.SerializeToString()
    return data


def _as_quantiser_wants(stem: ByteStem) -> dict[str, object]:
    return {
        "quant_type": QuantType.QUInt8,
        "scale": np.array(stem.scale, np.float32),
        "zero_point": np.array(stem.zero, np.uint8),
    }


def nodes_to_quantise(graph: onnx.GraphProto, stems: Collection[str] = ()) -> list[str]:
    """Names of the convolutions that gain by it, of what lies between two of them, and of the matrices.

    Convolutions of one of ``stems`` are fed with bytes. Nodes without a name get one, since the quantiser
    knows them by that.
    """
    made_by = {output: node for node in graph.node for output in node.output}
    for index, node in enumerate(graph.node):
        node.name = node.name or f"{node.op_type}_{index}"
    wide = [
        node
        for node in graph.node
        if node.op_type == "Conv" and (node.input[0] in stems or _is_wide(node, graph))
    ]
    inside: dict[str, onnx.NodeProto] = {}
    front = list(wide)
    while front:
        for source in front.pop().input:
            node = made_by.get(source)
            if node is not None and node.name not in inside:
                inside[node.name] = node
                front.append(node)
    chosen = {node.name for node in wide}
    chosen |= {name for name, node in inside.items() if node.op_type in _BETWEEN}
    chosen |= _behind(graph, chosen, made_by)
    if wide:  # or there is nothing to win
        chosen |= {node.name for node in graph.node if node.op_type == "Gemm" and _is_wide(node, graph)}
    return [node.name for node in graph.node if node.name in chosen]


def _behind(graph: onnx.GraphProto, chosen: set[str], made_by: Mapping[str, onnx.NodeProto]) -> set[str]:
    """Names of what ends the last block: sums of what is in 8 bits, and the bounds put on it."""
    found: set[str] = set()
    for node in graph.node:
        sources = [made_by[name] for name in node.input if name in made_by]
        known = bool(sources) and all(source.name in chosen | found for source in sources)
        if known and node.op_type in _ENDS and sources[0].op_type in ("Conv", "Add"):
            found.add(node.name)
    return found


def _is_wide(node: onnx.NodeProto, graph: onnx.GraphProto) -> bool:
    dims = next((weight.dims for weight in graph.initializer if weight.name == node.input[1]), None)
    if dims is None:
        return False
    groups = next((attribute.i for attribute in node.attribute if attribute.name == "group"), 1)
    return int(min(dims[0], dims[1] * groups)) >= NARROW
