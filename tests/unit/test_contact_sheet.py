"""The contact sheet: faces with captions, bounded, and known again."""

from __future__ import annotations

import io
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from booru_tagger.drawing.contact_sheet import CELL, MARGIN, ContactSheet, is_sheet
from booru_tagger.types import Box, CharacterMatch, FaceResult, PictureError, ScoredTag, TagResult

RED, BLUE = (220, 20, 20), (20, 20, 220)


def known(box: Box) -> FaceResult:
    return FaceResult(
        box, 0.9, CharacterMatch("a_very_long_name_(of_a_series)", 0.9), hair_color=ScoredTag("red_hair", 0.8)
    )


def two_heads(folder: Path, name: str = "two.png", orientation: int = 1) -> TagResult:
    """A picture with a red head on the left and a blue one on the right, and its result."""
    image = Image.new("RGB", (400, 200), (255, 255, 255))
    image.paste(RED, (40, 40, 140, 140))
    image.paste(BLUE, (250, 50, 350, 150))
    if orientation == 3:
        exif = Image.Exif()
        exif[0x0112] = orientation
        image.rotate(180).save(folder / name, exif=exif)
    else:
        image.save(folder / name)
    faces = (known(Box(40, 40, 140, 140)), FaceResult(Box(250, 50, 350, 150), 0.8))
    return TagResult(str(folder / name), 400, 200, faces)


def drawn(sheet: ContactSheet) -> Image.Image:
    return Image.open(io.BytesIO(sheet.png())).convert("RGB")


def cell_centre(column: int) -> tuple[int, int]:
    return MARGIN + column * (CELL + MARGIN) + CELL // 2, MARGIN + CELL // 2


@pytest.mark.parametrize("orientation", [1, 3])
def test_each_face_stands_in_its_cell_upright(tmp_path: Path, orientation: int) -> None:
    sheet = ContactSheet()
    sheet.add(two_heads(tmp_path, "two.png", orientation))
    image = drawn(sheet)
    for column, color in enumerate((RED, BLUE)):
        assert image.getpixel(cell_centre(column)) == pytest.approx(color, abs=3)
    assert len(sheet) == 2


def test_captions_are_drawn_below_the_faces(tmp_path: Path) -> None:
    sheet = ContactSheet()
    sheet.add(two_heads(tmp_path))
    below = np.asarray(drawn(sheet))[MARGIN + CELL + 1 :]
    assert (below < 128).any()


def test_long_and_unusual_captions_stay_in_their_cell(tmp_path: Path) -> None:
    sheet = ContactSheet()
    sheet.add(two_heads(tmp_path, "a\nfile 初音ミク with a very, very, very long name \x1b[31m.png"))
    image = np.asarray(drawn(sheet))
    gap = image[:, MARGIN + CELL : 2 * MARGIN + CELL]  # between the two columns
    assert (gap == 255).all()


def test_no_more_than_the_limit_is_kept_and_the_rest_counted(tmp_path: Path) -> None:
    sheet = ContactSheet(limit=3)
    result = two_heads(tmp_path)
    for _ in range(3):
        sheet.add(result)
    assert (len(sheet), sheet.left_out, sheet.full) == (3, 3, True)
    assert (np.asarray(drawn(sheet))[-20:] < 200).any()  # says so at the foot


def test_rows_are_filled_one_after_the_other(tmp_path: Path) -> None:
    sheet = ContactSheet(columns=2)
    for _ in range(2):
        sheet.add(two_heads(tmp_path))
    assert len(sheet) == 4
    image = drawn(sheet)
    assert image.width == max(320, 2 * (CELL + MARGIN) + MARGIN)
    assert image.height >= 2 * CELL


def test_memory_is_that_of_the_thumbnails(tmp_path: Path) -> None:
    Image.new("RGB", (2000, 2000), RED).save(tmp_path / "big.png")
    result = TagResult(str(tmp_path / "big.png"), 2000, 2000, (known(Box(0, 0, 1900, 1900)),))
    sheet = ContactSheet()
    sheet.add(result)
    tracemalloc.start()
    for _ in range(5):
        sheet.add(result)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 2_000_000


def test_a_picture_that_is_gone_or_failed_is_passed_over(tmp_path: Path) -> None:
    sheet = ContactSheet()
    result = two_heads(tmp_path)
    Path(result.path).unlink()
    sheet.add(result)
    sheet.add(TagResult("x.png", error=PictureError("damaged", "x")))
    assert len(sheet) == 0


def test_a_sheet_without_faces_is_a_picture_too() -> None:
    assert drawn(ContactSheet()).width > 0


def test_a_sheet_is_known_again_and_nothing_else_is(tmp_path: Path) -> None:
    ours, theirs, text = tmp_path / "sheet.png", tmp_path / "photo.png", tmp_path / "text.png"
    ours.write_bytes(ContactSheet().png())
    Image.new("RGB", (3, 3)).save(theirs)
    text.write_text("booru-tagger contact sheet")
    assert is_sheet(ours)
    assert not any(map(is_sheet, (theirs, text, tmp_path / "missing.png", tmp_path)))
