"""Parts of pictures are turned back by known angles, in one resampling, filled from the picture itself."""

from __future__ import annotations

import math
import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from booru_tagger.errors import ModelError
from booru_tagger.imaging import Picture, turned_crop, turned_part
from booru_tagger.models.bundle import Bundle
from booru_tagger.models.roll import RollEstimator
from booru_tagger.types import Box
from tests.support.bundles import GREEN, add_roll, make_bundle

ANGLES = (-170.0, -90.0, -33.0, 7.0, 45.0, 120.0)


def drawn(degrees: float, size: int = 400, middle: tuple[float, float] = (200, 200)) -> Image.Image:
    """A head on grey, turned clockwise around ``middle``: a red dot above, a blue one at the right."""
    image = Image.new("RGB", (size, size), (120, 130, 120))
    draw = ImageDraw.Draw(image)
    for angle, color in ((0, (255, 0, 0)), (90, (0, 0, 255))):
        turn = math.radians(angle + degrees)
        x, y = middle[0] + 60 * math.sin(turn), middle[1] - 60 * math.cos(turn)
        draw.ellipse((x - 14, y - 14, x + 14, y + 14), fill=color)
    return image


def middle_of(image: Image.Image, channel: int) -> tuple[float, float]:
    """Where the dot of that color is, as shares of the picture's sides."""
    pixels = np.asarray(image, dtype=float)
    weight = np.clip(pixels[..., channel] - pixels.sum(2) / 2, 0, None)
    rows, columns = np.indices(weight.shape)
    total = weight.sum()
    return (
        float(((columns + 0.5) * weight).sum() / total / image.width),
        float(((rows + 0.5) * weight).sum() / total / image.height),
    )


@pytest.mark.parametrize("degrees", ANGLES)
@pytest.mark.parametrize("size", [50, 70, 200, 333])
def test_what_was_turned_is_turned_back(degrees: float, size: int) -> None:
    part = turned_part(drawn(degrees), Box(100, 100, 300, 300), degrees, (size, size))
    assert part.size == (size, size)
    assert middle_of(part, 0) == pytest.approx((0.5, 0.2), abs=0.01)
    assert middle_of(part, 2) == pytest.approx((0.8, 0.5), abs=0.01)


def test_a_part_need_not_be_square() -> None:
    part = turned_part(drawn(30), Box(100, 120, 300, 280), 30, (100, 80))
    assert middle_of(part, 2) == pytest.approx((0.8, 0.5), abs=0.01)


def test_corners_are_filled_from_the_picture_and_mirrored_beyond_its_border() -> None:
    image = drawn(45, middle=(70, 70))
    inside = np.asarray(turned_part(drawn(45), Box(100, 100, 300, 300), 45, (100, 100)))
    beyond = np.asarray(turned_part(image, Box(-30, -30, 170, 170), 45, (100, 100)))
    for corner in (inside[0, 0], inside[0, -1], inside[-1, 0], beyond[0, 0], beyond[0, -1]):
        assert np.abs(corner.astype(int) - (120, 130, 120)).max() <= 2
    grey = turned_crop(image, Box(-30, -30, 170, 170), 45, 100)
    assert grey.shape == (100, 100, 3) and set(grey[0, 0]) == {128}


def test_a_region_beyond_the_picture_is_grey() -> None:
    assert set(turned_crop(drawn(0), Box(900, 900, 950, 950), 20, 16).flat) == {128}


def head(degrees: float, dot: bool = True) -> Picture:
    """A picture of which the tiny network says that its head, at :data:`HEAD`, is turned so far."""
    image = Image.new("RGB", (300, 300), (200, 180, 160))
    if dot:
        turn = math.radians(degrees)
        x, y = 150 + 50 * math.sin(turn), 150 - 50 * math.cos(turn)
        ImageDraw.Draw(image).ellipse((x - 12, y - 12, x + 12, y + 12), fill=GREEN)
    return Picture(image, 600, 600)


HEAD = Box(150, 150, 450, 450)


@pytest.fixture
def estimator(tmp_path: Path) -> RollEstimator:
    return RollEstimator(add_roll(make_bundle(tmp_path / "bundle")))


@pytest.mark.parametrize("degrees", [*ANGLES, 0.0, 179.0])
def test_says_how_far_a_head_is_turned(estimator: RollEstimator, degrees: float) -> None:
    (roll,) = estimator.rolls(head(degrees), [HEAD])
    assert roll.sure and abs((roll.degrees - degrees + 180) % 360 - 180) < 3


def test_is_not_sure_where_it_sees_nothing(estimator: RollEstimator) -> None:
    rolls = estimator.rolls(head(20, dot=False), [HEAD] * 70)
    assert len(rolls) == 70 and not any(roll.sure for roll in rolls)
    assert estimator.rolls(head(20), []) == []


def test_pickles_as_its_bundle(estimator: RollEstimator) -> None:
    (roll,) = pickle.loads(pickle.dumps(estimator)).rolls(head(33), [HEAD])
    assert roll == estimator.rolls(head(33), [HEAD])[0]


def test_a_bundle_without_such_a_network_says_what_to_do(tiny_bundle: Path) -> None:
    with pytest.raises(ModelError, match="train roll"):
        RollEstimator(tiny_bundle)


def test_nothing_is_tagged_again_because_of_it(tiny_bundle: Path, tmp_path: Path) -> None:
    folder = make_bundle(tmp_path / "bundle")
    before = Bundle.load(folder)
    after = Bundle.load(add_roll(folder))
    assert after.roll is not None and before.roll is None
    assert after.fingerprint == before.fingerprint
    assert Bundle.load(add_roll(folder, sure=0.1)).fingerprint == before.fingerprint
    after.verify()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sure": 2}, "roll.sure: expected a number from 0 to 1, found 2"),
        ({"sure": None}, "roll.sure: missing"),
        ({"file": "other.onnx"}, "roll.file: 'other.onnx' is not listed under 'files'"),
        ({"bins": 3}, "roll.bins: unknown key"),
    ],
)
def test_a_wrong_section_is_refused(tmp_path: Path, changes: dict[str, object], message: str) -> None:
    folder = add_roll(make_bundle(tmp_path / "bundle"), **changes)
    with pytest.raises(ModelError) as caught:
        Bundle.load(folder)
    assert message in str(caught.value)


def test_another_network_is_refused(tmp_path: Path) -> None:
    folder = add_roll(make_bundle(tmp_path / "bundle"), file="recogniser.onnx")
    with pytest.raises(ModelError, match="output 'roll' with two columns"):
        RollEstimator(folder).rolls(head(0), [HEAD])
