"""The fast path finds what the reference path does, picture by picture, with the model that ships.

The fast path decodes a JPEG at a fraction of its size where that serves, keeps pictures in Pillow's form and
takes several at once. The reference decodes every pixel into an array, one picture after the other.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from booru_export.drawn import draw_scene
from PIL import Image

from booru_tagger.imaging import Picture, decode_picture
from booru_tagger.parallel import ThreadExecutor
from booru_tagger.tagging.options import TaggerOptions
from booru_tagger.tagging.tagger import Tagger
from booru_tagger.types import Box, FaceResult, TagResult
from tests.support.bundles import Painted, paint
from tests.support.pictures import encoded

NEAR = 2.0
"""Pixels that a side of a box may differ by, or ..."""
SHARE = 0.03
"""... this share of its longer side: a head of 700 pixels has no edge that is sharper."""
CLEAR = 0.1
"""How far above its threshold a score must be for nothing to tip it."""
SURE = 0.8

Encoded = tuple[str, bytes]


def drawn(seed: int, size: tuple[int, int], kind: str) -> Encoded:
    """A drawn picture with the grain that real ones have."""
    pixels = np.asarray(draw_scene(seed, size=size).image).astype(np.int16)
    pixels = pixels + np.random.default_rng(seed).integers(-6, 7, pixels.shape)
    image = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
    return f"{seed}.{kind.lower()}", encoded(image, kind, quality=92)


@pytest.fixture(scope="module")
def pictures() -> list[Encoded]:
    large = [drawn(seed, (1536, 2048), "JPEG") for seed in (11, 12, 14, 15)]
    return [
        *large,
        drawn(20, (3000, 2200), "JPEG"),
        drawn(31, (900, 1200), "WEBP"),
        drawn(42, (1000, 700), "PNG"),
        drawn(33, (250, 300), "JPEG"),
    ]


def by_reference(tagger: Tagger, pictures: list[Encoded]) -> list[TagResult]:
    results = []
    for name, data in pictures:
        decoded = decode_picture(data, name)
        whole = Picture(np.array(decoded.pixels), decoded.width, decoded.height)
        results.append(tagger.tag_picture(whole, name))
    return results


def by_fast_path(tagger: Tagger, pictures: list[Encoded]) -> list[TagResult]:
    return list(ThreadExecutor(3).run(lambda item: tagger.tag_bytes(item[1], item[0]), pictures))


def difference(one: Box, other: Box) -> float:
    return max(abs(a - b) for a, b in zip(one, other, strict=True))


def missing(
    faces: tuple[FaceResult, ...], among: tuple[FaceResult, ...], min_score: float
) -> list[FaceResult]:
    """Clear faces that are not, at the same place, among the others."""
    return [
        face
        for face in faces
        if face.score >= min_score
        and not any(
            difference(face.box, other.box) <= max(NEAR, SHARE * max(face.box.width, face.box.height))
            for other in among
        )
    ]


def test_same_faces_and_same_tags_with_the_model_that_ships(pictures: list[Encoded]) -> None:
    tagger = Tagger(TaggerOptions(gallery=None))
    assert tagger.bundle.detector is not None
    min_score = tagger.bundle.detector.threshold + CLEAR
    slow, fast = by_reference(tagger, pictures), by_fast_path(tagger, pictures)
    assert sum(len(result.faces) for result in slow) >= len(pictures)
    for before, after in zip(slow, fast, strict=True):
        assert (after.path, after.width, after.height) == (before.path, before.width, before.height)
        assert missing(before.faces, after.faces, min_score) == []
        assert missing(after.faces, before.faces, min_score) == []
        for one, other in ((before, after), (after, before)):
            sure = {tag.tag for tag in one.tags if tag.score >= SURE}
            assert sure <= {tag.tag for tag in other.tags}


def test_a_smaller_decoding_is_part_of_the_comparison(pictures: list[Encoded]) -> None:
    name, data = pictures[0]
    assert Tagger(TaggerOptions(gallery=None)).networks.decode(data, name).scale < 1
    assert decode_picture(data, name).scale == 1


def test_the_same_to_the_pixel_where_nothing_is_left_out(tiny_bundle: Path) -> None:
    """With a model whose answers are known, and pictures that decode whole, both paths give one result."""
    tagger = Tagger(TaggerOptions(tiny_bundle, gallery=None))
    pictures = [
        (f"{side}.png", encoded(paint([Painted(20, 30, side), Painted(180, 60, 70, "cirno")]), "PNG"))
        for side in (60, 84, 110, 131)
    ]
    assert by_fast_path(tagger, pictures) == by_reference(tagger, pictures)


@pytest.mark.parametrize("orientation", [1, 6])
def test_two_pixels_and_the_same_tags_on_reduced_jpegs(tiny_bundle: Path, orientation: int) -> None:
    tagger = Tagger(TaggerOptions(tiny_bundle, gallery=None))
    image = paint([Painted(300, 420, 640), Painted(1300, 500, 480, "cirno", "blue", "blue")], (2048, 1600))
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = ("a.jpg", encoded(image, "JPEG", quality=95, subsampling=0, exif=exif))
    assert tagger.networks.decode(picture[1], "a.jpg").scale < 1
    (before,), (after,) = by_reference(tagger, [picture]), by_fast_path(tagger, [picture])
    assert len(after.faces) == len(before.faces) > 0
    for one, other in zip(before.faces, after.faces, strict=True):
        assert difference(one.box, other.box) <= NEAR * 2048 / 256  # of the 256 pixels that the network sees
    assert {tag.tag for tag in after.tags} == {tag.tag for tag in before.tags}
