"""A sheet shows the heads whose color is told otherwise than labelled, the surest answer first."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from booru_export.cli.evaluate import evaluate
from booru_export.data.tables import read_scenes
from booru_export.evaluation.color_sheet import color_sheet, disputed_colors
from booru_export.evaluation.evaluate import look_at_scenes
from PIL import Image

from booru_tagger.drawing.contact_sheet import CELL, MARGIN
from tests.support.bundles import RGB, Painted, paint

HEADS = {
    "right.png": (Painted(60, 40, 100, "stranger", hair="red", eyes="blue"), "red", "blue"),
    "unclear.png": (Painted(60, 40, 100, "stranger", hair="red", eyes="blue"), "unclear", "closed"),
    "hair.png": (Painted(60, 40, 100, "stranger", hair="red", eyes="blue"), "green", "blue"),
    "both.png": (Painted(60, 40, 100, "stranger", hair=(230, 80, 25), eyes="blue"), "black", "red"),
    "faint.png": (Painted(60, 40, 100, "stranger", hair="red", eyes="blue", weak=True), "green", "green"),
}
"""By file: a head, and the labels of its hair and eyes."""


@pytest.fixture
def scenes(tmp_path: Path) -> Path:
    """A folder of data with a table of these scenes."""
    folder = tmp_path / "data" / "scenes"
    folder.mkdir(parents=True)
    lines = []
    for name, (head, hair, eyes) in HEADS.items():
        paint([head]).save(folder / name)
        row = {"path": name, "width": 320, "height": 240, "source": "toy", "label": "", "boxes": [head.box]}
        lines.append(json.dumps(row | {"hair": [hair], "eyes": [eyes]}))
    (folder / "boxes.jsonl").write_text("\n".join(lines) + "\n", "utf-8")
    return folder


def top_bands(png: bytes, count: int) -> Sequence[RGB]:
    """The color of the hair of the first heads on a sheet."""
    sheet = Image.open(io.BytesIO(png)).convert("RGB")
    hair = MARGIN + CELL // 2 - round(0.25 * CELL / 1.25)
    return [
        sheet.getpixel((MARGIN + column * (CELL + MARGIN) + CELL // 2, hair))  # type: ignore[misc]
        for column in range(count)
    ]


def test_wrong_answers_stand_first_where_they_are_surest(tiny_bundle: Path, scenes: Path) -> None:
    seen = look_at_scenes(tiny_bundle, read_scenes(scenes / "boxes.jsonl"))
    disputed = disputed_colors(seen, 0.5)
    names = [(one.scene.path.name, one.wanted, one.told.tag) for one in disputed if one.told]
    assert set(names) == {
        ("hair.png", "green_hair", "red_hair"),
        ("both.png", "black_hair", "red_hair"),
        ("both.png", "red_eyes", "blue_eyes"),
    }
    scores = [one.told.score for one in disputed if one.told]
    assert scores == sorted(scores, reverse=True)
    last = disputed[-1]
    assert (last.scene.path.name, last.wanted) == ("both.png", "black_hair")
    shown = top_bands(color_sheet([disputed[-1], *disputed[:-1]]), 1)[0]
    assert shown == pytest.approx((230, 80, 25), abs=6)


def test_evaluate_draws_it(tiny_bundle: Path, scenes: Path, tmp_path: Path) -> None:
    sheet = tmp_path / "sheet.png"
    arguments = [tiny_bundle, scenes.parent, "--part", "all", "--sheet", sheet]
    evaluate.main([str(item) for item in arguments], standalone_mode=False)
    with Image.open(sheet) as image:
        assert image.width == MARGIN + 3 * (CELL + MARGIN), "three heads side by side"
