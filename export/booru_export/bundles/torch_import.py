"""Recognisers that were trained elsewhere, as bundles: torchvision state dicts and torch.export programs."""

from __future__ import annotations

import csv
import json
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
import onnx
import torch
from torch import Tensor, nn

from booru_export.bundle_folder import DEFAULT_THRESHOLDS, normalisation_keys, put_part
from booru_export.data.canon import Canon
from booru_export.training.backbones import read_state
from booru_export.training.torch_setup import load_torchvision
from booru_tagger.errors import DataError, ModelError
from booru_tagger.files.text import read_text
from booru_tagger.imaging import Normalisation, fit, read_picture
from booru_tagger.models.bundle import Bundle
from booru_tagger.models.session import Session
from booru_tagger.tagging.options import TaggerOptions
from booru_tagger.tagging.tagger import Tagger
from booru_tagger.vocab import tag_named

OPSET = 20
MAX_DIFFERENCE = 1e-4
"""Between torch and the bundle as the runtime runs it, on scores from 0 to 1."""

IMAGENET = Normalisation((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
Scores: TypeAlias = Literal["logits", "probabilities", "sigmoid"]
"""What the network's output holds: numbers for a softmax, probabilities, or numbers for one sigmoid each."""


@dataclass(frozen=True, slots=True)
class Foreign:
    """A network from elsewhere and how it wants its faces.

    ``arch`` is the torchvision network of a state dict; without it ``source`` is a torch.export program
    (``.pt2``). ``labels`` are the columns of its output in order; ``expand`` is the side of the faces it was
    trained on, in longer sides of the head box.
    """

    source: Path
    labels: tuple[str, ...]
    arch: str | None = None
    size: int = 224
    normalisation: Normalisation = IMAGENET
    scores: Scores = "logits"
    expand: float = 1.0


def describe(
    source: Path,
    labels: Path,
    *,
    mean: tuple[float, float, float] | None = None,
    std: tuple[float, float, float] | None = None,
    **more: Any,
) -> Foreign:
    """A network from elsewhere as the command line describes it. Raises :class:`DataError`."""
    normalisation = Normalisation(mean or IMAGENET.mean, std or IMAGENET.std)
    if min(normalisation.std) <= 0:
        raise DataError(f"the standard deviations must be above 0, not {normalisation.std}")
    return Foreign(source, read_labels(labels), normalisation=normalisation, **more)


class ForeignGraph(nn.Module):
    """The network as the runtime calls it: ``faces (N, 3, S, S)`` to ``character (N, C)``."""

    def __init__(self, net: nn.Module, scores: Scores) -> None:
        super().__init__()
        self.net, self.scores = net, scores
        self.training = False  # not by eval(), which programs refuse: they are as they were exported

    def forward(self, faces: Tensor) -> Tensor:
        answer = self.net(faces)
        values: Tensor = answer[0] if isinstance(answer, tuple | list) else answer
        if self.scores == "logits":
            return values.softmax(1)
        return values.sigmoid() if self.scores == "sigmoid" else values


def read_labels(path: Path) -> tuple[str, ...]:
    """Labels in order: a text file with one a line, a CSV with a column ``tag`` or ``label``, or a JSON list.

    They are spelled as tags. Raises :class:`DataError`.
    """
    try:
        text = read_text(path)
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read ({error})") from error
    try:
        found = tuple(tag_named(label) for label in _raw_labels(path, text))
    except ValueError as error:
        raise DataError(f"{path}: {error}") from error
    if not found or len(set(found)) < len(found):
        raise DataError(f"{path}: {'a label is listed twice' if found else 'there is no label in it'}")
    return found


def _raw_labels(path: Path, text: str) -> list[str]:
    if path.suffix.lower() == ".json":
        try:
            values = json.loads(text)
        except ValueError as error:
            raise DataError(f"{path}: not valid JSON ({error})") from error
        if not isinstance(values, list):
            raise DataError(f"{path}: expected a list of labels, in the order of the network's output")
        return [str(value) for value in values]
    if path.suffix.lower() == ".csv":
        reader = csv.DictReader(text.splitlines())
        column = next((name for name in ("tag", "label") if name in (reader.fieldnames or ())), None)
        if column is None:
            raise DataError(f"{path}: the header has neither 'tag' nor 'label'")
        return [row[column] for row in reader]
    return [line.strip() for line in text.splitlines() if line.strip()]


def export_foreign(
    foreign: Foreign, output: Path, canon: dict[str, Canon], picture: Path | None = None
) -> tuple[Bundle, float]:
    """Put the network into the bundle at ``output`` as its recogniser and compare it there, round trip.

    ``picture`` is a face to compare on; without it, noise. Returns the bundle and the largest difference.
    Raises :class:`DataError` for files that do not fit and :class:`ModelError` where the answers differ.
    """
    graph = ForeignGraph(_net(foreign), foreign.scores)
    faces = _faces(foreign, picture)
    expected = _expected(graph, faces, foreign)
    model = _to_onnx(graph, faces)
    with tempfile.TemporaryDirectory() as folder:
        trial = _put(Path(folder) / output.name, foreign, canon, model)
        difference = _round_trip(trial, foreign, expected, faces, picture)
    return _put(output, foreign, canon, model), difference


def _net(foreign: Foreign) -> nn.Module:
    if foreign.arch is None:
        return _program(foreign.source)
    models = load_torchvision().models
    if foreign.arch not in models.list_models(module=models):
        raise DataError(f"torchvision has no classification network {foreign.arch!r}")
    state = read_state(foreign.source)
    net = models.get_model(foreign.arch, weights=None, num_classes=len(foreign.labels))
    assert isinstance(net, nn.Module)
    try:
        net.load_state_dict(state)
    except RuntimeError as error:
        first = " ".join(str(error).split()[:40])
        raise DataError(
            f"{foreign.source}: not the weights of a {foreign.arch} with {len(foreign.labels)} classes, "
            f"as many as there are labels ({first}…)"
        ) from error
    return net.eval()


def _program(path: Path) -> nn.Module:
    if not path.is_file():
        raise DataError(f"{path}: no such file")
    try:
        module = torch.export.load(path).module()
    except Exception as error:  # torch raises zip, pickle, schema and runtime errors on foreign files
        raise DataError(
            f"{path}: not a torch.export program ({error}); for a state dict, name its network with --arch"
        ) from error
    assert isinstance(module, nn.Module)
    return module


def _faces(foreign: Foreign, picture: Path | None) -> Tensor:
    """Two faces, so that the exporter does not take the batch for a constant."""
    if picture is None:
        pixels = np.random.default_rng(0).integers(0, 256, (2, foreign.size, foreign.size, 3), dtype=np.uint8)
    else:
        face = fit(read_picture(picture).pixels, foreign.size)
        pixels = np.stack([face, face[:, ::-1]])
    return torch.from_numpy(foreign.normalisation.apply(pixels))


def _expected(graph: ForeignGraph, faces: Tensor, foreign: Foreign) -> Tensor:
    try:
        with torch.inference_mode():
            expected: Tensor = graph(faces)
    except (RuntimeError, ValueError, AssertionError, TypeError) as error:
        raise DataError(
            f"{foreign.source}: does not run on two faces of {foreign.size} px ({_first_line(error)}). "
            "A program must be exported with a free batch: torch.export.export(net, (example,), "
            "dynamic_shapes=({0: torch.export.Dim('batch')},))"
        ) from error
    wanted = (2, len(foreign.labels))
    if expected.shape != wanted:
        raise DataError(
            f"{foreign.source}: gives the shape {tuple(expected.shape)} for 2 faces; with {wanted[1]} labels "
            f"it must be {wanted}"
        )
    return expected


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _to_onnx(graph: ForeignGraph, faces: Tensor) -> bytes:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            graph,
            (faces,),
            dynamo=True,
            opset_version=OPSET,
            input_names=["faces"],
            output_names=["character"],
            dynamic_shapes=({0: torch.export.Dim("batch", min=1, max=4096)},),
            verbose=False,
        )
    assert program is not None
    model = program.model_proto
    del model.metadata_props[:]
    for node in model.graph.node:  # the exporter notes where in the source each came from
        del node.metadata_props[:]
        node.doc_string = ""
    onnx.checker.check_model(model, full_check=True)
    data: bytes = model.SerializeToString()
    return data


def _put(output: Path, foreign: Foreign, canon: dict[str, Canon], model: bytes) -> Bundle:
    values: dict[str, Any] = {
        "size": foreign.size,
        **normalisation_keys(foreign.normalisation),
        "expand": foreign.expand,
        "hair": [],
        "eyes": [],
        "thresholds": {"character": DEFAULT_THRESHOLDS["character"]},
    }
    more = {
        "labels": [canon.get(tag, Canon(tag)).to_label() for tag in foreign.labels],
        "training": {"recogniser": {"elsewhere": foreign.arch or "torch.export program"}},
    }
    return put_part(output, "recogniser", model, values, more)


def _round_trip(
    bundle: Bundle, foreign: Foreign, expected: Tensor, faces: Tensor, picture: Path | None
) -> float:
    """Compare torch with the bundle: the graph on the same numbers, and with a picture the whole runtime."""
    name = f"the export of {foreign.source}"
    answer = Session(bundle.folder / "recogniser.onnx").run({"faces": faces.numpy()})["character"]
    difference = float(np.abs(answer - expected.numpy()).max())
    if picture is not None:
        face = Tagger(TaggerOptions(bundle.folder, crops=True)).tag(picture).faces[0]
        scores = dict(zip(foreign.labels, expected[0].tolist(), strict=True))
        difference = max([difference, *(abs(scores[one.tag] - one.score) for one in face.candidates)])
    if not difference <= MAX_DIFFERENCE:
        raise ModelError(f"{name} differs from torch by {difference:.6f}, more than {MAX_DIFFERENCE:g}")
    return difference
