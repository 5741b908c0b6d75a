"""Drawn pictures are the same every time, and what is said of them is true."""

from __future__ import annotations

import colorsys
import importlib.util
import json
import subprocess
import sys
from functools import cache
from itertools import combinations
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from booru_export.drawn import EYE_COLORS, HAIR_COLORS, STYLES, Drawing, DrawnHead, draw_scene
from PIL import Image

from booru_tagger.imaging import Pixels

EXAMPLES = Path(__file__).parents[2] / "examples"
HUES = {
    "red": 357,
    "orange": 25,
    "yellow": 49,
    "green": 125,
    "aqua": 182,
    "blue": 219,
    "purple": 271,
    "pink": 340,
}
"""Middle hues, in degrees, of colors that a hue tells apart from the others."""


@cache
def portraits() -> tuple[Drawing, ...]:
    return tuple(draw_scene(seed, size=(256, 256), characters=1) for seed in range(40))


def part(drawing: Drawing, head: DrawnHead, left: float, top: float, right: float, bottom: float) -> Pixels:
    """The pixels in a part of a head box, given in shares of its sides."""
    box, (across, down) = head.box, (head.box.width, head.box.height)
    x0, x1 = round(box.x0 + left * across), round(box.x0 + right * across)
    y0, y1 = round(box.y0 + top * down), round(box.y0 + bottom * down)
    return np.asarray(drawing.image)[y0:y1, x0:x1].reshape(-1, 3)


def share_of_hue(pixels: Pixels, name: str, min_saturation: float) -> float:
    """How many of the pixels have a color's hue, give or take 14 degrees."""
    hits = 0
    for red, green, blue in pixels.tolist():
        hue, saturation, value = colorsys.rgb_to_hsv(red / 255, green / 255, blue / 255)
        apart = abs((hue * 360 - HUES[name] + 180) % 360 - 180)
        hits += apart <= 14 and saturation >= min_saturation and value > 0.2
    return hits / len(pixels)


def test_a_seed_gives_the_same_picture_every_time_and_another_seed_another_one() -> None:
    first, again, other = (draw_scene(seed, size=(160, 120)) for seed in (7, 7, 8))
    assert first.image.tobytes() == again.image.tobytes()
    assert first.heads == again.heads
    assert first.image.tobytes() != other.image.tobytes()


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("characters", [1, 2, 3, 4])
def test_every_style_draws_as_many_heads_as_asked_for(style: str, characters: int) -> None:
    drawing = draw_scene(characters, size=(320, 200), characters=characters, style=style)
    assert drawing.image.size == (320, 200)
    assert drawing.image.mode == "RGB"
    assert len(drawing.heads) == characters
    for head in drawing.heads:
        assert head.hair in HAIR_COLORS
        assert head.eyes in (*EYE_COLORS, "closed")
        assert 0 <= head.box.x0 < head.box.x1 <= 320
        assert 0 <= head.box.y0 < head.box.y1 <= 200


def test_heads_do_not_hide_one_another_and_are_about_as_wide_as_tall() -> None:
    for seed in range(12):
        heads = draw_scene(seed, size=(240, 180), characters=2 + seed % 3).heads
        assert all(first.box.iou(second.box) < 0.15 for first, second in combinations(heads, 2))
        assert all(0.7 < head.box.width / head.box.height < 1.35 for head in heads)


def test_the_color_named_as_the_hair_s_fills_the_upper_part_of_the_head_box() -> None:
    """Just below the top there is nothing but hair, or something worn on it."""
    told = [(drawing, head) for drawing in portraits() for head in drawing.heads if head.hair in HUES]
    filled = [
        share_of_hue(part(drawing, head, 0.25, 0.15, 0.75, 0.35), head.hair, 0.2) > 0.5
        for drawing, head in told
    ]
    assert len(told) >= 15
    assert np.mean(filled) > 0.75


def test_the_color_named_as_the_eyes_is_found_where_eyes_are() -> None:
    told = [
        (drawing, head)
        for drawing in portraits()
        for head in drawing.heads
        if head.eyes in HUES and head.eyes != head.hair
    ]
    found = [
        share_of_hue(part(drawing, head, 0.15, 0.48, 0.85, 0.78), head.eyes, 0.3) > 0.01
        for drawing, head in told
    ]
    assert len(told) >= 15
    assert np.mean(found) > 0.8


def test_what_cannot_be_drawn_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"no drawing style 'cubist'.*cel"):
        draw_scene(0, style="cubist")
    with pytest.raises(ValueError, match="5 characters"):
        draw_scene(0, characters=5)


def test_drawing_needs_no_training_packages() -> None:
    code = "import sys, booru_export.drawn, booru_export.data.tables; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("draw_examples", EXAMPLES / "draw_examples.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_example_pictures_are_what_their_script_draws(script: ModuleType, tmp_path: Path) -> None:
    script.main(tmp_path)
    drawn = sorted(path.name for path in tmp_path.iterdir())
    kept = {path.name for path in (EXAMPLES / "pictures").iterdir()}
    assert kept.issuperset(drawn)
    truth = [(tmp_path / "truth.jsonl"), (EXAMPLES / "pictures" / "truth.jsonl")]
    new, old = ([json.loads(line) for line in path.read_text("utf-8").splitlines()] for path in truth)
    assert new == old
    for row in old:
        with (
            Image.open(tmp_path / row["path"]) as fresh,
            Image.open(EXAMPLES / "pictures" / row["path"]) as committed,
        ):
            pixels = [np.asarray(image.convert("RGB"), dtype=np.int16) for image in (fresh, committed)]
        # versions of Pillow and of the codecs differ a little
        assert np.abs(pixels[0] - pixels[1]).mean() < 3


def test_the_example_pictures_are_small_and_of_several_formats() -> None:
    rows = [
        json.loads(line) for line in (EXAMPLES / "pictures" / "truth.jsonl").read_text("utf-8").splitlines()
    ]
    files = [EXAMPLES / "pictures" / row["path"] for row in rows]
    assert sum(file.stat().st_size for file in files) < 1_000_000
    assert {file.suffix for file in files} == {".jpg", ".png", ".webp"}
    assert {len(row["boxes"]) for row in rows} == {1, 2, 3, 4}
