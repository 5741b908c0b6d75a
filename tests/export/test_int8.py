"""Quantised networks: which layers, how close, and that a bundle keeps what it would lose too much of."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="the training side needs the extra [export]")

import onnx
import torch
from booru_export.bundles import int8
from booru_export.bundles.byte_stem import feed_bytes
from booru_export.bundles.quantise import nodes_to_quantise, quantise
from booru_export.bundles.row_answers import read_by_rows
from booru_export.bundles.to_onnx import DetectorGraph, export_graph
from booru_export.cli import export as cli
from booru_export.onnx_weights import widen_weights
from booru_export.training.nets import HeadDetector
from click.testing import CliRunner, Result
from onnx import numpy_helper

from booru_tagger.errors import DataError, ModelError
from booru_tagger.imaging import fit, read_picture
from booru_tagger.models.bundle import Bundle
from booru_tagger.models.session import Session
from tests.support.bundles import Graph, make_bundle
from tests.support.toy_data import make_faces, make_scenes


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A small detector with random weights, exported as the real ones are."""
    torch.manual_seed(0)
    net = HeadDetector([16, 24, 32, 32], [1, 1, 1, 1], 16).eval()
    path = tmp_path_factory.mktemp("network") / "detector.onnx"
    export_graph(
        DetectorGraph(net),
        torch.zeros(2, 64, 96, 3, dtype=torch.uint8),
        path,
        free=("batch", "height", "width"),
    )
    return path.read_bytes()


def pictures(count: int, seed: int) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [rng.integers(0, 256, (1, 64, 96, 3), dtype=np.uint8) for _ in range(count)]


def test_the_quantised_network_says_nearly_the_same_and_is_smaller(network: bytes) -> None:
    smaller = quantise(network, pictures(8, 1))
    assert len(smaller) < 0.8 * len(network)
    before, after = Session(network), Session(smaller)
    for picture in pictures(3, 2):
        wanted, answer = before.run({"images": picture}), after.run({"images": picture})
        assert np.abs(answer["scores"] - wanted["scores"]).max() < 0.02
        assert np.abs(answer["boxes"] - wanted["boxes"]).max() < 2


def test_the_answers_stay_in_float(network: bytes) -> None:
    model = widen_weights(onnx.load_from_string(network))
    stems = feed_bytes(model)
    chosen = set(nodes_to_quantise(model.graph, {stem.values for stem in stems}))
    convolutions = [node for node in model.graph.node if node.op_type == "Conv"]
    left = [node for node in convolutions if node.name not in chosen]
    assert len(left) == 2  # one channel of heat, four distances
    # The arithmetic that turns distances into boxes is not between two convolutions.
    assert not any(node.op_type in ("Mul", "Exp", "Sub") and node.name in chosen for node in model.graph.node)
    assert any(node.op_type == "Add" and node.name not in chosen for node in model.graph.node)


def test_no_float_comes_before_the_last_convolution(network: bytes) -> None:
    graph = onnx.load_from_string(quantise(network, pictures(2, 1))).graph
    assert [node.op_type for node in graph.node].count("QuantizeLinear") > 1
    fed = [node for node in graph.node if "images" in node.input and node.op_type != "Shape"]
    assert {node.op_type for node in fed} <= {"Reshape", "Transpose"}
    assert not any(node.op_type == "Relu" for node in graph.node), "bounds are those of the bytes"


