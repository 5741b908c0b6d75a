"""A network learns how far heads are turned, with the real commands, and becomes a part of a bundle."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

pytest.importorskip("torch", reason="the training side needs the extra [export]")
pytest.importorskip("onnxscript", reason="the training side needs the extra [export]")
pytest.importorskip("matplotlib", reason="the training side needs the extra [export]")

import onnx
import torch
from booru_export.bundles.roll import Turns, known_turns, turned_head
from booru_export.cli.export import export
from booru_export.cli.train import train
from booru_export.data.tables import FaceItem
from booru_export.onnx_weights import byte_weights, slim
from booru_export.roll.samples import Heads, draw, load_heads, read_measured, turned, with_measured
from booru_export.training.checkpoint import read_checkpoint
from booru_export.training.recipe import RollRecipe, Schedule

from booru_tagger.errors import DataError
from booru_tagger.imaging import Picture
from booru_tagger.models.bundle import Bundle
from booru_tagger.models.roll import RollEstimator
from booru_tagger.models.session import Session
from booru_tagger.types import Box
from tests.support.bundles import Graph, make_bundle
from tests.support.command import invoke
from tests.support.toy_data import ROLL_RECIPE, draw_head, make_faces, make_scenes


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    make_faces(folder / "faces")
    make_scenes(folder / "scenes")
    (folder / "roll.toml").write_text(ROLL_RECIPE, "utf-8")
    rows = "".join(f"faces/hatsune_miku/{number}.png,0,0,40,40,0.5,train\n" for number in range(3))
    (folder / "measured.csv").write_text(f"path,x0,y0,x1,y1,roll,part\n{rows}", "utf-8")
    return folder


def roll(data: Path, out: str, *arguments: object) -> Path:
    given = ("--faces", data / "faces", "--scenes", data / "scenes", "--threads", 1)
    ended = invoke(train, "roll", "--recipe", data / "roll.toml", *given, "--out", data / out, *arguments)
    assert ended.exit_code == 0
    return data / out / "last.ckpt"


@pytest.fixture(scope="module")
def checkpoint(data: Path) -> Path:
    return roll(data, "run")


@pytest.fixture(scope="module")
def bundle(data: Path, checkpoint: Path) -> Path:
    folder = make_bundle(data / "bundle")
    assert invoke(export, checkpoint, "-o", folder, "--calibrate", data).exit_code == 0
    return folder


def test_it_learns_how_far_heads_are_turned(data: Path, checkpoint: Path) -> None:
    with (checkpoint.parent / "metrics.csv").open(encoding="utf-8") as handle:
        last = list(csv.DictReader(handle))[-1]
    assert float(last["median_error"]) < 12
    assert float(last["right_surest_half"]) > 0.6


def test_it_becomes_a_part_of_a_bundle_whose_other_parts_stay(bundle: Path, tiny_bundle: Path) -> None:
    loaded, before = Bundle.load(bundle), Bundle.load(tiny_bundle)
    loaded.verify()
    assert loaded.roll is not None and loaded.roll.size == 48 and 0 < loaded.roll.sure <= 1
    assert loaded.fingerprint == before.fingerprint
    assert loaded.training["roll"]["steps"] == 160


def test_the_runtime_tells_how_far_a_head_is_turned(bundle: Path) -> None:
    image = Image.new("RGB", (120, 120), (180, 190, 200))
    draw_head(ImageDraw.Draw(image), (20, 20, 100, 100), (60, 200, 190))
    upright = Picture(image, 120, 120)
    estimator = RollEstimator(bundle)
    for degrees in (-50.0, -20.0, 0.0, 20.0, 50.0):
        (said,) = estimator.rolls(*turned_head(upright, Box(20, 20, 100, 100), degrees))
        assert abs((said.degrees - degrees + 180) % 360 - 180) < 15


def test_its_file_is_a_byte_for_each_weight(bundle: Path, checkpoint: Path) -> None:
    state = read_checkpoint(checkpoint)["net"]
    weights = sum(value.numel() for name, value in state.items() if name.endswith("weight"))
    assert (bundle / "roll.onnx").stat().st_size < weights * 1.15 + 8_000


def test_a_run_goes_on_and_learns_from_a_teacher_and_what_was_measured(data: Path, checkpoint: Path) -> None:
    (data / "roll.toml").write_text(ROLL_RECIPE.replace("160", "3"), "utf-8")
    more = ("--teacher", checkpoint, "--measured", data / "measured.csv", "--start", checkpoint)
    second = roll(data, "second", *more)
    (data / "roll.toml").write_text(ROLL_RECIPE.replace("160", "5"), "utf-8")
    roll(data, "second", *more[:4], "--resume")
    state = read_checkpoint(second)
    assert state["progress"]["step"] == 5 and state["data"]["measured"] == 3


def test_known_turns_are_taken_from_heads_of_a_part(bundle: Path, data: Path) -> None:
    found = known_turns(RollEstimator(bundle), data)
    assert len(found.wrong) == len(found.certainty) > 0
    assert np.median(found.wrong) < 25


def test_the_least_certainty_is_where_enough_answers_are_right() -> None:
    turns = Turns(np.array([1.0, 2, 90, 3, 4, 80]), np.array([0.9, 0.8, 0.1, 0.7, 0.6, 0.5]))
    assert turns.least_certainty(1.0, 10) == 0.6
    assert turns.least_certainty(0.8, 10) == 0.5
    assert Turns(np.array([90.0]), np.array([0.9])).least_certainty(0.5, 10) == 1.0


def test_the_certainty_is_fitted_on_heads_whose_eyes_were_measured(
    bundle: Path, checkpoint: Path, data: Path, tmp_path: Path
) -> None:
    for name in ("faces", "scenes"):
        (tmp_path / name).symlink_to(data / name)
    rows = "".join(f"faces/hatsune_miku/{number}.png,0,0,40,40,170,validation\n" for number in range(3))
    (tmp_path / "roll.csv").write_text(f"path,x0,y0,x1,y1,roll,part\n{rows}", "utf-8")
    assert invoke(export, checkpoint, "-o", bundle, "--calibrate", tmp_path).exit_code == 0
    loaded = Bundle.load(bundle)
    assert loaded.roll is not None and loaded.roll.sure == 1, "it is never right"


def test_pictures_are_turned_clockwise_and_the_surroundings_by_another_angle() -> None:
    pictures = torch.zeros(1, 3, 40, 40)
    pictures[:, :, 4:10, 17:23] = 1
    (square,) = turned(pictures, 40, torch.tensor([np.pi / 2]), torch.ones(1))
    assert square[0, 17:23, 30:36].mean() > 0.9
    twisted = turned(pictures, 40, torch.zeros(1), torch.ones(1), twist=torch.tensor([np.pi / 2]), where=0.3)
    assert twisted[0, 0, 17:23, 30:36].mean() > 0.9


def test_grey_around_a_picture_is_not_turned_with_it(tmp_path: Path) -> None:
    image = Image.new("RGB", (140, 140), (128, 128, 128))
    image.paste((200, 60, 60), (0, 50, 140, 140))
    image.save(tmp_path / "a.png")
    item = FaceItem(tmp_path / "a.png", "a", "toy", "a", head=Box(20, 40, 120, 140))
    heads = load_heads([item], [])
    assert np.abs(heads.pixels[0].astype(int) - (200, 60, 60)).max() <= 8


def test_heads_that_were_measured_have_their_share_and_angle(data: Path) -> None:
    plain = Heads(
        np.zeros((4, 84, 84, 3), np.uint8), np.ones(4, np.float32), np.zeros(4, np.float32), np.full(4, 0.25)
    )
    heads = with_measured(plain, read_measured(data / "measured.csv"), 0.6)
    assert heads.chance.sum() == pytest.approx(1) and heads.chance[4:].sum() == pytest.approx(0.6)
    assert np.degrees(heads.roll) == pytest.approx([0, 0, 0, 0, 0.5, 0.5, 0.5])
    batch = draw(heads, RollRecipe(Schedule(steps=1, batch=16, rate=1.0)), 32, 0)
    again = draw(heads, RollRecipe(Schedule(steps=1, batch=16, rate=1.0)), 32, 0)
    assert batch.images.shape == (16, 3, 32, 32) and torch.equal(batch.images, again.images)
    (data / "wrong.csv").write_text("path,roll\na,1\n", "utf-8")
    with pytest.raises(DataError, match=r"wrong\.csv: expected a CSV with path"):
        read_measured(data / "wrong.csv")


def test_weights_in_bytes_say_nearly_the_same(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    g = Graph()
    kernel = g.constant(rng.normal(size=(24, 3, 5, 5)))
    hidden = g("Conv", "x", kernel, g.constant(rng.normal(size=24)), group=1, kernel_shape=[5, 5])
    g("Relu", hidden, name="y")
    plain = g.model({"x": ["N", 3, 9, 9]}, {"y": ["N", 24, 5, 5]})
    small = slim(byte_weights(onnx.load_from_string(plain)))
    onnx.checker.check_model(small, full_check=True)
    assert small.ByteSize() < len(plain) / 2
    x = rng.normal(size=(2, 3, 9, 9)).astype(np.float32)
    before, after = (Session(model).run({"x": x})["y"] for model in (plain, small.SerializeToString()))
    assert np.abs(before - after).max() < 0.03 * np.abs(before).max()
