"""From pictures to a bundle that the runtime runs, with the real commands on a toy data set."""

from __future__ import annotations

import csv
import dataclasses
import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

pytest.importorskip("torch", reason="the training side needs the extra [export]")
pytest.importorskip("onnxscript", reason="the training side needs the extra [export]")
pytest.importorskip("matplotlib", reason="the training side needs the extra [export]")

import booru_export
import torch
from booru_export.cli.evaluate import evaluate
from booru_export.cli.export import export
from booru_export.cli.train import train
from booru_export.data.tables import FaceItem, Scene, read_scenes
from booru_export.detector.self_label import confirmed
from booru_export.recogniser.samples import load_faces, whole
from booru_export.recogniser.task import RecogniserTask, enrolled_rank1
from booru_export.training import loop
from booru_export.training.checkpoint import read_checkpoint
from booru_export.training.curves import draw_curves
from booru_export.training.device import CPU, device_named
from booru_export.training.recipe import RecogniserRecipe, read_recipe
from booru_export.training.starting import start_from

from booru_tagger.errors import DataError, ModelError
from booru_tagger.models.bundle import Bundle
from booru_tagger.models.identity import Identity
from booru_tagger.tagging.options import TaggerOptions
from booru_tagger.tagging.tagger import Tagger
from booru_tagger.types import Box
from tests.support.command import invoke
from tests.support.toy_data import DETECTOR_RECIPE, RECOGNISER_RECIPE, draw_head, make_faces, make_scenes


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    make_faces(folder / "faces")
    make_scenes(folder / "scenes")
    (folder / "detector.toml").write_text(DETECTOR_RECIPE, "utf-8")
    (folder / "recogniser.toml").write_text(RECOGNISER_RECIPE, "utf-8")
    return folder


@pytest.fixture(scope="module")
def trained(data: Path) -> Path:
    runs = data / "runs"
    options = ("--threads", 1, "--recipe")
    scenes = ("--scenes", data / "scenes")
    detector = invoke(
        train, "detector", *options, data / "detector.toml", *scenes, "--out", runs / "detector"
    )
    assert detector.exit_code == 0
    recogniser = invoke(
        train,
        *("recogniser", *options, data / "recogniser.toml", *scenes),
        *("--faces", data / "faces", "--out", runs / "recogniser"),
    )
    assert recogniser.exit_code == 0
    return runs


@pytest.fixture(scope="module")
def bundle(trained: Path, data: Path) -> Path:
    folder = data / "bundle"
    assert invoke(export, trained / "detector" / "last.ckpt", "-o", folder).exit_code == 0
    checkpoint = trained / "recogniser" / "last.ckpt"
    assert invoke(export, checkpoint, "-o", folder, "--calibrate", data).exit_code == 0
    return folder