def stem_graph(kernel: int, stride: int, pads: list[int], *, resized: bool = False) -> onnx.ModelProto:
    """Bytes to values with a mean of their own for each channel, and one convolution."""
    g = Graph()
    values = g("Cast", g("Transpose", "images", perm=[0, 3, 1, 2]), to=1)
    values = g("Sub", g("Mul", values, g.constant(1 / 127.5)), g.constant(np.full((3, 1, 1), 1.0)))
    if resized:
        values = g("Resize", values, "", g.constant([1, 1, 0.75, 0.75]), mode="linear")
    values = g(
        "Div",
        g("Sub", values, g.constant([[[0.1]], [[-0.1]], [[0.2]]])),
        g.constant([[[0.9]], [[1.1]], [[1.0]]]),
    )
    rng = np.random.default_rng(3)
    weights = g.constant(rng.normal(size=(8, 3, kernel, kernel)))
    answer = g("Conv", values, weights, g.constant(rng.normal(size=8)), strides=[stride] * 2, pads=pads)
    g("Relu", g("Relu", answer), name="answer")
    model = onnx.load_from_string(g.model({"images": ["N", 64, 64, 3]}, {"answer": ["N", 8, "H", "W"]}))
    model.graph.input[0].type.tensor_type.elem_type = onnx.TensorProto.UINT8
    return model


@pytest.mark.parametrize(
    ("kernel", "stride", "pads"),
    [
        (3, 2, [1] * 4),
        (3, 2, [0, 0, 1, 1]),
        (7, 2, [3] * 4),
        (3, 1, [1] * 4),
        (4, 4, [0] * 4),
        (2, 2, [0] * 4),
    ],
)
def test_a_convolution_of_bytes_gives_the_same(kernel: int, stride: int, pads: list[int]) -> None:
    model = stem_graph(kernel, stride, pads)
    picture = pictures(1, 5)[0][:, :64, :64]
    wanted = Session(model.SerializeToString()).run({"images": picture})["answer"]
    (stem,) = feed_bytes(model)
    answer = Session(model.SerializeToString()).run({"images": picture})["answer"]
    assert answer.shape == wanted.shape
    # At the border it pads with another grey: the mean of what the channels have for 0.
    inner = (..., slice(2, -2), slice(2, -2))
    np.testing.assert_allclose(answer[inner], wanted[inner], atol=1e-4)
    assert stem.zero == round(127.5 + 127.5 * (0.1 - 0.1 + 0.2) / 3)


def test_a_picture_is_shrunk_as_bytes() -> None:
    model = stem_graph(3, 2, [1] * 4, resized=True)
    picture = pictures(1, 5)[0][:, :64, :64]
    wanted = Session(model.SerializeToString()).run({"images": picture})["answer"]
    feed_bytes(model)
    answer = Session(model.SerializeToString()).run({"images": picture})["answer"]
    inner = (..., slice(2, -2), slice(2, -2))
    np.testing.assert_allclose(answer[inner], wanted[inner], atol=0.1)  # bytes are whole numbers


def test_answers_are_read_from_pixels_as_they_are(network: bytes) -> None:
    model = widen_weights(onnx.load_from_string(network))
    (picture,) = pictures(1, 5)
    wanted = Session(model.SerializeToString()).run({"images": picture})
    heads = [node for node in model.graph.node if node.op_type == "Conv"][-2:]
    assert {item.name for item in read_by_rows(model.graph, heads)} >= {"net.heat.weight", "net.sides.weight"}
    assert [node.op_type for node in model.graph.node].count("MatMul") == 1
    answer = Session(model.SerializeToString()).run({"images": picture})
    for name, values in wanted.items():
        np.testing.assert_allclose(answer[name], values, atol=1e-3)


@pytest.mark.parametrize("name", ["net.trunk.stem.0.0.weight", "net.heat.weight", "net.sides.bias"])
def test_training_goes_on_from_weights_that_were_rewritten(network: bytes, name: str) -> None:
    before, after = (
        next(
            item for item in widen_weights(onnx.load_from_string(data)).graph.initializer if item.name == name
        )
        for data in (network, quantise(network, pictures(2, 1)))
    )
    np.testing.assert_array_equal(numpy_helper.to_array(after), numpy_helper.to_array(before))


def test_what_cannot_be_quantised_is_refused(network: bytes) -> None:
    with pytest.raises(ModelError, match="8 bits already"):
        quantise(quantise(network, pictures(1, 1)), pictures(1, 1))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    make_faces(folder / "faces")
    make_scenes(folder / "scenes", 30)
    return folder


