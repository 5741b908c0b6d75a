"""Whether this processor gets 8-bit products wrong: a trial, since no system says so in the same way.

onnxruntime multiplies unsigned by signed bytes. On x86 without VNNI the instruction for it adds pairs of
products in 16 bits and clips what does not fit, which ruins networks in 8 bits. onnxruntime has exact kernels
too, but they take three times as long, everywhere: they are for processors that fail this trial.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import numpy as np

_MARK = b"QuantizeLinear"
"""Part of every model file in 8 bits: the name of the operation that makes bytes of numbers."""

_DEPTH, _WIDTH = 64, 16
_PRODUCT = bytes.fromhex(
    "080512003a5c0a180a01610a0162120163220d4d61744d756c496e74656765721201675a130a0161120e0a0c08021208"
    "0a0208010a0208405a130a0162120e0a0c080312080a0208400a02081062130a0163120e0a0c080612080a0208010a02"
    "081042040a00100a"
)
"""An ONNX model: MatMulInteger of unsigned bytes ``a (1, 64)`` and signed bytes ``b (64, 16)``."""


def is_quantised(model: str | bytes) -> bool:
    """Whether a model, a file's path or its bytes, computes in 8 bits. Raises :class:`OSError`."""
    if isinstance(model, bytes):
        return _MARK in model
    import mmap  # a bundle's network comes as bytes

    with Path(model).open("rb") as handle, mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return data.find(_MARK) >= 0


@functools.cache
def overflows(onnxruntime: Any) -> bool:
    """Whether the largest bytes, multiplied and added up by the module ``onnxruntime``, come out wrong."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(_PRODUCT, options, providers=["CPUExecutionProvider"])
    feeds = {"a": np.full((1, _DEPTH), 255, np.uint8), "b": np.full((_DEPTH, _WIDTH), 127, np.int8)}
    return bool((session.run(None, feeds)[0] != _DEPTH * 255 * 127).any())
