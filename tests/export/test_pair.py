"""Two recognisers that answer as one."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch", reason="the training side needs the extra [export]")
pytest.importorskip("onnxscript", reason="the training side needs the extra [export]")

import numpy as np
import onnx
import torch
from booru_export.bundles.exporting import export_checkpoint
from booru_export.recogniser.task import RecogniserTask, from_checkpoint
from booru_export.training import pair
from booru_export.training.checkpoint import read_checkpoint
from booru_export.training.inputs import normalised, to_bytes
from booru_export.training.loop import run
from booru_export.training.nets import FaceNet
from booru_export.training.pair import FacePair
from booru_export.training.recipe import RecogniserRecipe, read_recipe
from booru_export.training.starting import start_from
from torch import Tensor
from torch.nn import functional

from booru_tagger.errors import DataError
from booru_tagger.models.bundle import Bundle
from booru_tagger.models.session import Session
from tests.support.toy_data import RECOGNISER_RECIPE, make_faces

RECIPE = RECOGNISER_RECIPE.replace("steps = 90", "steps = 25")
LITE = RECIPE.replace("widths", 'backbone = "efficientnet_lite0"\nwidths')


def task(data: Path, recipe: str, leave_out: tuple[str, ...] = ()) -> RecogniserTask:
    path = data / "recipe.toml"
    path.write_text(recipe, "utf-8")
    return RecogniserTask(read_recipe(RecogniserRecipe, path), [data / "faces"], leave_out=leave_out)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two trained nets of different kinds in ``first/`` and ``second/``, and both as one in ``bundle/``."""
    folder = tmp_path_factory.mktemp("pair")
    make_faces(folder / "faces")
    for name, recipe in (("first", RECIPE), ("second", LITE)):
        learner = task(folder, recipe)
        run(learner, learner.recipe.schedule, folder / name, say=lambda _: None)
    export_checkpoint(
        folder / "first" / "last.ckpt",
        folder / "bundle",
        data=None,
        canon=None,
        beside=folder / "second" / "last.ckpt",
    )
    return folder


@pytest.fixture(scope="module")
def nets(data: Path) -> tuple[FaceNet, FaceNet]:
    first, second = (
        from_checkpoint(read_checkpoint(data / name / "last.ckpt")) for name in ("first", "second")
    )
    return first, second


@pytest.fixture(scope="module")
def pictures(data: Path) -> Tensor:
    return task(data, RECIPE).batches.draw(32, 0).images


def cosines(embedding: Tensor) -> Tensor:
    return embedding @ embedding.T


@pytest.mark.parametrize("share", [0.5, 0.8])
def test_each_counts_by_its_share(nets: tuple[FaceNet, FaceNet], pictures: Tensor, share: float) -> None:
    """Faces are as alike as both nets together say: by embeddings of full length side by side."""
    with torch.inference_mode():
        whole = [net.raw(pictures)[0] for net in nets]
        lengths = [(net.norm.weight.square() + net.norm.bias.square()).sum().sqrt() for net in nets]
        beside = torch.cat(
            [
                one / length * part**0.5
                for one, length, part in zip(whole, lengths, (1 - share, share), strict=True)
            ],
            1,
        )
        assert beside.shape[1] <= pair.NUMBERS  # nothing is left out
        answer = FacePair(*nets, characters=3, share=share)(pictures)
        colors = [net(pictures)[1:] for net in nets]
    assert torch.allclose(cosines(answer[0]), cosines(functional.normalize(beside, dim=1)), atol=1e-4)
    for number in (0, 1):
        mean = (colors[0][number] + colors[1][number]) / 2
        assert torch.allclose(answer[1 + number], mean, atol=1e-5)


def test_a_shorter_embedding_keeps_what_tells_characters_apart(
    nets: tuple[FaceNet, FaceNet], monkeypatch: pytest.MonkeyPatch
) -> None:
    long = FacePair(*nets, characters=3)
    monkeypatch.setattr(pair, "NUMBERS", 3)
    short = FacePair(*nets, characters=3)
    assert short.prototypes.shape == (3, 3)
    assert torch.allclose(cosines(short.prototypes), cosines(long.prototypes), atol=1e-4)


def test_the_first_may_look_at_smaller_faces(nets: tuple[FaceNet, FaceNet], pictures: Tensor) -> None:
    small = functional.interpolate(pictures, size=24, mode="bilinear")
    both = FacePair(*nets, characters=3, first_size=24)
    with torch.inference_mode():
        hair = both(pictures)[1]
        assert torch.allclose(hair, (nets[0](small)[1] + nets[1](pictures)[1]) / 2, atol=1e-5)


def test_the_bundle_names_as_the_pair_does(
    data: Path, nets: tuple[FaceNet, FaceNet], pictures: Tensor
) -> None:
    both = FacePair(*nets, characters=3)
    bundle = Bundle.load(data / "bundle")
    assert set(bundle.training) == {"recogniser", "beside", "calibration"}
    assert bundle.recogniser is not None
    session = onnx.load(data / "bundle" / bundle.recogniser.file)
    names = {item.name for item in session.graph.initializer}
    assert any(name.startswith("net.second.trunk.body") for name in names)
    shown = to_bytes(pictures).round().to(torch.uint8)
    faces = bundle.recogniser.normalisation.feed(shown.permute(0, 2, 3, 1).numpy())
    answer = Session(data / "bundle" / bundle.recogniser.file).run({"faces": faces})
    with torch.inference_mode():
        wanted = both(normalised(shown))[0].numpy()
    assert np.abs(answer["embedding"] - wanted).max() < 0.02


@pytest.mark.parametrize(("recipe", "member"), [(RECIPE, 0), (LITE, 1)], ids=["first", "second"])
def test_training_goes_on_from_either_of_a_bundle(
    data: Path, nets: tuple[FaceNet, FaceNet], pictures: Tensor, recipe: str, member: int
) -> None:
    both = FacePair(*nets, characters=3)
    length = both.prototypes.shape[1]
    learner = task(data, recipe.replace("embedding = 16", f"embedding = {length}"))
    start_from(learner, data / "bundle", 32)
    with torch.inference_mode():
        mine = learner.face_net.eval().raw(pictures)[0]
        theirs = nets[member].raw(pictures)[0]
        known = learner.face_net.prototypes[:3]
    assert torch.allclose(
        cosines(functional.normalize(mine, dim=1)), cosines(functional.normalize(theirs, dim=1)), atol=0.03
    )
    assert torch.allclose(cosines(functional.normalize(known, dim=1)), cosines(both.prototypes), atol=0.03)


def test_weights_that_others_replace_are_not_asked_for(data: Path) -> None:
    """Who goes on from a bundle needs no package that holds ImageNet's."""
    (data / "recipe.toml").write_text('initial = "nowhere.pth"\n' + LITE, "utf-8")
    recipe = read_recipe(RecogniserRecipe, data / "recipe.toml")
    with pytest.raises(DataError, match=r"nowhere\.pth"):
        RecogniserTask(recipe, [data / "faces"])
    assert RecogniserTask(recipe, [data / "faces"], fresh=False).labels


def test_nets_of_other_characters_are_refused(data: Path, tmp_path: Path) -> None:
    learner = task(data, RECIPE.replace("steps = 25", "steps = 1"), leave_out=("hatsune_miku",))
    fewer = run(learner, learner.recipe.schedule, tmp_path / "fewer", say=lambda _: None)
    with pytest.raises(DataError, match="not a recogniser of the same characters"):
        export_checkpoint(data / "first" / "last.ckpt", tmp_path / "b", data=None, canon=None, beside=fewer)
