"""Long pictures: every head is whole in a look that answers for it, and no piece of one is taken for one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from booru_tagger.imaging import Normalisation, Picture, decode_picture, letterbox
from booru_tagger.models.bundle import Bundle, DetectorSpec
from booru_tagger.models.detector import Detector
from booru_tagger.models.session import Session
from booru_tagger.models.tiles import Tile, pixels_needed, tiles_of
from booru_tagger.types import Box
from tests.support.bundles import Painted, make_bundle, paint
from tests.support.pictures import encoded

sizes = st.tuples(st.integers(40, 2000), st.floats(2.6, 60), st.booleans())
specs = st.builds(
    lambda sides, length: DetectorSpec(
        "d.onnx", tuple(sides), Normalisation(), 0.5, tile_length=length, head_shares=((0, 0.1),) * len(sides)
    ),
    st.sampled_from([[256, 512], [384]]),
    st.floats(1, 3),
)


def extent(size: tuple[int, float, bool]) -> tuple[int, int]:
    shorter, aspect, wide = size
    longer = round(shorter * aspect)
    return (longer, shorter) if wide else (shorter, longer)


def clipped(box: Box, region: Box) -> Box:
    return Box(max(box.x0, region.x0), max(box.y0, region.y0), min(box.x1, region.x1), min(box.y1, region.y1))


def answers(tile: Tile, box: Box) -> bool:
    x, y = (box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2
    longer, core = max(box.width, box.height), tile.core
    inside = core.x0 <= x <= core.x1 and core.y0 <= y <= core.y1
    return inside and any(low <= longer <= high for low, high in tile.sizes)


@st.composite
def heads(draw: st.DrawFn, width: int, height: int) -> Box:
    """A head somewhere in the picture, whole."""
    shorter = min(width, height)
    across = draw(st.floats(0.02 * shorter, shorter))
    along = min(max(width, height), draw(st.floats(0.7, 1.4)) * across)
    x, y = draw(st.floats(0, 1)) * (shorter - across), draw(st.floats(0, 1)) * (max(width, height) - along)
    return Box(x, y, x + across, y + along) if height > width else Box(y, x, y + along, x + across)


@given(st.data(), sizes, specs)
def test_every_head_is_whole_in_a_look_that_answers_for_it(
    data: st.DataObject, size: tuple[int, float, bool], spec: DetectorSpec
) -> None:
    width, height = extent(size)
    head = data.draw(heads(width, height))
    tiles = [tile for tile in tiles_of(spec, width, height) if answers(tile, head)]
    assert any(clipped(head, tile.region) == head for tile in tiles)


@given(st.data(), sizes, specs)
def test_no_piece_of_a_cut_head_is_answered_for(
    data: st.DataObject, size: tuple[int, float, bool], spec: DetectorSpec
) -> None:
    width, height = extent(size)
    head = data.draw(heads(width, height))
    for tile in tiles_of(spec, width, height):
        piece = clipped(head, tile.region)
        if piece != head and piece.width > 0 and piece.height > 0:
            assert not answers(tile, piece)


@pytest.mark.parametrize(("width", "height"), [(800, 2000), (2000, 800), (1000, 1000)])
def test_a_normal_picture_is_looked_at_as_a_whole_once_for_each_side(width: int, height: int) -> None:
    spec = DetectorSpec("d.onnx", (256, 512), Normalisation(), 0.5)
    tiles = tiles_of(spec, width, height)
    assert [tile.side for tile in tiles] == [256, 512]
    assert {tile.region for tile in tiles} == {Box(0, 0, width, height)}
    assert pixels_needed(spec, width, height) == 512


def test_the_longer_the_picture_the_more_pixels_are_decoded() -> None:
    spec = DetectorSpec("d.onnx", (256, 512), Normalisation(), 0.5)
    assert pixels_needed(spec, 800, 8000) == pixels_needed(spec, 8000, 800) == 5120


def test_only_the_region_is_scaled() -> None:
    pixels = np.zeros((100, 40, 3), np.uint8)
    pixels[50:90] = 200
    shown, scale = letterbox(pixels, 32, Box(0, 50, 40, 90))
    assert shown.shape == (32, 32, 3) and scale == 0.8 and (shown[2:-2] == 200).all()
    assert (letterbox(pixels, 32, Box(0, 0, 40, 50))[0][:-2, :20] == 0).all()


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("of", [1, 2])
def test_heads_in_a_long_picture_are_found_once(tmp_path: Path, turned: bool, of: int) -> None:
    """At all places with regard to the seams, small and as large as the strip is broad."""
    width, spread = 240, 3600
    bundle = Bundle.load(make_bundle(tmp_path, detector={"sides": [128, 256]}))
    assert bundle.detector
    painted = [Painted(10 + 170 * index, 20 + 9 * index % 120, 60) for index in range(14)]
    painted += [Painted(2500, 5, 225), Painted(2900, 40, 140), Painted(3300, 60, 100)]
    if turned:  # the tiny detector tells frames apart that are beside each other, so one only in each tile
        painted = [Painted(20, 60 + 700 * index, 100) for index in range(5)]
    size = (width, spread) if turned else (spread, width)
    image = paint(painted, size).reduce(of)
    detector = Detector(Session(bundle.read("detector.onnx")), bundle.detector)
    faces = detector.detect(Picture(image, *size))
    assert len(faces) == len(painted)
    for expected in painted:
        assert max(Box(*expected.box).iou(face.box) for face in faces) > 0.85


def test_a_long_jpeg_is_decoded_as_closely_as_it_is_looked_at() -> None:
    strip = encoded(paint([], (1600, 12800)), "JPEG")
    spec = DetectorSpec("d.onnx", (256,), Normalisation(), 0.5)
    picture = decode_picture(strip, "strip", longest=lambda *size: 2 * pixels_needed(spec, *size))
    assert picture.image.size == (800, 6400) and picture.width == 1600


def test_a_long_picture_may_hold_more_heads(tmp_path: Path) -> None:
    bundle = Bundle.load(make_bundle(tmp_path, detector={"sides": [128], "max_faces": 3}))
    assert bundle.detector
    painted = [Painted(20 + 150 * index, 30, 60) for index in range(8)]
    detector = Detector(Session(bundle.read("detector.onnx")), bundle.detector)
    assert len(detector.detect(Picture(paint(painted, (1200, 120)), 1200, 120))) == 8
    assert len(detector.detect(Picture(paint(painted[:4], (640, 320)), 640, 320))) == 3
