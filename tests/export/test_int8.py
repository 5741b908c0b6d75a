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
from booru_export.bundles.quantise import nodes_to_quantise, quantise
from booru_export.bundles.to_onnx import DetectorGraph, export_graph
from booru_export.cli import export as cli
from booru_export.onnx_weights import widen_weights
from booru_export.training.nets import HeadDetector
from click.testing import CliRunner, Result

from booru_tagger.errors import DataError, ModelError
from booru_tagger.imaging import fit, read_picture
from booru_tagger.models.bundle import Bundle
from booru_tagger.models.session import Session
from tests.support.bundles import make_bundle
from tests.support.toy_data import make_faces, make_scenes


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A small detector with random weights, exported as the real ones are."""
    torch.manual_seed(0)
    net = HeadDetector([16, 24, 32, 32], [1, 1, 1, 1], 16).eval()
    path = tmp_path_factory.mktemp("network") / "detector.onnx"
    export_graph(DetectorGraph(net), torch.randn(2, 3, 64, 96), path, free=("batch", "height", "width"))
    return path.read_bytes()


def pictures(count: int, seed: int) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [rng.uniform(-1, 1, (1, 3, 64, 96)).astype(np.float32) for _ in range(count)]


def test_the_quantised_network_says_nearly_the_same_and_is_smaller(network: bytes) -> None:
    smaller = quantise(network, pictures(8, 1))
    assert len(smaller) < 0.8 * len(network)
    before, after = Session(network), Session(smaller)
    for picture in pictures(3, 2):
        wanted, answer = before.run({"images": picture}), after.run({"images": picture})
        assert np.abs(answer["scores"] - wanted["scores"]).max() < 0.02
        assert np.abs(answer["boxes"] - wanted["boxes"]).max() < 2


def test_the_first_convolution_and_the_answers_stay_in_float(network: bytes) -> None:
    graph = widen_weights(onnx.load_from_string(network)).graph
    chosen = set(nodes_to_quantise(graph))
    convolutions = [node for node in graph.node if node.op_type == "Conv"]
    left = [node for node in convolutions if node.name not in chosen]
    assert convolutions[0] in left
    assert len(left) == 3  # the other two are the heads: one channel of heat, four distances
    # The arithmetic that turns distances into boxes is not between two convolutions.
    assert not any(node.op_type in ("Mul", "Exp", "Sub") and node.name in chosen for node in graph.node)
    assert any(node.op_type == "Add" and node.name not in chosen for node in graph.node)


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
    np.testing.assert_array_equal(fed, spec.normalisation.apply(np.stack(cuts)))


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
