"""`booru-tagger crops --upright`: cut-outs whose heads are upright, where it is sure how they are turned."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from tests.support.bundles import GREEN, Painted, add_roll, make_bundle, paint
from tests.support.films import animated
from tests.support.here import Here, tagged_home

SIDE = 100


def turned(degrees: float | None, x: int = 90, y: int = 60) -> Image.Image:
    """A face of which the tiny network says that it is turned so far; ``None``: it is not sure."""
    image = paint([Painted(x, y, SIDE)])
    if degrees is not None:
        turn = math.radians(degrees)
        across, down = x + SIDE / 2 + 40 * math.sin(turn), y + SIDE / 2 - 40 * math.cos(turn)
        ImageDraw.Draw(image).ellipse((across - 7, down - 7, across + 7, down + 7), fill=GREEN)
    return image


def draw(work: Path) -> None:
    (work / "art").mkdir()
    for name, degrees in (("right", 30.0), ("left", -75.0), ("upright", 2.0), ("unsure", None)):
        turned(degrees).save(work / "art" / f"{name}.png")
    turned(50, 2, 3).save(work / "art" / "corner.png")


home = tagged_home(draw)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return add_roll(make_bundle(tmp_path / "model"))


def crops(home: Here, model: Path, *args: str) -> dict[str, dict[str, Any]]:
    """The lines of metadata.jsonl by the picture's name."""
    ended = home.run("crops", "art", "--into", "faces", "--duplicates", "--model", model, *args)
    assert ended.code == 0, ended.err
    rows = map(json.loads, (home.work / "faces" / "metadata.jsonl").read_text().splitlines())
    return {Path(row["picture"]).stem: row for row in rows}


def dot(path: Path) -> tuple[float, float]:
    """Where the dot is, from the middle, in pixels to the right and up."""
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("RGB")).astype(int)
    rows, columns = np.nonzero((pixels[..., 1] > 200) & (pixels[..., 0] < 90) & (pixels[..., 2] < 90))
    middle = pixels.shape[0] / 2
    return float(columns.mean() + 0.5 - middle), float(middle - rows.mean() - 0.5)


def test_turns_faces_upright_where_it_is_sure(home: Here, model: Path) -> None:
    rows = crops(home, model, "--upright", "--size", "256")
    assert [row["roll_sure"] for row in rows.values()].count(False) == 1
    assert rows["unsure"]["roll"] == 0 and not rows["unsure"]["roll_sure"]
    assert rows["upright"]["roll"] == 0 and rows["upright"]["roll_sure"]
    assert rows["right"]["roll"] == pytest.approx(30, abs=3)
    assert rows["left"]["roll"] == pytest.approx(-75, abs=3)
    for name in ("right", "left"):
        across, up = dot(home.work / "faces" / rows[name]["file_name"])
        assert abs(across) < 5 and up == pytest.approx(40 * 256 / (1.5 * SIDE), abs=4)
        assert rows[name]["region"] == [65, 35, 215, 185] and rows[name]["width"] == 256


def test_a_face_in_a_corner_stays_where_it_is_in_its_cut_out(home: Here, model: Path) -> None:
    row = crops(home, model, "--upright", "--size", "150")["corner"]
    across, up = dot(home.work / "faces" / row["file_name"])
    assert across == pytest.approx(-23, abs=4)
    assert up == pytest.approx(40 + 22, abs=4)
    with Image.open(home.work / "faces" / row["file_name"]) as image:
        assert np.asarray(image.convert("L")).min() > 0


@pytest.mark.parametrize("cut", ["head", "upper-body"])
def test_other_cuts_are_turned_around_the_face_too(home: Here, model: Path, cut: str) -> None:
    row = crops(home, model, "--upright", "--cut", cut)["right"]
    with Image.open(home.work / "faces" / row["file_name"]) as image:
        pixels = np.asarray(image.convert("RGB")).astype(int)
    _, columns = np.nonzero((pixels[..., 1] > 200) & (pixels[..., 0] < 90) & (pixels[..., 2] < 90))
    assert columns.mean() == pytest.approx(pixels.shape[1] / 2, abs=0.03 * pixels.shape[1])


def test_says_how_many_were_turned(home: Here, model: Path) -> None:
    ended = home.run("crops", "art", "--into", "faces", "--duplicates", "--model", model, "--upright")
    assert "3 faces turned upright; of 1 other it is not sure how they are turned" in ended.err
    again = home.run("crops", "art", "--into", "faces", "--duplicates")
    assert again.code == 7 and "another upright" in again.err


def test_without_the_option_nothing_is_turned_or_said_of_it(home: Here, model: Path) -> None:
    rows = crops(home, model)
    assert all("roll" not in row for row in rows.values())


def test_faces_of_moving_pictures_are_turned_too(home: Here, model: Path) -> None:
    (home.work / "film").mkdir()
    animated(home.work / "film" / "a.webp", [turned(40), turned(40)], "WEBP", 400)
    assert home.run("tag", "--batch", "film", "--format", "none").code == 0
    ended = home.run("crops", "film", "--into", "faces", "--model", model, "--upright")
    assert ended.code == 0 and "1 face turned upright" in ended.err


def test_a_model_that_cannot_say_it_is_told(home: Here) -> None:
    ended = home.run("crops", "art", "--into", "faces", "--upright")
    assert ended.code == 6 and "Do without --upright" in ended.err
    assert not (home.work / "faces").exists()
