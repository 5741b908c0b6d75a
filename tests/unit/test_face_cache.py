"""Cut-outs that are made once, and made anew where the picture or the model is another."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from booru_tagger.errors import ImageError
from booru_tagger.files import cache as module
from booru_tagger.review.face_cache import SIDE, FaceCache
from booru_tagger.tagging.options import TaggerOptions
from booru_tagger.tagging.tagger import Tagger
from booru_tagger.types import Box, TagResult
from tests.support.bundles import Painted, paint


@pytest.fixture
def tagger(tiny_bundle: Path) -> Tagger:
    return Tagger(TaggerOptions(tiny_bundle, gallery=None))


@pytest.fixture
def face_cache(tagger: Tagger, tmp_path: Path) -> Iterator[FaceCache]:
    face_cache = FaceCache(tmp_path / "cache" / "faces.sqlite3", tagger)
    yield face_cache
    face_cache.close()


@pytest.fixture
def result(tagger: Tagger, tmp_path: Path) -> TagResult:
    paint([Painted(20, 40, 80), Painted(180, 40, 100, "cirno", "blue", "blue")]).save(tmp_path / "a.png")
    return tagger.tag(tmp_path / "a.png")


def boxes(result: TagResult) -> list[Box]:
    return [face.box for face in result.faces]


def test_makes_what_it_then_finds(face_cache: FaceCache, result: TagResult, tagger: Tagger) -> None:
    picture = Path(result.path)
    assert face_cache.find(picture, boxes(result)) is None
    made = face_cache.make(picture, result, result.faces)
    found = face_cache.find(picture, boxes(result))
    assert found is not None and [one.jpeg for one in found] == [one.jpeg for one in made]
    for one, other, box in zip(made, found, boxes(result), strict=True):
        assert one.embedding is not None and other.embedding is not None
        assert np.array_equal(one.embedding, other.embedding)
        assert np.linalg.norm(one.embedding) == pytest.approx(1, abs=1e-5)
        with Image.open(io.BytesIO(one.jpeg)) as image:
            assert image.size == (SIDE, SIDE)
            centre = np.asarray(image)[SIDE // 2, SIDE // 2]
        with Image.open(picture) as image:
            there = np.asarray(image)[int(box.y0 + box.y1) // 2, int(box.x0 + box.x1) // 2]
        assert np.abs(centre.astype(int) - there).max() < 30


def test_another_picture_of_the_same_name_is_cut_anew(face_cache: FaceCache, result: TagResult) -> None:
    picture = Path(result.path)
    face_cache.make(picture, result, result.faces)
    paint([Painted(30, 30, 90)]).save(picture)
    assert face_cache.find(picture, boxes(result)) is None
    picture.unlink()
    assert face_cache.find(picture, boxes(result)) is None
    with pytest.raises(ImageError):
        face_cache.make(picture, result, result.faces)


def test_is_kept_from_one_use_to_the_next(tagger: Tagger, result: TagResult, tmp_path: Path) -> None:
    path = tmp_path / "faces.sqlite3"
    first = FaceCache(path, tagger)
    first.make(Path(result.path), result, result.faces)
    first.close()
    again = FaceCache(path, tagger)
    assert again.find(Path(result.path), boxes(result)) is not None
    again.close()


def test_a_damaged_file_is_begun_anew(tagger: Tagger, result: TagResult, tmp_path: Path) -> None:
    path = tmp_path / "faces.sqlite3"
    path.write_bytes(b"noise " * 2_000)
    face_cache = FaceCache(path, tagger)
    assert len(face_cache.make(Path(result.path), result, result.faces)) == 2
    assert face_cache.find(Path(result.path), boxes(result)) is not None
    face_cache.close()


def test_does_without_a_file_where_none_can_be(tagger: Tagger, result: TagResult, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    face_cache = FaceCache(tmp_path / "file" / "faces.sqlite3", tagger)
    face_cache.make(Path(result.path), result, result.faces)
    assert face_cache.find(Path(result.path), boxes(result)) is not None
    face_cache.close()


def test_makes_room(
    tagger: Tagger, result: TagResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "faces.sqlite3"
    face_cache = FaceCache(path, tagger)
    face_cache.make(Path(result.path), result, result.faces)
    face_cache.close()
    monkeypatch.setattr(module, "MAX_BYTES", 0)
    face_cache = FaceCache(path, tagger)
    assert face_cache.find(Path(result.path), boxes(result)) is None, "half of the two is gone"
    face_cache.close()


def test_crops_are_compared_as_they_are_tagged(tiny_bundle: Path, tmp_path: Path) -> None:
    tagger = Tagger(TaggerOptions(tiny_bundle, crops=True, gallery=None))
    paint([Painted(0, 0, 100)], size=(100, 100)).save(tmp_path / "a.png")
    face_cache = FaceCache(tmp_path / "faces.sqlite3", tagger)
    (made,) = face_cache.make(tmp_path / "a.png", (result := tagger.tag(tmp_path / "a.png")), result.faces)
    (answer,) = tagger.networks.look_at_faces((tmp_path / "a.png").read_bytes(), "a.png").answers
    assert made.embedding is not None and answer.embedding is not None
    assert float(made.embedding @ answer.embedding) > 0.999
    face_cache.close()
