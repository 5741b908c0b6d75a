"""From a trained net to an ONNX file that says the same: export, half-size weights, parity check."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import onnx
import torch
from torch import Tensor, nn

from booru_export.detector.task import decode
from booru_export.onnx_weights import halve_weights
from booru_export.training.inputs import NORMALISATION
from booru_export.training.nets import FaceNet, HeadDetector, RollNet, directions
from booru_export.training.pair import FacePair
from booru_tagger.errors import ModelError
from booru_tagger.models.session import Session

OPSET = 20
INSIDE = NORMALISATION._replace(inside=True)
"""Exported networks take bytes: a quarter of the floats, which 8-bit kernels use as they are."""

MAX_DIFFERENCE = 0.02
"""Between torch and onnxruntime, on scores from 0 to 1, with weights rounded to float16."""

Array = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Calibration:
    """Temperatures of hair and eyes, which make their scores honest (Guo et al., 2017)."""

    hair: float = 1.0
    eyes: float = 1.0


class _FromBytes(nn.Module):
    """Pictures as they were decoded, ``(N, H, W, 3)``, to the values that nets are trained on."""

    scale: Tensor
    offset: Tensor

    def __init__(self) -> None:
        super().__init__()
        for name, factor in zip(("scale", "offset"), NORMALISATION.factors, strict=True):
            self.register_buffer(name, torch.from_numpy(factor))

    def forward(self, pixels: Tensor) -> Tensor:
        return pixels.permute(0, 3, 1, 2).float() * self.scale - self.offset


class DetectorGraph(nn.Module):
    """The detector as the runtime calls it: bytes ``(N, H, W, 3)`` to boxes ``(N, M, 4)`` and scores
    ``(N, M)``."""

    outputs = ("boxes", "scores")
    input_name = "images"

    def __init__(self, net: HeadDetector) -> None:
        super().__init__()
        self.net, self.values = net, _FromBytes()

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        return decode(*self.net(self.values(images)))


class RecogniserGraph(nn.Module):
    """The recogniser as the runtime calls it: faces as bytes ``(N, S, S, 3)`` to unit embeddings, and
    probabilities of colors."""

    outputs = ("embedding", "hair", "eyes")
    input_name = "faces"

    def __init__(self, net: FaceNet | FacePair, calibration: Calibration) -> None:
        super().__init__()
        self.net, self.calibration, self.values = net, calibration, _FromBytes()

    def forward(self, faces: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        embedding, hair, eyes = self.net(self.values(faces))
        hair, eyes = hair / self.calibration.hair, eyes / self.calibration.eyes
        return embedding, hair.softmax(1), eyes.softmax(1)


class RollGraph(nn.Module):
    """What says how far heads are turned, as the runtime calls it: heads as bytes ``(N, S, S, 3)`` to their
    directions ``(N, 2)``: cosine and sine, clockwise, the longer the surer."""

    outputs = ("roll",)
    input_name = "faces"

    def __init__(self, net: RollNet) -> None:
        super().__init__()
        self.net, self.values = net, _FromBytes()

    def forward(self, faces: Tensor) -> tuple[Tensor]:
        return (directions(self.net(self.values(faces))),)


Graph: TypeAlias = DetectorGraph | RecogniserGraph | RollGraph


def export_graph(graph: Graph, example: Tensor, path: Path, *, free: Sequence[str] = ("batch",)) -> None:
    """Write ``graph`` to ``path`` with fp16-stored weights; the dimensions named in ``free`` stay dynamic.

    ``example`` must have at least 2 pictures, so that the exporter does not take the batch for a constant.
    """
    names = {"batch": 0, "height": 1, "width": 2}
    # sides are multiples of 32, and the exporter must be told so
    shapes: dict[int, object] = {}
    for name in free:
        dimension = torch.export.Dim(name, min=1, max=4096)
        shapes[names[name]] = (
            dimension if name == "batch" else 32 * torch.export.Dim(f"{name}_32", min=1, max=128)
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            graph.eval(),
            (example,),
            dynamo=True,
            opset_version=OPSET,
            input_names=[graph.input_name],
            output_names=list(graph.outputs),
            dynamic_shapes=({**shapes},),
            verbose=False,
        )
    assert program is not None
    model = halve_weights(strip_origins(program.model_proto))
    onnx.checker.check_model(model, full_check=True)
    path.write_bytes(model.SerializeToString())


def strip_origins(model: onnx.ModelProto) -> onnx.ModelProto:
    """Take out what says where in which source each node came from: paths of this machine."""
    del model.graph.value_info[:]
    del model.metadata_props[:]
    del model.graph.metadata_props[:]
    for node in model.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    return model


def parity(graph: Graph, path: Path, examples: Sequence[Tensor], most: float = MAX_DIFFERENCE) -> float:
    """The largest difference between torch and onnxruntime over ``examples``, relative to each output's size.

    Raises :class:`ModelError` where it is more than ``most``, which rounding of the weights explains.
    """
    session = Session(path)
    worst = 0.0
    for example in examples:
        with torch.inference_mode():
            wanted = graph.eval()(example)
        answer = session.run({graph.input_name: example.numpy()})
        for name, tensor in zip(graph.outputs, wanted, strict=True):
            reference: Array = tensor.numpy()
            size = max(1.0, float(np.abs(reference).max()))
            worst = max(worst, float(np.abs(answer[name] - reference).max()) / size)
    if not worst < most:
        raise ModelError(f"{path}: differs from the trained net by {worst:.4f}, more than {most}")
    return worst