def test_a_run_leaves_metrics_and_a_picture_of_them(trained: Path) -> None:
    with (trained / "recogniser" / "metrics.csv").open(encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle))
    assert [row["step"] for row in rows] == ["45", "90", "90"]
    assert float(rows[-1]["top1"]) > 0.6
    assert (trained / "recogniser" / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_curves_have_a_panel_for_losses_and_one_for_each_figure(tmp_path: Path) -> None:
    table, picture = tmp_path / "metrics.csv", tmp_path / "curves.png"
    rows = "step,minutes,size,loss_a,loss_b,x,y,z\n", "1,0,64,3,2,,0.5,\n", "2,1,64,nan,1,0.5,0.7,\n"
    table.write_text("".join(rows), "utf-8")
    draw_curves(table, picture)
    with Image.open(picture) as image:
        width, height = image.width // 3, image.height // 2
        panels = [
            image.crop((left, top, left + width, top + height)).resize((8, 8), Image.Resampling.BOX)
            for top in (0, height)
            for left in range(0, 3 * width, width)
        ]
    drawn = [np.asarray(panel.convert("L"))[1:-1, 1:-1].min() < 255 for panel in panels]
    assert drawn == [True, True, True, True, False, False]


def test_curves_of_no_figures_are_a_picture(tmp_path: Path) -> None:
    (tmp_path / "metrics.csv").touch()
    draw_curves(tmp_path / "metrics.csv", tmp_path / "curves.png")
    with Image.open(tmp_path / "curves.png") as image:
        assert image.width > 100


def test_a_run_refuses_to_overwrite_another(trained: Path, data: Path) -> None:
    with pytest.raises(DataError, match="--resume"):
        invoke(train, "detector", "--scenes", data / "scenes", "--out", trained / "detector")


def test_a_run_goes_on_where_it_stopped(trained: Path, data: Path, tmp_path: Path) -> None:
    longer = tmp_path / "longer.toml"
    longer.write_text(RECOGNISER_RECIPE.replace("steps = 90", "steps = 95"), "utf-8")
    result = invoke(
        train,
        *("recogniser", "--recipe", longer, "--faces", data / "faces", "--scenes", data / "scenes"),
        *("--out", trained / "recogniser", "--resume", "--threads", 1),
    )
    assert "going on from step 90" in result.output
    with (trained / "recogniser" / "metrics.csv").open(encoding="utf-8") as handle:
        assert [row["step"] for row in csv.DictReader(handle)][-1] == "95"


def test_the_bundle_is_one_that_the_runtime_checks_and_runs(bundle: Path, data: Path) -> None:
    manifest = Bundle.load(bundle)
    manifest.verify()
    assert [label.tag for label in manifest.labels] == ["akiyama_mio", "fate_testarossa", "hatsune_miku"]
    assert manifest.labels[2].series == "vocaloid"
    assert "aqua_hair" in manifest.labels[2].implied
    result = Tagger(TaggerOptions(bundle, crops=True)).tag(data / "faces" / "hatsune_miku" / "3.png")
    assert len(result.faces[0].candidates) == 3
    assert 0 < result.faces[0].candidates[0].score <= 1


def test_a_changed_file_is_noticed(bundle: Path, tmp_path: Path) -> None:
    for file in bundle.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    model = bytearray((tmp_path / "recogniser.onnx").read_bytes())
    model[len(model) // 2] ^= 1
    (tmp_path / "recogniser.onnx").write_bytes(model)
    with pytest.raises(ModelError, match=r"recogniser\.onnx"):
        Bundle.load(tmp_path).verify()


def test_no_path_of_the_training_machine_is_in_the_model(bundle: Path) -> None:
    for name in ("detector.onnx", "recogniser.onnx"):
        content = (bundle / name).read_bytes()
        assert str(Path(booru_export.__file__).parent).encode() not in content
        assert b".py" not in content


def test_evaluate_tunes_thresholds_and_keeps_the_figures(bundle: Path, data: Path, tmp_path: Path) -> None:
    report = tmp_path / "figures.json"
    result = invoke(evaluate, bundle, data, "--part", "all", "--tune", "--json", report)
    assert result.exit_code == 0
    figures = json.loads(report.read_text("utf-8"))
    assert figures["faces"] == 42
    assert figures["top1"] > 0.6
    assert figures["illustrations_heads"] + figures["posters_heads"] == 75
    manifest = json.loads((bundle / "manifest.json").read_text("utf-8"))
    assert manifest["figures"]["all"]["faces"] == 42
    assert manifest["detector"]["threshold"] != 0.4
    assert figures["stranger_heads_named"] <= 0.05


def test_export_says_what_is_wrong_with_a_foreign_file(tmp_path: Path) -> None:
    file = tmp_path / "model.ckpt"
    file.write_bytes(b"something else")
    with pytest.raises(DataError, match="not a checkpoint"):
        invoke(export, file, "-o", tmp_path / "bundle")


def test_a_run_begins_with_the_weights_of_another(trained: Path, data: Path, tmp_path: Path) -> None:
    short = tmp_path / "short.toml"
    text = RECOGNISER_RECIPE.replace("steps = 90", "steps = 1").replace("rate = 5.0e-3", "rate = 1.0e-9")
    short.write_text(text, "utf-8")
    arguments = ("recogniser", "--recipe", short, "--faces", data / "faces", "--scenes", data / "scenes")
    fresh = invoke(train, *arguments, "--out", tmp_path / "fresh", "--threads", 1)
    start = ("--start", trained / "recogniser" / "last.ckpt")
    begun = invoke(train, *arguments, "--out", tmp_path / "begun", "--threads", 1, *start)
    assert fresh.exit_code == begun.exit_code == 0
    figures = []
    for run in ("fresh", "begun"):
        with (tmp_path / run / "metrics.csv").open(encoding="utf-8") as handle:
            figures.append(float(list(csv.DictReader(handle))[-1]["top1"]))
    assert figures[1] > max(0.6, figures[0])


@pytest.mark.parametrize("kind", ["detector", "recogniser"])
def test_the_result_may_be_averaged_with_the_start_only_where_there_is_one(
    kind: str, trained: Path, data: Path, tmp_path: Path
) -> None:
    short = tmp_path / "short.toml"
    recipe = (data / f"{kind}.toml").read_text("utf-8")
    short.write_text(re.sub(r"(?m)^steps = .*", "steps = 1", recipe), "utf-8")
    pictures = ("--scenes", data / "scenes") if kind == "detector" else ("--faces", data / "faces")
    arguments = (kind, "--recipe", short, *pictures, "--threads", 1, "--blend", 0.5)
    with pytest.raises(DataError, match="--start"):
        invoke(train, *arguments, "--out", tmp_path / "run")
    start = ("--start", trained / kind / "last.ckpt")
    done = invoke(train, *arguments, "--out", tmp_path / "run", *start)
    assert done.exit_code == 0 and done.stdout.strip() == str(tmp_path / "run" / "blended.ckpt")
    assert read_checkpoint(tmp_path / "run" / "blended.ckpt")["kind"] == kind


def test_a_start_that_does_not_fit_is_refused(trained: Path, data: Path, tmp_path: Path) -> None:
    arguments = ("--scenes", data / "scenes", "--recipe", data / "detector.toml", "--out", tmp_path / "run")
    with pytest.raises(DataError, match="not the recipe's"):
        invoke(train, "detector", *arguments, "--start", trained / "recogniser" / "last.ckpt")


def test_a_detector_labels_pictures_for_its_own_further_training(
    bundle: Path, data: Path, tmp_path: Path
) -> None:
    table = tmp_path / "new" / "more.jsonl"
    pictures = data / "scenes" / "images"
    (pictures / "broken.png").write_bytes(b"no picture")
    result = invoke(train, "self-label", bundle, pictures, "-o", table, "--sure", 0.3, "--maybe", 0.05)
    (pictures / "broken.png").unlink()
    assert result.exit_code == 0
    assert "broken.png" in result.output
    scenes = read_scenes(table)
    assert len(scenes) == 60
    assert all(scene.path.is_file() for scene in scenes)
    assert any(scene.boxes for scene in scenes)


def test_of_heads_labelled_twice_those_count_that_both_saw() -> None:
    found = Scene(
        Path("a.png"), 200, 100, "self-labelled", "", (Box(10, 10, 50, 50), Box(100, 10, 140, 50)), (), (), ()
    )
    by_eye = Scene(
        Path("a.png"), 100, 50, "eye", "", (Box(5, 5, 25, 26), Box(70, 5, 90, 25)), (Box(0, 0, 4, 4),), (), ()
    )
    both = confirmed(found, by_eye)
    assert both.boxes == (Box(10, 10, 50, 50),)
    assert both.ignore == (Box(100, 10, 140, 50), Box(140, 10, 180, 50), Box(0, 0, 8, 8))
    assert len(both.hair) == len(both.eyes) == 1


def test_a_pupil_learns_from_a_teacher_and_leaves_a_character_out(
    trained: Path, data: Path, tmp_path: Path
) -> None:
    recipe = tmp_path / "short.toml"
    recipe.write_text(RECOGNISER_RECIPE.replace("steps = 90", "steps = 4"), "utf-8")
    common = ("recogniser", "--recipe", recipe, "--threads", 1, "--faces", data / "faces")
    teacher = ("--teacher", trained / "recogniser" / "last.ckpt")
    result = invoke(train, *common, *teacher, "--scenes", data / "scenes", "--out", tmp_path / "pupil")
    assert result.exit_code == 0
    header = (tmp_path / "pupil" / "metrics.csv").read_text("utf-8").splitlines()[0]
    assert "loss_teacher" in header.split(",")
    few = ("--leave-out", "hatsune_miku", "--out", tmp_path / "few")
    assert invoke(train, *common, *few).exit_code == 0
    assert read_checkpoint(tmp_path / "few" / "last.ckpt")["labels"] == ["akiyama_mio", "fate_testarossa"]
    with pytest.raises(DataError, match="not trained for the characters of this data set"):
        invoke(train, *common, "--teacher", tmp_path / "few" / "last.ckpt", "--out", tmp_path / "no pupil")


def test_characters_that_a_bundle_does_not_know_are_strangers_and_can_be_enrolled(
    trained: Path, data: Path, tmp_path: Path
) -> None:
    recipe = tmp_path / "short.toml"
    recipe.write_text(RECOGNISER_RECIPE.replace("steps = 90", "steps = 20"), "utf-8")
    invoke(
        train,
        *("recogniser", "--recipe", recipe, "--threads", 1, "--faces", data / "faces"),
        *("--leave-out", "hatsune_miku", "--out", tmp_path / "few"),
    )
    invoke(export, tmp_path / "few" / "last.ckpt", "-o", tmp_path / "few bundle", "--calibrate", data)
    report, card, table = (tmp_path / name for name in ("figures.json", "card.md", "characters.csv"))
    result = invoke(
        evaluate,
        *(tmp_path / "few bundle", data, "--part", "test", "--enrol", 5, "--json", report),
        *("--card", card, "--characters", table),
    )
    assert result.exit_code == 0
    figures = json.loads(report.read_text("utf-8"))
    assert figures["strangers"] == len(list((data / "faces" / "hatsune_miku").iterdir()))
    assert 0 <= figures["auroc"] <= 1
    assert figures["enrolled"] == 1
    assert 0 <= figures["enrolled_right"] <= 1
    assert 0 <= figures["enrolled_taken"] <= 1
    assert figures["enrolled_right_low"] <= figures["enrolled_right"] <= figures["enrolled_right_high"]
    assert figures["pictures 8-19, faces"] == figures["faces"] == figures["as line art, faces"]
    text = card.read_text("utf-8")
    assert f"`enrolled_right` | {figures['enrolled_right']:.4f}" in text and "| 8-19 |" in text
    with table.open(encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle))
    assert [row["tag"] for row in rows] == ["akiyama_mio", "fate_testarossa"]
    assert sum(int(row["faces"]) for row in rows) == figures["faces"]


def test_batches_made_by_a_worker_train_as_well(data: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "short.toml"
    recipe.write_text(DETECTOR_RECIPE.replace("steps = 90", "steps = 3"), "utf-8")
    scenes = ("--scenes", data / "scenes", "--workers", 1, "--threads", 1)
    out = ("--out", tmp_path / "run")
    assert invoke(train, "detector", "--recipe", recipe, *scenes, *out).exit_code == 0
    assert (tmp_path / "run" / "last.ckpt").is_file()


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_a_recipe_says_how_many_pictures_are_grey(share: float, data: Path) -> None:
    recipe = dataclasses.replace(read_recipe(RecogniserRecipe, data / "recogniser.toml"), grey=share)
    batch = RecogniserTask(recipe, [data / "faces"], [data / "scenes"]).batches.draw(32, 0)
    colorless = (batch.images.amax(1) - batch.images.amin(1) < 0.01).float().mean()
    assert (float(colorless) > 0.8) is (share == 1.0)  # what is erased has a color
    assert bool((batch.color_weight == 0).all()) is (share == 1.0)


def test_a_recipe_says_how_much_rare_characters_weigh(data: Path) -> None:
    for rarity in (0.0, 1.0):
        recipe = dataclasses.replace(read_recipe(RecogniserRecipe, data / "recogniser.toml"), rarity=rarity)
        batches = RecogniserTask(recipe, [data / "faces"]).batches
        totals = [
            float(batches.face_weight[batches.character == number].sum()) for number in set(batches.character)
        ]
        wanted = [float((batches.character == number).mean()) for number in set(batches.character)]
        assert max(wanted) > min(wanted) + 0.01, "or nobody is rare"
        assert totals == pytest.approx([1 / len(totals)] * len(totals) if rarity else wanted)


def test_a_device_that_is_not_there_is_named() -> None:
    with pytest.raises(DataError, match="unknown device 'abacus'"):
        device_named("abacus")
    if not torch.cuda.is_available():
        with pytest.raises(DataError, match="no CUDA device here: use --device cpu"):
            device_named("cuda")
    assert device_named("cpu") == CPU


def weights_of(checkpoint: Path) -> dict[str, torch.Tensor]:
    return {
        name: value for name, value in read_checkpoint(checkpoint)["net"].items() if value.is_floating_point()
    }


@pytest.mark.parametrize("optimiser", ["adamw", "muon"])
def test_a_run_that_was_interrupted_ends_as_an_undisturbed_one(
    data: Path, tmp_path: Path, optimiser: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = RECOGNISER_RECIPE.replace("steps = 90", f'steps = 6\noptimiser = "{optimiser}"')
    (tmp_path / "whole.toml").write_text(text, "utf-8")
    options = ("recogniser", "--faces", data / "faces", "--scenes", data / "scenes", "--threads", 1)
    recipe = ("--recipe", tmp_path / "whole.toml")
    invoke(train, *options, *recipe, "--out", tmp_path / "whole")

    class StoppedError(Exception):
        pass

    def losses(self: RecogniserTask, size: int, step: int) -> dict[str, torch.Tensor]:
        if step == 3:
            raise StoppedError
        return plain(self, size, step)

    plain = RecogniserTask.losses
    with monkeypatch.context() as patch, pytest.raises(StoppedError):
        patch.setattr(RecogniserTask, "losses", losses)
        patch.setattr(loop, "SAVE_SECONDS", 0.0)
        invoke(train, *options, *recipe, "--out", tmp_path / "parts")
    torch.rand(7)  # whatever else drew random numbers meanwhile
    invoke(train, *options, *recipe, "--out", tmp_path / "parts", "--resume")
    whole, parts = (weights_of(tmp_path / name / "last.ckpt") for name in ("whole", "parts"))
    for name, value in whole.items():
        torch.testing.assert_close(parts[name], value, rtol=0, atol=0, msg=name)


def test_characters_left_out_are_strangers_to_the_net_and_judge_it(data: Path) -> None:
    recipe = read_recipe(RecogniserRecipe, data / "recogniser.toml")
    task = RecogniserTask(recipe, [data / "faces"], [data / "scenes"], leave_out=["akiyama_mio"])
    assert task.labels == ["fate_testarossa", "hatsune_miku"]
    with torch.inference_mode():
        figures = task.evaluate(task.net.eval())
    assert 0 <= figures["auroc_unseen"] <= 1


def test_wide_crops_are_cut_to_their_heads(tmp_path: Path) -> None:
    pixels = np.zeros((140, 140, 3), np.uint8)
    pixels[20:120, 20:120] = 255
    Image.fromarray(pixels).save(tmp_path / "wide.png")
    Image.fromarray(pixels[20:120, 20:120]).save(tmp_path / "tight.png")
    items = [
        FaceItem(tmp_path / "wide.png", "miku", "s", "a", head=Box(20, 20, 120, 120)),
        FaceItem(tmp_path / "tight.png", "miku", "s", "b"),
    ]
    cuts = whole(load_faces(items, ["miku"], {}), 32)
    assert cuts.shape == (2, 32, 32, 3)
    assert cuts.float().mean() > 250


def test_rank_of_enrolled_characters_counts_those_with_enough_faces() -> None:
    faces = np.eye(3)[[0, 0, 0, 1, 1, 2]]
    assert enrolled_rank1(faces, np.array([5, 5, 5, 7, 7, 9]), 1) == 1.0
    assert enrolled_rank1(np.eye(3)[[0, 1, 1, 1]], np.array([0, 0, 1, 1]), 1) == 0.5


CANON = """\
tag,series,hair,eyes,implied
fate_testarossa,,,,
hatsune_miku,vocaloid,,,
kagamine_rin,vocaloid,,,hair_bow
"""


@pytest.fixture
def completed(bundle: Path, data: Path, tmp_path: Path) -> Path:
    """The bundle with one of its characters taken out, and one added that training did not see."""
    faces = tmp_path / "more" / "identities"
    (faces / "rin").mkdir(parents=True)
    rows = ["path,label,group,kind,x0,y0,x1,y1"]
    for number in range(4):
        image = Image.new("RGB", (56, 56), (200, 220, 255 - number))
        draw_head(ImageDraw.Draw(image), (8, 8, 48, 48), (255, 60, 200))
        image.save(faces / "rin" / f"{number}.png")
        rows.append(f"rin/{number}.png,kagamine_rin,{number},official,8,8,48,48")
    (faces / "faces.csv").write_text("\n".join(rows) + "\n", "utf-8")
    (tmp_path / "canon.csv").write_text(CANON, "utf-8")
    output = tmp_path / "completed"
    options = ("--canon", tmp_path / "canon.csv", "--calibrate", tmp_path / "more", "--complete")
    result = invoke(export, bundle, "-o", output, *options)
    assert "knows 3 characters" in result.output
    return output


def test_a_bundle_is_completed_with_characters_that_training_left_out(
    completed: Path, data: Path, tmp_path: Path
) -> None:
    known = Bundle.load(completed)
    known.verify()
    assert [label.tag for label in known.labels] == ["fate_testarossa", "hatsune_miku", "kagamine_rin"]
    assert known.labels[2].implied == ("hair_bow",)
    tagger = Tagger(TaggerOptions(str(completed), crops=True, gallery=None))
    for name, picture in (
        ("kagamine_rin", tmp_path / "more" / "identities" / "rin" / "3.png"),
        ("hatsune_miku", data / "faces" / "hatsune_miku" / "3.png"),
    ):
        assert tagger.tag(picture).faces[0].candidates[0].tag == name


def test_a_completed_bundle_is_begun_with_by_what_it_learned(completed: Path, data: Path) -> None:
    recipe = read_recipe(RecogniserRecipe, data / "recogniser.toml")
    task = RecogniserTask(recipe, [data / "faces"], [])
    start_from(task, completed, 32)
    learned = Identity.of(Bundle.load(completed))
    assert learned is not None
    kept = torch.nn.functional.normalize(task.face_net.prototypes.detach()[1:3], dim=1)
    torch.testing.assert_close(kept, torch.from_numpy(learned.people.learned), atol=1e-2, rtol=0)


def test_completing_needs_faces(bundle: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="--complete needs the faces"):
        invoke(export, bundle, "-o", tmp_path / "more", "--complete")
