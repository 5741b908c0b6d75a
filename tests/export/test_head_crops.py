"""Crops with head boxes become scenes, evenly from all sources."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from booru_export.cli.train import head_scenes
from booru_export.data.tables import read_scenes
from click.testing import CliRunner
from PIL import Image

from booru_tagger.errors import DataError


def crops(folder: Path, rows: list[tuple[str, str]]) -> None:
    lines = ["path,label,source,x0,y0,x1,y1"]
    for number, (source, box) in enumerate(rows):
        name = f"{number}.png"
        Image.new("RGB", (60, 50), (number, 99, 99)).save(folder / name)
        lines.append(f"{name},somebody,{source},{box}")
    (folder / "faces.csv").write_text("\n".join(lines) + "\n", "utf-8")


def test_crops_are_taken_evenly_and_boxes_end_at_the_border(tmp_path: Path) -> None:
    boxes = [
        *[("a", "-3,5,40,70")] * 9,
        *[("b", "10,10,30,30")] * 2,
        *[("c", "10,10,30,30")] * 3,
        ("d", ",,,"),
    ]
    crops(tmp_path, boxes)
    table = tmp_path / "crops.jsonl"
    ended = CliRunner().invoke(
        head_scenes,
        [str(tmp_path), "-o", str(table), "--most", "6", "--without", "c"],
        catch_exceptions=False,
    )
    assert ended.exit_code == 0 and "6 crops" in ended.output
    scenes = read_scenes(table)
    sources = Counter("a" if scene.boxes[0].x0 == 0 else "b" for scene in scenes)
    assert sources == {"a": 4, "b": 2}
    assert all(len(scene.boxes) == 1 and scene.boxes[0].y1 <= 50 for scene in scenes)


def test_without_boxes_there_is_nothing_to_learn_from(tmp_path: Path) -> None:
    crops(tmp_path, [("a", ",,,")])
    with pytest.raises(DataError, match="no crop there has a head box"):
        CliRunner().invoke(head_scenes, [str(tmp_path), "-o", str(tmp_path / "x")], catch_exceptions=False)
