"""Pictures that are nearly the same are known again, others are not taken for them."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from booru_tagger.imaging.prints import print_of
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


def test_a_print_survives_as_text() -> None:
    one = print_of(drawing(1))
    again = unpacked(packed(one))
    assert np.array_equal(again.signs, one.signs) and np.abs(again.thumb - one.thumb).max() <= 0.5
    assert again.signs.dtype == again.thumb.dtype == np.float32
    with pytest.raises(ValueError):
        unpacked("abc")