@pytest.fixture(scope="module")
def bundle(network: bytes, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tests' bundle with a detector that can be quantised, though it finds nothing."""
    folder = make_bundle(tmp_path_factory.mktemp("bundle") / "float")
    (folder / "detector.onnx").write_bytes(network)
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    digest = hashlib.sha256(network).hexdigest()
    manifest["files"]["detector.onnx"] = {"sha256": digest, "bytes": len(network)}
    manifest["detector"]["bytes"] = True
    (folder / "manifest.json").write_text(json.dumps(manifest), "utf-8")
    return folder


def export(*arguments: object) -> Result:
    return CliRunner().invoke(cli.export, [str(item) for item in arguments], catch_exceptions=False)


def test_a_bundle_is_quantised_into_another(bundle: Path, data: Path, tmp_path: Path) -> None:
    before = (bundle / "manifest.json").read_bytes()
    result = export(bundle, "-o", tmp_path / "int8", "--int8", "detector", "--calibrate", data)
    assert result.exit_code == 0
    assert "detector: " in result.output and "ap " in result.output
    assert (bundle / "manifest.json").read_bytes() == before
    old, new = Bundle.load(bundle), Bundle.load(tmp_path / "int8")
    new.verify()
    assert new.files["detector.onnx"].bytes < old.files["detector.onnx"].bytes
    assert new.files["recogniser.onnx"] == old.files["recogniser.onnx"]
    assert new.fingerprint != old.fingerprint
    assert set(new.training["int8"]["detector"][0]) == {"f1", "ap"}


def test_scales_are_taken_from_what_the_runtime_shows_its_networks(data: Path, tmp_path: Path) -> None:
    views: list[dict[str, object]] = [{"expand": 0.9}, {"expand": 0.8, "flip": True}]
    loaded = Bundle.load(make_bundle(tmp_path / "bundle", recogniser={"views": views}, detector=None))
    spec = loaded.recogniser
    assert spec is not None
    pictures = int8._Data(data, loaded)
    item = pictures.faces[0][0]
    fed = next(pictures.inputs("recogniser", loaded))
    source = read_picture(item.path).pixels
    cuts = [fit(source, spec.size, 0.9), fit(source, spec.size, 0.8)[:, ::-1]]
    np.testing.assert_array_equal(fed, spec.normalisation.feed(np.stack(cuts)))


def test_a_part_that_loses_too_much_is_not_taken(
    bundle: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    figures = iter([{"f1": 0.9}, {"f1": 0.89}])
    monkeypatch.setattr(int8._Data, "figures", lambda *arguments: next(figures))
    with pytest.raises(ModelError, match=r"1\.00 points, more than 0\.5; nothing was written"):
        export(bundle, "-o", tmp_path / "int8", "--int8", "detector", "--calibrate", data)
    assert not (tmp_path / "int8").exists()


def test_quantising_in_place(bundle: Path, data: Path, tmp_path: Path) -> None:
    place = Path(shutil.copytree(bundle, tmp_path / "bundle"))
    assert export(place, "-o", place, "--int8", "detector", "--calibrate", data).exit_code == 0
    assert Bundle.load(place).files["detector.onnx"].bytes < Bundle.load(bundle).files["detector.onnx"].bytes


def test_what_is_missing_is_said(bundle: Path, data: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="--calibrate"):
        export(bundle, "-o", tmp_path / "out", "--int8", "detector")
    with pytest.raises(DataError, match="already a bundle"):
        export(bundle, "-o", tmp_path / "out")
    with pytest.raises(DataError, match=r"scenes/boxes\.jsonl"):
        (tmp_path / "empty").mkdir()
        export(bundle, "-o", tmp_path / "out", "--int8", "detector", "--calibrate", tmp_path / "empty")
    with pytest.raises(ModelError, match="no convolutions"):
        export(bundle, "-o", tmp_path / "out", "--int8", "recogniser", "--calibrate", data)
