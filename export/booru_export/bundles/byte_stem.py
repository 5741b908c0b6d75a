"""The first convolutions of a network fed with the picture's own bytes, which are 8-bit values already.

An exported network turns bytes into values around 0 and these, with what else its trunk does to the colors,
into the input of a convolution. All of that is one scale and one offset for each channel: they go into the
convolution, whose input is then ``(byte - zero) * scale`` with one ``zero`` and one ``scale``, as 8-bit
kernels want it. At the picture's border a convolution pads with 0, which is the byte ``zero``: of the values
that the channels had for it, the mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from booru_export.bundles.row_answers import TO_PLANES, TO_ROWS, copied

_Numbers = npt.NDArray[np.float64]

CELL = 4
"""Pixels of a row that are one cell with ``3 * CELL`` channels: 8-bit kernels want a multiple of 4."""


@dataclass(frozen=True, slots=True)
class ByteStem:
    """A convolution's input: the float tensor ``values``, which is ``(bytes - zero) * scale``.

    ``originals``: its weights and bias as they were trained.
    """

    bytes: str
    values: str
    zero: int
    scale: float
    originals: tuple[onnx.TensorProto, ...]


@dataclass(frozen=True, slots=True)
class _Chain:
    """What happened to the picture so far: ``byte * scale + offset`` in each channel, perhaps resized."""

    scale: _Numbers
    offset: _Numbers
    resized: onnx.NodeProto | None = None


def feed_bytes(network: onnx.ModelProto) -> list[ByteStem]:
    """Rewrite the convolutions that look at the picture so that each has a :class:`ByteStem`.

    The network's only input must be bytes ``(N, H, W, 3)``. Nothing is changed, and nothing returned, where
    it is not, or where anything but arithmetic, a change of size and convolutions is done to it.
    """
    graph = network.graph
    picture = graph.input[0]
    if picture.type.tensor_type.elem_type != TensorProto.UINT8:
        return []
    ends = _convolutions(graph, picture.name)
    if ends is None:
        return []
    stems = [
        _rewrite(graph, convolution, chain, f"stem_{number}")
        for number, (convolution, chain) in enumerate(ends)
    ]
    _remove_unused(graph)
    return stems


def _convolutions(graph: onnx.GraphProto, picture: str) -> list[tuple[onnx.NodeProto, _Chain]] | None:
    """The convolutions that look at the picture, and what was done to it before; ``None``: something else."""
    constants = {item.name: numpy_helper.to_array(item) for item in graph.initializer}
    known = {picture: _Chain(np.ones(3), np.zeros(3))}
    found = []
    for node in graph.node:
        sources = [name for name in node.input if name in known]
        if not sources or node.op_type == "Shape":
            continue
        chain = known[sources[0]]
        if node.op_type == "Conv":
            found.append((node, chain))
            continue
        after = _after(node, chain, sources[0], constants)
        if after is None:
            return None
        known[node.output[0]] = after
    return found


def _after(
    node: onnx.NodeProto, chain: _Chain, source: str, constants: dict[str, npt.NDArray[Any]]
) -> _Chain | None:
    """The chain behind one more node; ``None`` where the node does anything else."""
    if node.op_type == "Cast":
        return chain
    if node.op_type == "Transpose":
        return chain if list(node.attribute[0].ints) == TO_PLANES else None
    if node.op_type == "Resize":
        scaled = len(node.input) == 3 and node.input[2] in constants
        return replace(chain, resized=node) if scaled and chain.resized is None else None
    other = [constants.get(name) for name in node.input if name != source]
    if len(other) != 1 or other[0] is None or other[0].size not in (1, 3):
        return None
    value = np.broadcast_to(other[0].astype(np.float64).reshape(-1), 3)
    first = node.input[0] == source
    if node.op_type == "Add":
        return replace(chain, offset=chain.offset + value)
    if node.op_type == "Mul":
        return replace(chain, scale=chain.scale * value, offset=chain.offset * value)
    if node.op_type == "Sub" and first:
        return replace(chain, offset=chain.offset - value)
    if node.op_type == "Div" and first:
        return replace(chain, scale=chain.scale / value, offset=chain.offset / value)
    return None


def _rewrite(graph: onnx.GraphProto, convolution: onnx.NodeProto, chain: _Chain, name: str) -> ByteStem:
    """Feed a convolution with bytes, in cells where it can be. What it gives stays the same."""
    initializers = {item.name: item for item in graph.initializer}
    originals = tuple(copied(initializers[item]) for item in convolution.input[1:3])
    kernel, *given = (numpy_helper.to_array(item).astype(np.float64) for item in originals)
    bias = given[0] if given else np.zeros(len(kernel))
    zero = int(np.clip(np.rint(np.mean(-chain.offset / chain.scale)), 0, 255))
    scale = float(chain.scale.mean())
    bias = bias + np.einsum("oihw,i->o", kernel, chain.scale * zero + chain.offset)
    kernel = kernel * (chain.scale / scale).reshape(1, 3, 1, 1)
    build = _Builder(graph, convolution, name)
    picture = graph.input[0].name
    if chain.resized is not None:
        picture = build.resized(picture, chain.resized)
    cells = _in_cells(convolution, kernel)
    if cells is not None:
        picture = build.node("Reshape", picture, build.constant(np.array([0, 0, -1, 3 * CELL])))
    planes = build.node("Transpose", picture, perm=TO_PLANES)
    centred = build.node(
        "Sub", build.node("Cast", planes, to=TensorProto.FLOAT), build.constant(np.float32(zero))
    )
    values = build.node("Mul", centred, build.constant(np.float32(scale)))
    if cells is not None:
        kernel, bias = cells.kernel, np.tile(bias, cells.answers)
        _set(convolution, kernel_shape=kernel.shape[2:], strides=cells.strides, pads=cells.pads)
        build.behind(_last_of_stem(graph, convolution), len(kernel) // cells.answers)
    weights = [build.constant(item.astype(np.float32)) for item in (kernel, bias)]
    convolution.input[:] = [values, *weights]
    return ByteStem(planes, values, zero, scale, originals)


@dataclass(frozen=True, slots=True)
class _Cells:
    """A convolution over cells of :data:`CELL` pixels of a row, that gives ``answers`` pixels for each."""

    kernel: _Numbers
    answers: int
    strides: tuple[int, int]
    pads: tuple[int, int, int, int]


def _in_cells(convolution: onnx.NodeProto, kernel: _Numbers) -> _Cells | None:
    """The same convolution over cells, where it gives one answer for every so many pixels of a row."""
    attributes = {item.name: helper.get_attribute_value(item) for item in convolution.attribute}
    outputs, colors, rows, columns = kernel.shape
    down, across = attributes.get("strides", [1, 1])
    top, left, bottom, right = attributes.get("pads", [0, 0, 0, 0])
    plain = attributes.get("group", 1) == 1 and set(attributes.get("dilations", [1])) == {1}
    if not plain or CELL % across or (left + right - columns) // across != -1:
        return None
    answers = CELL // across
    before = -(-left // CELL)
    after = (CELL - across - left + columns - 1) // CELL
    wide = np.zeros((answers, outputs, rows, (before + 1 + after) * CELL, colors))
    for answer in range(answers):
        begin = before * CELL + answer * across - left
        wide[answer, :, :, begin : begin + columns] = kernel.transpose(0, 2, 3, 1)
    wide = wide.reshape(answers * outputs, rows, -1, CELL * colors).transpose(0, 3, 1, 2)
    return _Cells(wide, answers, (down, 1), (top, before, bottom, after))


def _last_of_stem(graph: onnx.GraphProto, convolution: onnx.NodeProto) -> onnx.NodeProto:
    """The convolution, or the bounds on its answer."""
    users = [node for node in graph.node if convolution.output[0] in node.input]
    return users[0] if len(users) == 1 and users[0].op_type in ("Relu", "Clip") else convolution


def _set(node: onnx.NodeProto, **attributes: Sequence[int]) -> None:
    kept = [item for item in node.attribute if item.name not in attributes]
    del node.attribute[:]
    node.attribute.extend(kept)
    node.attribute.extend(helper.make_attribute(name, list(value)) for name, value in attributes.items())


class _Builder:
    """Adds nodes before or behind one convolution, with names of its own."""

    def __init__(self, graph: onnx.GraphProto, convolution: onnx.NodeProto, name: str) -> None:
        self.graph, self.convolution, self.name = graph, convolution, name
        self.count = 0

    def _next(self, kind: str) -> str:
        self.count += 1
        return f"{self.name}_{kind.lower()}_{self.count}"

    def constant(self, values: npt.NDArray[Any] | np.generic) -> str:
        name = self._next("constant")
        self.graph.initializer.append(numpy_helper.from_array(np.asarray(values), name))
        return name

    def node(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """A node before the convolution; returns its output."""
        output = self._next(kind)
        self._insert(
            helper.make_node(kind, inputs, [output], f"{output}_node", **attributes), self.convolution
        )
        return output

    def resized(self, picture: str, like: onnx.NodeProto) -> str:
        """The picture, in its own layout, in the size that ``like`` gives to its planes."""
        scales = next(item for item in self.graph.initializer if item.name == like.input[2])
        in_rows = self.constant(numpy_helper.to_array(scales)[TO_ROWS])
        attributes = {item.name: helper.get_attribute_value(item) for item in like.attribute}
        return self.node("Resize", picture, "", in_rows, **attributes)

    def behind(self, last: onnx.NodeProto, channels: int) -> None:
        """Give who uses ``last`` the answers of all cells side by side."""
        answer = last.output[0]
        last.output[0] = self._next("cells")
        users = [node for node in self.graph.node if answer in node.input]
        before = users[0]
        shape = self.constant(np.array([0, 0, -1, channels]))
        rows, pixels = self._next("rows"), self._next("pixels")
        for node in (
            helper.make_node("Transpose", [last.output[0]], [rows], f"{rows}_node", perm=TO_ROWS),
            helper.make_node("Reshape", [rows, shape], [pixels], f"{pixels}_node"),
            helper.make_node("Transpose", [pixels], [answer], f"{answer}_planes_node", perm=TO_PLANES),
        ):
            self._insert(node, before)

    def _insert(self, node: onnx.NodeProto, before: onnx.NodeProto) -> None:
        position = next(
            index for index, other in enumerate(self.graph.node) if other is before or other == before
        )
        self.graph.node.insert(position, node)


def join_bytes(network: onnx.ModelProto, stems: list[ByteStem]) -> None:
    """Give the quantised ``network`` each stem's bytes where it quantises the values made of them."""
    graph = network.graph
    for stem in stems:
        quantised = next(
            node.output[0]
            for node in graph.node
            if node.op_type == "QuantizeLinear" and node.input[0] == stem.values
        )
        for node in graph.node:
            for index, name in enumerate(node.input):
                if name == quantised:
                    node.input[index] = stem.bytes
    _remove_unused(graph)


def _remove_unused(graph: onnx.GraphProto) -> None:
    answers = {item.name for item in graph.output}
    for node in reversed(list(graph.node)):
        if not any(name in answers for name in node.output):
            graph.node.remove(node)
        else:
            answers |= set(node.input)
    for item in list(graph.initializer):
        if item.name not in answers:
            graph.initializer.remove(item)
