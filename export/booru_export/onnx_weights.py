"""Weights of an ONNX network in half precision, and back."""

from __future__ import annotations

import numpy as np
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
