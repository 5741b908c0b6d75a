"""From a trained net to an ONNX file that says the same: export, half-size weights, parity check."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import torch
from torch import Tensor, nn
from torch.nn import functional

from booru_export.detector.task import decode
from booru_export.onnx_weights import halve_weights
from booru_export.training.nets import FaceNet, HeadDetector
from booru_tagger.errors import ModelError
from booru_tagger.models.session import Session

OPSET = 20
MOST_DIFFERENCE = 0.02
"""Between torch and onnxruntime, on scores from 0 to 1, with weights rounded to float16."""

Array = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Calibration:
    """What makes scores honest: temperatures (Guo et al., 2017), and what likeness says of being known.

    A face's likeness is its best cosine with a character, times the root of its embedding's length; the
    chance that it is anybody known is a logistic function of that, with this slope and level. Without a slope
    every face is somebody known.
    """

    character: float = 1.0
    known_slope: float = 0.0
    known_level: float = 0.0
    hair: float = 1.0
    eyes: float = 1.0
    origin: tuple[float, ...] = ()
    turn: tuple[tuple[float, ...], ...] = ()
    """Embeddings ``(D,)`` are given out less ``origin (D,)`` and times ``turn (D, D)``: see
    :mod:`booru_export.bundles.whitening`."""


def likeness_of(raw: Tensor, cosines: Tensor) -> Tensor:
    """How like a known face each is: ``(N, 1)`` of embeddings of any length and cosines with characters.

    Of strangers that look like somebody, a net is less excited: their embeddings are shorter. On characters
    left out of training this names 8 of 100 known faces more than the cosine alone, and 23 more than the
    softmax, where 5 % of the strangers are named (``python -m benchmarks experiment strangers``).
    """
    length = torch.linalg.vector_norm(raw, dim=1, keepdim=True)
    likeness: Tensor = cosines.amax(1, keepdim=True) * length.sqrt()
    return likeness


class DetectorGraph(nn.Module):
    """The detector as the runtime calls it: images to boxes ``(N, M, 4)`` and scores ``(N, M)``."""

    outputs = ("boxes", "scores")
    input_name = "images"

    def __init__(self, net: HeadDetector) -> None:
        super().__init__()
        self.net = net

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        return decode(*self.net(images))


class RecogniserGraph(nn.Module):
    """The recogniser as the runtime calls it: faces to embedding and calibrated probabilities."""

    outputs = ("embedding", "character", "hair", "eyes")
    input_name = "faces"
    origin: Tensor
    turn: Tensor
    directions: Tensor
    """The prototypes as unit vectors, ``(D, characters + extra)``: the export keeps it by that name."""

    def __init__(self, net: FaceNet, characters: int, scale: float, calibration: Calibration) -> None:
        super().__init__()
        self.net, self.characters, self.scale, self.calibration = net, characters, scale, calibration
        size = net.prototypes.shape[1]
        origin, turn = torch.tensor(calibration.origin or [0.0] * size), torch.tensor(calibration.turn)
        self.register_buffer("directions", functional.normalize(net.prototypes.detach(), dim=1).T)
        self.register_buffer("origin", origin)
        self.register_buffer("turn", turn if calibration.turn else torch.eye(size))

    def forward(self, faces: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        raw, hair, eyes = self.net.raw(faces)
        embedding = functional.normalize(raw, dim=1)
        cosines = embedding @ self.directions
        shares = (cosines * (self.scale / self.calibration.character)).softmax(1)
        character = shares[:, : self.characters]
        if self.calibration.known_slope:
            likeness = likeness_of(raw, cosines[:, : self.characters])
            known = self.calibration.known_slope * likeness + self.calibration.known_level
            character = character * known.sigmoid()
        hair, eyes = hair / self.calibration.hair, eyes / self.calibration.eyes
        turned = functional.normalize((embedding - self.origin) @ self.turn, dim=1)
        return turned, character, hair.softmax(1), eyes.softmax(1)


def export_graph(
    graph: DetectorGraph | RecogniserGraph, example: Tensor, path: Path, *, free: Sequence[str] = ("batch",)
) -> None:
    """Write ``graph`` to ``path`` with fp16-stored weights; the dimensions named in ``free`` stay dynamic.

    ``example`` must have at least 2 pictures, so that the exporter does not take the batch for a constant.
    """
    names = {"batch": 0, "height": 2, "width": 3}
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
    for node in model.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    return model


def parity(graph: DetectorGraph | RecogniserGraph, path: Path, examples: Sequence[Tensor]) -> float:
    """The largest difference between torch and onnxruntime over ``examples``, relative to each output's size.

    Raises :class:`ModelError` where it is more than rounding of the weights to float16 explains.
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
    if not worst < MOST_DIFFERENCE:
        raise ModelError(f"{path}: differs from the trained net by {worst:.4f}, more than {MOST_DIFFERENCE}")
    return worst
