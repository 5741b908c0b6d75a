"""Weights of an ONNX network in half precision, and back, or in bytes, for networks of a few kilobytes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import onnx
from onnx import numpy_helper

WORTH_HALVING = 512
"""Weights with fewer elements keep full precision: they cost nothing and often carry a scale."""
_WITH_SCALES = ("QuantizeLinear", "DequantizeLinear")
"""Operations whose second input must be a constant of full precision to be fused."""


def halve_weights(model: onnx.ModelProto) -> onnx.ModelProto:
    """Store large float32 weights as float16 with a Cast behind each: half the file, the same speed.

    onnxruntime folds the casts when it loads the model and computes in float32.
    """
    graph = model.graph
    scales = {node.input[1] for node in graph.node if node.op_type in _WITH_SCALES}
    for weight in list(graph.initializer):
        if weight.data_type != onnx.TensorProto.FLOAT or np.prod(weight.dims) < WORTH_HALVING:
            continue
        if weight.name in scales:
            continue
        values = numpy_helper.to_array(weight)
        if np.abs(values).max() > np.finfo(np.float16).max:
            continue
        halved = numpy_helper.from_array(values.astype(np.float16), f"{weight.name}_half")
        graph.initializer.remove(weight)
        graph.initializer.append(halved)
        cast = onnx.helper.make_node("Cast", [halved.name], [weight.name], to=onnx.TensorProto.FLOAT)
        graph.node.insert(0, cast)
    return model


def widen_weights(model: onnx.ModelProto) -> onnx.ModelProto:
    """Undo :func:`halve_weights`: the quantiser looks for weights, not for casts."""
    graph = model.graph
    weights = {weight.name: weight for weight in graph.initializer}
    for node in list(graph.node):
        weight = weights.get(node.input[0]) if node.op_type == "Cast" else None
        if weight is None or weight.data_type != onnx.TensorProto.FLOAT16:
            continue
        values = numpy_helper.to_array(weight).astype(np.float32)
        graph.node.remove(node)
        graph.initializer.append(numpy_helper.from_array(values, node.output[0]))
    used = {name for node in graph.node for name in node.input}
    for weight in weights.values():
        if weight.data_type == onnx.TensorProto.FLOAT16 and weight.name not in used:
            graph.initializer.remove(weight)
    return model


WORTH_BYTES, WORTH_HALF = 128, 16
_DEFAULTS: dict[str, object] = {"group": 1, "auto_pad": b"NOTSET", "dilations": [1, 1]}


def byte_weights(model: onnx.ModelProto) -> onnx.ModelProto:
    """Store a small network's kernels and matrices as int8 with a scale for each row, biases as float16.

    As with :func:`halve_weights`, onnxruntime turns them back when it loads the model.
    """
    graph = model.graph
    for weight in list(graph.initializer):
        values = numpy_helper.to_array(weight)
        if values.dtype != np.float32 or values.size < WORTH_HALF:
            continue
        graph.initializer.remove(weight)
        if values.ndim < 2 or values.size < WORTH_BYTES:
            _widened(graph, values.astype(np.float16), weight.name)
            continue
        largest = np.abs(values).max(axis=tuple(range(1, values.ndim)), keepdims=True)
        scale = np.maximum(largest / 127, 1e-6).astype(np.float16)
        whole = np.rint(values / scale.astype(np.float32)).clip(-127, 127).astype(np.int8)
        parts = [f"{weight.name}_bytes", f"{weight.name}_scale"]
        graph.node.insert(0, onnx.helper.make_node("Mul", parts, [weight.name]))
        for part, name in zip((whole, scale), parts, strict=True):
            _widened(graph, part, name)
    return model


def _widened(graph: onnx.GraphProto, values: npt.NDArray[np.generic], name: str) -> None:
    """Put ``values`` into the graph so that ``name`` stands for them as float32."""
    graph.initializer.append(numpy_helper.from_array(values, f"{name}_stored"))
    cast = onnx.helper.make_node("Cast", [f"{name}_stored"], [name], to=onnx.TensorProto.FLOAT)
    graph.node.insert(0, cast)


def slim(model: onnx.ModelProto) -> onnx.ModelProto:
    """Number what is neither input nor output, and leave out what goes without saying: in a small network
    that is much of the file."""
    graph = model.graph
    ends = [str(item.name) for item in (*graph.input, *graph.output)]
    numbers = {name: name for name in ("", *ends)}

    def short(name: str) -> str:
        return numbers.setdefault(name, f"{len(numbers):x}")

    for node in graph.node:
        node.ClearField("name")
        node.ClearField("doc_string")
        node.input[:] = [short(name) for name in node.input]
        node.output[:] = [short(name) for name in node.output]
        for item in list(node.attribute):
            if _DEFAULTS.get(item.name, ...) == onnx.helper.get_attribute_value(item):
                node.attribute.remove(item)
    for weight in graph.initializer:
        weight.name = short(weight.name)
    return model
