"""Pictures that are nearly the same are known again, others are not taken for them."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from PIL import Image

from booru_tagger.imaging.prints import BITS, MIRROR, NEAR_BITS, NEAR_COLOR, THUMB, Print, print_of
from booru_tagger.library.near_duplicates import SeenPictures, packed, unpacked


def drawing(seed: int) -> Image.Image:
    """Soft blotches of color: something at all low frequencies, as drawings have."""
    noise = np.random.default_rng(seed).integers(0, 256, (12, 12, 3), np.uint8)
    return Image.fromarray(noise).resize((200, 200), Image.Resampling.BICUBIC)


def saved(image: Image.Image, form: str, **options: int) -> Image.Image:
    stream = io.BytesIO()
    image.save(stream, form, **options)
    return Image.open(stream).convert("RGB")


@pytest.mark.parametrize(
    "other",
    [
        drawing(1).resize((64, 64)),
        saved(drawing(1), "JPEG", quality=60),
        drawing(1).transpose(Image.Transpose.FLIP_LEFT_RIGHT),
        drawing(1).crop((2, 2, 198, 198)),
    ],
)
def test_near_duplicates_are_known_again(other: Image.Image) -> None:
    seen = SeenPictures()
    assert not seen.has_like(print_of(drawing(1)))
    for seed in range(2, 100):  # more than there is room for at first
        assert not seen.has_like(print_of(drawing(seed)))
        seen.take(print_of(drawing(seed)))
    seen.take(print_of(drawing(1)))
    assert seen.has_like(print_of(other))
    assert not seen.has_like(print_of(drawing(101)))


def compared_with_all(one: Print, taken: list[Print]) -> bool:
    for signs, thumb in ((one.signs, one.thumb), (one.signs * MIRROR, one.thumb[:, ::-1])):
        for other in taken:
            same_bits = np.count_nonzero(signs == other.signs)
            if same_bits >= BITS - NEAR_BITS and np.abs(thumb - other.thumb).mean() <= NEAR_COLOR:
                return True
    return False


@given(st.integers(0, 2**32 - 1), st.floats(0, 2 * NEAR_COLOR), st.booleans())
def test_what_is_not_compared_would_not_be_alike(seed: int, apart: float, mirrored: bool) -> None:
    assume(abs(apart - NEAR_COLOR) > 1e-3)
    chance = np.random.default_rng(seed)
    first = chance.uniform(40, 215, (THUMB, THUMB, 3))
    change = chance.choice([-1.0, 1.0], first.shape) if seed % 2 else np.ones_like(first)
    second = (first + apart * change).astype(np.float32)
    signs = np.ones(BITS, np.float32)
    taken, one = Print(signs, first.astype(np.float32)), Print(signs, second)
    if mirrored:
        one = Print(signs * MIRROR, second[:, ::-1])
    seen = SeenPictures()
    seen.take(taken)
    assert seen.has_like(one) == compared_with_all(one, [taken])


def test_of_thousands_few_are_compared() -> None:
    chance = np.random.default_rng(5)
    seen, compared = SeenPictures(), 0
    for _ in range(2_000):  # as unlike as faces are: by a few large areas, and some detail
        areas = chance.normal(140, 45, (2, 2, 3)).repeat(THUMB // 2, 0).repeat(THUMB // 2, 1)
        thumb = np.clip(areas + chance.normal(0, 20, areas.shape), 0, 255).astype(np.float32)
        one = Print(np.where(chance.random(BITS) < 0.5, np.float32(1), np.float32(-1)), thumb)
        compared += len(seen.to_compare(one))
        seen.take(one)
    assert compared < 0.05 * 2_000 * 1_999 / 2


def test_a_print_survives_as_text() -> None:
    one = print_of(drawing(1))
    again = unpacked(packed(one))
    assert np.array_equal(again.signs, one.signs) and np.abs(again.thumb - one.thumb).max() <= 0.5
    assert again.signs.dtype == again.thumb.dtype == np.float32
    with pytest.raises(ValueError):
        unpacked("abc")
