"""Drawings of what was found: in place, inside the picture, and never too large."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from booru_tagger.drawing.boxes import LONGEST, draw_faces, is_drawing, png
from booru_tagger.imaging import Picture
from booru_tagger.types import Box, CharacterMatch, FaceResult, ScoredTag, TagResult


def drawn(width: int, height: int, *faces: FaceResult, scale: float = 1.0) -> tuple[Image.Image, np.ndarray]:
    """A drawing on a grey picture that was decoded at ``scale``, and where it is not grey any more."""
    pixels = np.full((round(height * scale), round(width * scale), 3), 128, dtype=np.uint8)
    result = TagResult("a.png", width, height, faces=faces)
    image = draw_faces(Picture(pixels, width, height), result)
    return image, (np.asarray(image) != 128).any(axis=2)


def face(box: Box, name: str | None = "hatsune_miku") -> FaceResult:
    who = CharacterMatch(name, 0.97) if name is not None else None
    return FaceResult(box, 0.9, character=who, hair_color=ScoredTag("aqua_hair", 0.9))


def test_a_frame_and_a_name_below_it() -> None:
    image, changed = drawn(400, 300, face(Box(50, 40, 150, 140)))
    assert image.size == (400, 300)
    assert changed[40, 50:150].all() and changed[139, 50:150].all()
    assert not changed[60:120, 60:140].any(), "the face itself is not covered"
    assert changed[141:160, 50:150].any(), "its name"
    assert not changed[:, 300:].any()


def test_a_known_face_has_another_color_than_an_unknown_one() -> None:
    image, _ = drawn(400, 300, face(Box(10, 40, 90, 120)), face(Box(210, 40, 290, 120), None))
    assert image.getpixel((50, 40)) != image.getpixel((250, 40))


@pytest.mark.parametrize("scale", [1.0, 0.5])
def test_boxes_are_those_of_the_original_however_it_was_decoded(scale: float) -> None:
    image, changed = drawn(3000, 6000, face(Box(600, 1200, 1500, 2400)), scale=scale)
    assert max(image.size) == LONGEST
    factor = LONGEST / 6000
    top = round(1200 * factor)
    assert changed[top - 2 : top + 4, round(700 * factor) : round(1400 * factor)].any(axis=0).all()
    assert not changed[: top - 4].any()


@pytest.mark.parametrize("box", [Box(0, 250, 100, 300), Box(380, 280, 400, 300), Box(-30, -20, 20, 30)])
def test_names_stay_inside_the_picture(box: Box) -> None:
    _, alone = drawn(400, 300, FaceResult(box, 0.9))
    _, named = drawn(400, 300, face(box, "初音ミク\n" + "x" * 200))
    assert named.sum() > alone.sum() > 200


def test_a_box_of_no_size_and_a_picture_of_one_pixel() -> None:
    drawn(400, 300, face(Box(10, 10, 10, 10)))
    image, _ = drawn(1, 1, face(Box(0, 0, 1, 1)))
    assert image.size == (1, 1)


def test_a_picture_without_faces_is_left_as_it_is() -> None:
    assert not drawn(40, 30)[1].any()


def test_a_drawing_is_known_again(tmp_path: Path) -> None:
    path, other = tmp_path / "a.png", tmp_path / "b.png"
    path.write_bytes(png(Image.new("RGB", (4, 4))))
    Image.new("RGB", (4, 4)).save(other)
    assert is_drawing(path)
    assert not is_drawing(other)
    assert not is_drawing(tmp_path / "no.png")
