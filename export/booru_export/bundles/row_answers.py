"""Networks written so that onnxruntime's 8-bit kernels need not turn their answers.

Those kernels keep the channels of a pixel side by side; a network in planes, as it is exported, has to be
turned where its answers are read from. What is rewritten here reads the same answers from pixels as they are.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import onnx
from onnx import helper, numpy_helper

TO_PLANES, TO_ROWS = [0, 3, 1, 2], [0, 2, 3, 1]


def read_by_rows(graph: onnx.GraphProto, convolutions: Iterable[onnx.NodeProto]) -> list[onnx.TensorProto]:
    """Make matrix products of ``convolutions`` of single pixels, one of all that look at the same map.

    Returns the weights that no node uses any more.
    """
    initializers = {item.name: item for item in graph.initializer}
    by_input: dict[str, list[onnx.NodeProto]] = {}
    for node in convolutions:
        if _of_single_pixels(node, initializers):
            by_input.setdefault(node.input[0], []).append(node)
    unused: dict[str, onnx.TensorProto] = {}
    for number, (source, nodes) in enumerate(by_input.items()):
        _as_product(graph, source, nodes, f"answers_{number}", initializers)
        unused |= {name: copied(initializers[name]) for node in nodes for name in node.input[1:]}
        for node in nodes:
            graph.node.remove(node)
    return list(unused.values())


def copied(weights: onnx.TensorProto) -> onnx.TensorProto:
    """Weights that stay as they are, whatever happens to the network that they are from."""
    result = onnx.TensorProto()
    result.CopyFrom(weights)
    return result


def _of_single_pixels(node: onnx.NodeProto, initializers: dict[str, onnx.TensorProto]) -> bool:
    given = {item.name: helper.get_attribute_value(item) for item in node.attribute}
    kernel = initializers.get(node.input[1])
    plain = (
        given.get("group", 1) == 1
        and set(given.get("strides", [1])) == {1}
        and not any(given.get("pads", []))
    )
    return kernel is not None and plain and list(kernel.dims[2:]) == [1, 1]


def _as_product(
    graph: onnx.GraphProto,
    source: str,
    nodes: list[onnx.NodeProto],
    name: str,
    initializers: dict[str, onnx.TensorProto],
) -> None:
    kernels = [numpy_helper.to_array(initializers[node.input[1]])[:, :, 0, 0] for node in nodes]
    biases = [
        numpy_helper.to_array(initializers[node.input[2]]) if len(node.input) > 2 else np.zeros(len(kernel))
        for node, kernel in zip(nodes, kernels, strict=True)
    ]
    parts = [f"{name}_part_{number}" for number in range(len(nodes))]
    constants = {
        "matrix": np.concatenate(kernels).T.astype(np.float32),
        "bias": np.concatenate(biases).astype(np.float32),
    }
    if len(nodes) > 1:
        constants["sizes"] = np.array([len(kernel) for kernel in kernels])
    graph.initializer.extend(
        numpy_helper.from_array(np.ascontiguousarray(values), f"{name}_{what}")
        for what, values in constants.items()
    )
    made = [
        helper.make_node("Transpose", [source], [f"{name}_rows"], f"{name}_rows_node", perm=TO_ROWS),
        helper.make_node(
            "MatMul", [f"{name}_rows", f"{name}_matrix"], [f"{name}_product"], f"{name}_product_node"
        ),
        helper.make_node("Add", [f"{name}_product", f"{name}_bias"], [f"{name}_sum"], f"{name}_sum_node"),
        helper.make_node("Split", [f"{name}_sum", f"{name}_sizes"], parts, f"{name}_split_node", axis=3),
    ]
    if len(nodes) == 1:
        made.pop()
        parts = [f"{name}_sum"]
    made += [
        helper.make_node("Transpose", [part], [node.output[0]], f"{part}_planes_node", perm=TO_PLANES)
        for part, node in zip(parts, nodes, strict=True)
    ]
    position = min(list(graph.node).index(node) for node in nodes)
    for node in reversed(made):
        graph.node.insert(position, node)
