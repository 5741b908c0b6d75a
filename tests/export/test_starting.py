"""Going on from weights that were exported: nothing of what the net says may change by it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="the training side needs the extra [export]")
pytest.importorskip("onnxscript", reason="the training side needs the extra [export]")

import torch
from booru_export.bundles.exporting import export_checkpoint
from booru_export.bundles.int8 import to_int8
from booru_export.cli.evaluate import evaluate
from booru_export.cli.train import train
from booru_export.detector import task as detector_task
from booru_export.recogniser import task as recogniser_task
from booru_export.training.checkpoint import read_checkpoint
from booru_export.training.loop import run
from booru_export.training.nets import FaceNet, HeadDetector
from booru_export.training.recipe import DetectorRecipe, RecogniserRecipe, read_recipe
from booru_export.training.starting import blend, start_from
from click.testing import CliRunner
from torch import Tensor

from booru_tagger.errors import DataError
from tests.support.toy_data import DETECTOR_RECIPE, RECOGNISER_RECIPE, make_faces, make_scenes

RECIPE = RECOGNISER_RECIPE.replace("steps = 90", "steps = 40")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("starting")
    make_faces(folder / "faces")
    make_scenes(folder / "scenes")
    (folder / "detector.toml").write_text(DETECTOR_RECIPE.replace("steps = 90", "steps = 12"), "utf-8")
    (folder / "recogniser.toml").write_text(RECIPE, "utf-8")
    return folder


def detector(data: Path) -> detector_task.DetectorTask:
    return detector_task.DetectorTask(read_recipe(DetectorRecipe, data / "detector.toml"), [data / "scenes"])


def recogniser(data: Path, leave_out: tuple[str, ...] = ()) -> recogniser_task.RecogniserTask:
    recipe = read_recipe(RecogniserRecipe, data / "recogniser.toml")
    return recogniser_task.RecogniserTask(recipe, [data / "faces"], [data / "scenes"], leave_out=leave_out)


@pytest.fixture(scope="module")
def exported(data: Path) -> Path:
    """A bundle of nets that were trained a little, so that their norms have something to fold."""
    for task in (detector(data), recogniser(data)):
        folder = data / str(task.describe()["kind"])
        run(task, task.recipe.schedule, folder, say=lambda _: None)
        export_checkpoint(folder / "last.ckpt", data / "bundle", data=data, canon=None)
    return data / "bundle"


def embeddings(net: torch.nn.Module, pictures: Tensor) -> Tensor:
    assert isinstance(net, FaceNet)
    with torch.inference_mode():
        found: Tensor = net.eval().raw(pictures)[0]
    return found


def off(mine: Tensor, theirs: Tensor) -> float:
    """How far one answer is from another, as a share of its size."""
    return float((mine - theirs).norm() / theirs.norm())


@pytest.fixture(scope="module")
def pictures(exported: Path, data: Path) -> Tensor:
    return recogniser(data).batches.draw(32, 0).images


def test_a_net_taken_from_a_bundle_says_what_it_said(exported: Path, data: Path, pictures: Tensor) -> None:
    task = recogniser(data)
    start_from(task, exported, 32)
    trained = recogniser_task.from_checkpoint(read_checkpoint(data / "recogniser" / "last.ckpt"))
    assert off(embeddings(task.net, pictures), embeddings(trained, pictures)) < 0.01
    with torch.inference_mode():
        mine, theirs = task.face_net.eval()(pictures), trained(pictures)
        assert off(mine[1], theirs[1]) < 0.01  # hair
        assert off(mine[2], theirs[2]) < 0.01  # eyes
        known = slice(len(task.labels))  # a bundle leaves made-up people out
        assert off(task.face_net.cosines(theirs[0])[:, known], trained.cosines(theirs[0])[:, known]) < 0.02


def test_its_norms_hold_in_training_as_well(exported: Path, data: Path) -> None:
    task = recogniser(data)
    start_from(task, exported, 32)
    batch = torch.cat([task.batches.draw(32, step).images for step in range(6)])
    with torch.no_grad():
        still = task.face_net.eval().raw(batch)[0]
        learning = task.face_net.train().raw(batch)[0]
    assert off(learning, still) < 0.35


def test_a_detector_is_taken_from_a_bundle(exported: Path, data: Path) -> None:
    task = detector(data)
    start_from(task, exported, 64)
    trained = detector_task.from_checkpoint(read_checkpoint(data / "detector" / "last.ckpt"))
    images = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(1)) * 2 - 1
    assert isinstance(task.net, HeadDetector)
    with torch.inference_mode():
        for mine, theirs in zip(task.net.eval()(images), trained(images), strict=True):
            assert torch.allclose(mine, theirs, rtol=0.02, atol=0.02)


def test_weights_in_8_bits_are_taken_up_to_their_rounding(
    exported: Path, data: Path, tmp_path: Path, pictures: Tensor
) -> None:
    to_int8(exported, tmp_path, ("recogniser",), data, max_loss=1.0)
    task = recogniser(data)
    start_from(task, tmp_path, 32)
    trained = recogniser_task.from_checkpoint(read_checkpoint(data / "recogniser" / "last.ckpt"))
    assert off(embeddings(task.net, pictures), embeddings(trained, pictures)) < 0.05


def test_characters_that_both_know_keep_their_prototypes(exported: Path, data: Path) -> None:
    task = recogniser(data, leave_out=("fate_testarossa",))
    start_from(task, exported, 32)
    trained = recogniser_task.from_checkpoint(read_checkpoint(data / "recogniser" / "last.ckpt"))
    assert task.labels == ["akiyama_mio", "hatsune_miku"]
    for mine, theirs in ((0, 0), (1, 2)):
        kept = task.face_net.prototypes.detach()[mine]
        wanted = trained.prototypes.detach()[theirs]
        assert float(torch.cosine_similarity(kept, wanted, dim=0)) > 0.999


def test_a_bundle_of_another_net_is_refused(exported: Path, data: Path, tmp_path: Path) -> None:
    wider = tmp_path / "wider.toml"
    wider.write_text(RECIPE.replace("blocks = [1, 1, 1, 1]", "blocks = [1, 1, 1, 2]"), "utf-8")
    recipe = read_recipe(RecogniserRecipe, wider)
    task = recogniser_task.RecogniserTask(recipe, [data / "faces"])
    with pytest.raises(DataError, match=r"recogniser\.onnx: has no weights 'trunk.stages.3.1"):
        start_from(task, exported, 32)


def test_the_end_of_a_run_is_averaged_with_its_start(exported: Path, data: Path, pictures: Tensor) -> None:
    task = recogniser(data)
    start_from(task, exported, 32)
    start = {name: value.clone() for name, value in task.net.state_dict().items()}
    run(task, task.recipe.schedule, data / "further", say=lambda _: None)
    path = blend(task, data / "further" / "last.ckpt", start, 0.25, 32)
    assert path == data / "further" / "blended.ckpt"
    end, mixed = (read_checkpoint(data / "further" / name)["average"] for name in ("last.ckpt", path.name))
    name = "trunk.stages.1.0.first.0.weight"
    assert torch.allclose(mixed[name], 0.75 * end[name] + 0.25 * start[name], atol=1e-6)
    norm = "trunk.stages.1.0.first.1.running_var"
    assert not torch.allclose(mixed[norm], end[norm]) and bool((mixed[norm] > 0).all())
    answers = embeddings(recogniser_task.from_checkpoint(read_checkpoint(path)), pictures)
    assert bool(torch.isfinite(answers).all())


def test_a_bundle_and_its_card_tell_what_its_weights_began_with(
    exported: Path, data: Path, tmp_path: Path
) -> None:
    """Also after a run that was interrupted and went on without the name of its start."""
    recipe = tmp_path / "short.toml"
    recipe.write_text(re.sub(r"(?m)^steps = .*", "steps = 1", RECIPE), "utf-8")
    common = ["recogniser", "--recipe", recipe, "--faces", data / "faces", "--out", tmp_path / "run"]
    for more in (["--start", exported], ["--resume"], ["--resume", "--start", exported, "--blend", 0.25]):
        result = CliRunner().invoke(train, [*map(str, common), "--threads", "1", *map(str, more)])
        assert result.exit_code == 0, result.output
    state = read_checkpoint(tmp_path / "run" / "blended.ckpt")
    assert state["before"]["name"] == "bundle 1" and state["before"]["steps"] > 1
    for part in ("detector", "recogniser"):
        export_checkpoint(data / part / "last.ckpt", tmp_path / "new", data=data, canon=None)
    export_checkpoint(tmp_path / "run" / "blended.ckpt", tmp_path / "new", data=data, canon=None)
    card = tmp_path / "card.md"
    arguments = [tmp_path / "new", data, "--part", "test", "--card", card]
    assert CliRunner().invoke(evaluate, list(map(str, arguments))).exit_code == 0
    steps = state["before"]["steps"]
    text = card.read_text("utf-8")
    assert f"It went on from bundle 1 ({steps} steps" in text and "averaged with it (25% of it)" in text
    assert text.count("It went on") == 1
