"""From a file to faces and tags: decoding, crops, thresholds, failures, threads."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
from PIL import Image

import booru_tagger
from booru_tagger import TagResult, imaging, tag_paths
from booru_tagger.errors import (
    BooruTaggerError,
    ConfigError,
    DamagedImageError,
    ModelError,
    UnreadableImageError,
)
from booru_tagger.files.stamps import sha256_of
from booru_tagger.imaging import Limits, Picture
from booru_tagger.tagging import looking
from booru_tagger.tagging.options import TaggerOptions
from booru_tagger.tagging.tagger import Tagger
from booru_tagger.types import Box, ScoredTag
from tests.support.bundles import WHO, Painted, make_bundle, paint
from tests.support.comparing import about
from tests.support.pictures import turned

FACES = [
    Painted(20, 30, 64, "hatsune_miku", "aqua", "aqua"),
    Painted(120, 100, 90, "stranger", "pink", "closed"),
]


@pytest.fixture
def tagger(tiny_bundle: Path) -> Tagger:
    return Tagger(tiny_bundle)


def saved(path: Path, faces: list[Painted] = FACES, enlarge: int = 1, **options: Any) -> Path:
    image = paint(faces)
    if enlarge > 1:
        image = image.resize((image.width * enlarge, image.height * enlarge), Image.Resampling.NEAREST)
    image.save(path, **options)
    return path


def tags_of(result: TagResult) -> dict[str, str]:
    """Tag -> source."""
    return {tag.tag: tag.source for tag in result.tags}


def near(box: Box, painted: Painted, factor: int = 1) -> bool:
    return box.iou(Box(*(value * factor for value in painted.box))) > 0.9


def mixed(first: str, second: str, share: float, table: dict[str, tuple[int, int, int]]) -> Any:
    """A color between two."""
    return tuple(round(a * share + b * (1 - share)) for a, b in zip(table[first], table[second], strict=True))


def test_a_picture_from_end_to_end(tagger: Tagger, tmp_path: Path) -> None:
    path = saved(tmp_path / "絵.png")
    result = tagger.tag(path)
    assert (result.path, result.width, result.height) == (str(path), 320, 240)
    assert result.error is None and result.model == "tiny 1"
    miku, stranger = result.faces
    assert near(miku.box, FACES[0]) and near(stranger.box, FACES[1])
    assert miku.character and miku.character.tag == "hatsune_miku" and miku.character.source == "model"
    assert miku.candidates[0].tag == "hatsune_miku"
    assert miku.hair_color and miku.hair_color.tag == "aqua_hair"
    assert miku.eye_color and miku.eye_color.tag == "aqua_eyes"
    assert stranger.character is None and len(stranger.candidates) == 3
    assert stranger.hair_color and stranger.hair_color.tag == "pink_hair"
    assert stranger.eye_color is None
    sources = tags_of(result)
    assert sources.pop("aqua_hair") in ("measured", "implied")
    assert sources.pop("aqua_eyes") in ("measured", "implied")
    assert sources == {
        "hatsune_miku": "recogniser",
        "vocaloid": "implied",
        "twintails": "implied",
        "pink_hair": "measured",
        "closed_eyes": "measured",
    }
    categories = {tag.tag: tag.category for tag in result.tags}
    assert categories["vocaloid"] == "copyright" and categories["hatsune_miku"] == "character"
    assert set(categories.values()) == {"copyright", "character", "general"}
    assert TagResult.from_json(json.loads(json.dumps(result.to_json()))).to_json() == result.to_json()


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("enlarge", [1, 10])
def test_boxes_are_of_the_upright_original(
    tagger: Tagger, tmp_path: Path, orientation: int, enlarge: int
) -> None:
    """In every orientation, and where the JPEG is decoded at a fraction of its size (3200 to 800)."""
    image = paint(FACES).resize((320 * enlarge, 240 * enlarge), Image.Resampling.NEAREST)
    path = tmp_path / "turned.jpg"
    path.write_bytes(turned(image, orientation, "JPEG", quality=92))
    result = tagger.tag(path)
    assert (result.width, result.height) == image.size
    assert [near(face.box, painted, enlarge) for face, painted in zip(result.faces, FACES, strict=True)] == [
        True,
        True,
    ]
    assert result.faces[0].character and result.faces[0].character.tag == "hatsune_miku"


def decodes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Longest side of each decoded picture from now on."""
    seen: list[int] = []

    def record(*args: Any, **options: Any) -> Picture:
        picture = imaging.decode_picture(*args, **options)
        seen.append(max(picture.pixels.shape))
        return picture

    monkeypatch.setattr(looking, "decode_picture", record)
    return seen


def test_a_large_face_needs_one_small_decode(
    tagger: Tagger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, seen = saved(tmp_path / "a.jpg", enlarge=10, quality=90), decodes(monkeypatch)
    assert len(tagger.tag(path).faces) == 2
    assert seen == [800]  # at least twice the detector's 256, a quarter of 3200


def test_a_small_face_is_cut_from_a_second_decode(
    tmp_path: Path, tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = [Painted(20, 30, 32)]
    path, seen = saved(tmp_path / "a.jpg", small, enlarge=10, quality=90), decodes(monkeypatch)
    assert len(Tagger(tiny_bundle).tag(path).faces) == 1
    assert seen == [800]  # the face has 80 pixels there, more than the recogniser's 32
    views = [{"expand": 0.35, "flip": False}]
    hungry = Tagger(make_bundle(tmp_path / "hungry", recogniser={"views": views}))
    seen.clear()
    result = hungry.tag(path)
    assert seen == [800, 1600]  # 28 pixels are too few, 56 will do
    assert near(result.faces[0].box, small[0], 10) and result.width == 3200


def test_a_decoded_picture_is_tagged_as_it_is(tagger: Tagger) -> None:
    pixels = np.asarray(paint(FACES))
    result = tagger.tag_picture(Picture(pixels, 640, 480), "from memory")
    assert result.path == "from memory" and result.width == 640
    assert near(result.faces[0].box, FACES[0], 2)
    faces = tagger.networks.detect(Picture(pixels, 640, 480))
    assert [face.box for face in faces] == [face.box for face in result.faces]
    (answer, _) = tagger.networks.recognise(Picture(pixels, 640, 480), [face.box for face in faces])
    assert answer.character is not None and answer.character.argmax() == 0 and answer.embedding is not None


def test_bytes_are_tagged_like_files(tagger: Tagger, tmp_path: Path) -> None:
    path = saved(tmp_path / "a.png")
    assert tagger.tag_bytes(path.read_bytes(), str(path)) == tagger.tag(path)


def test_what_is_to_be_known_of_the_file_is_learnt_where_it_is_read(tagger: Tagger, tmp_path: Path) -> None:
    picture = saved(tmp_path / "a.png")
    content = tagger.tag(picture).content
    assert content == (sha256_of(picture), False)
    with picture.open("ab") as file:
        file.write(b"http://ns.microsoft.com/photo/1.2/t/RegionInfo#")
    content = tagger.tag(picture).content
    assert content == (sha256_of(picture), True)


def test_crops_are_one_face_each(tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    face = Painted(0, 0, 160, "cirno", "blue", "blue")
    paint([face], (160, 160)).resize((1600, 1600)).save(tmp_path / "crop.jpg", quality=90)
    seen = decodes(monkeypatch)
    result = Tagger(TaggerOptions(tiny_bundle, crops=True)).tag(tmp_path / "crop.jpg")
    assert seen == [200]  # at least twice the recogniser's 32
    (only,) = result.faces
    assert only.box == Box(0, 0, 1600, 1600) and only.score == 1
    assert only.character and only.character.tag == "cirno"
    pixels = np.asarray(paint([face], (160, 160)))
    again = Tagger(TaggerOptions(tiny_bundle, crops=True)).tag_picture(Picture(pixels, 160, 160), "x")
    assert again.faces[0].character and again.faces[0].character.tag == "cirno"


def test_a_bundle_without_a_detector_tags_crops_only(tmp_path: Path) -> None:
    folder = make_bundle(tmp_path / "b", detector=None)
    with pytest.raises(ModelError, match="no detector, so it takes face crops only: use --crops"):
        Tagger(folder)
    path = saved(tmp_path / "a.png", [Painted(0, 0, 240)])
    crops = Tagger(TaggerOptions(folder, crops=True))
    assert len(crops.tag(path).faces) == 1
    with pytest.raises(ModelError, match="no detector"):
        crops.networks.detect(imaging.read_picture(path))


def test_a_bundle_without_a_recogniser_finds_faces(tmp_path: Path) -> None:
    folder = make_bundle(tmp_path / "b", recogniser=None)
    result = Tagger(folder).tag(saved(tmp_path / "a.png"))
    assert len(result.faces) == 2 and result.tags == () and result.faces[0].candidates == ()
    with pytest.raises(ModelError, match="no recogniser"):
        Tagger(TaggerOptions(folder, crops=True))
    with pytest.raises(ModelError, match="no recogniser"):
        Tagger(folder).networks.recognise(imaging.read_picture(tmp_path / "a.png"), [])


def test_a_colorless_picture_gives_no_colors(tagger: Tagger, tmp_path: Path) -> None:
    path = saved(tmp_path / "a.png", [Painted(20, 30, 160, "nobody", "black", "grey")])
    (face,) = tagger.tag(path).faces
    assert face.hair_color and face.eye_color  # the magenta frame is color enough
    strict = Tagger(make_bundle(tmp_path / "b", recogniser={"min_colourfulness": 1000}))
    result = strict.tag(path)
    assert len(result.faces) == 1 and result.tags == ()
    assert result.faces[0].hair_color is None and result.faces[0].eye_color is None


def test_a_greyscale_crop_gives_no_colors(tiny_bundle: Path, tmp_path: Path) -> None:
    path = tmp_path / "grey.png"
    paint([Painted(0, 0, 160, "nobody", "black", "black")], (160, 160)).convert("L").save(path)
    (face,) = Tagger(TaggerOptions(tiny_bundle, crops=True)).tag(path).faces
    assert face.hair_color is None and face.eye_color is None


def test_thresholds_of_the_user(tiny_bundle: Path, tmp_path: Path) -> None:
    half = mixed("hatsune_miku", "nobody", 0.5, WHO)
    path = saved(tmp_path / "a.png", [Painted(20, 30, 80, half), Painted(150, 30, 80, weak=True)])
    plain = Tagger(tiny_bundle).tag(path)
    assert len(plain.faces) == 1 and plain.faces[0].character is None
    assert plain.faces[0].candidates[0] == ScoredTag("hatsune_miku", about(0.5, abs=0.1))
    lower = Tagger(TaggerOptions(tiny_bundle, thresholds={"character": 0.3, "face": 0.2})).tag(path)
    assert len(lower.faces) == 2
    assert all(face.character for face in lower.faces)
    strict = Tagger(TaggerOptions(tiny_bundle, thresholds={"hair": 1.0, "eyes": 1.0})).tag(path)
    assert strict.faces[0].hair_color is None and strict.faces[0].eye_color is None


@pytest.mark.parametrize(
    ("thresholds", "message"),
    [
        ({"nose": 0.5}, "thresholds: 'nose' is not one of face, character, hair, eyes"),
        ({"face": 1.1}, "thresholds: face must be a number from 0 to 1, not 1.1"),
        ({"face": -0.1}, "from 0 to 1"),
        ({"face": float("nan")}, "from 0 to 1"),
        ({"hair": "0.5"}, "not '0.5'"),
        ({"hair": True}, "not True"),
    ],
)
def test_bad_thresholds(tiny_bundle: Path, thresholds: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Tagger(TaggerOptions(tiny_bundle, thresholds=thresholds))


def test_bad_providers_fail_at_once(tiny_bundle: Path) -> None:
    with pytest.raises(ConfigError, match="unknown provider"):
        Tagger(TaggerOptions(tiny_bundle, provider="abacus"))


def test_one_bad_picture_does_not_stop_the_others(tagger: Tagger, tmp_path: Path) -> None:
    good = saved(tmp_path / "good.png")
    cut = tmp_path / "cut.jpg"
    data = saved(tmp_path / "whole.jpg").read_bytes()
    cut.write_bytes(data[: len(data) // 2])
    text = tmp_path / "text.png"
    text.write_text("no picture")
    (tmp_path / "empty.gif").touch()
    paths = [good, cut, text, tmp_path / "empty.gif", tmp_path / "missing.png", good]
    results = list(tag_paths(paths, tagger))
    assert [result.path for result in results] == [str(path) for path in paths]
    kinds = [result.error.kind if result.error else None for result in results]
    assert kinds == [None, "damaged", "not-an-image", "not-an-image", "unreadable", None]
    assert results[0] == results[-1] and results[0].faces
    for result in results[1:5]:
        assert result.faces == () and result.error and result.path in result.error.message


def test_running_out_of_memory_costs_one_picture(
    tagger: Tagger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = saved(tmp_path / "a.png")

    def greedy(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr(looking, "colorfulness", greedy)
    (result,) = tag_paths([path], tagger)
    assert result.error and result.error.kind == "too-large"


def test_one_picture_raises(tagger: Tagger, tmp_path: Path) -> None:
    with pytest.raises(UnreadableImageError):
        tagger.tag(tmp_path / "missing.png")
    path = tmp_path / "cut.jpg"
    path.write_bytes(saved(tmp_path / "a.jpg").read_bytes()[:3000])
    with pytest.raises(DamagedImageError):
        tagger.tag(path)
    with pytest.raises(BooruTaggerError, match="limit of 100"):
        Tagger(TaggerOptions(tagger.bundle.folder, limits=Limits(pixels=100))).tag(saved(tmp_path / "b.png"))


def test_a_damaged_model_is_said_before_the_first_picture(tmp_path: Path) -> None:
    folder = make_bundle(tmp_path / "b")
    (folder / "recogniser.onnx").write_bytes(b"rubbish")
    with pytest.raises(ModelError, match=r"recogniser\.onnx: it has 7 bytes"):
        next(tag_paths([saved(tmp_path / "a.png")], Tagger(folder)))


def test_the_default_model_is_used_without_a_tagger(
    tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("booru_tagger.models.store.local.SHIPPED", tiny_bundle)
    (result,) = tag_paths([saved(tmp_path / "a.png")])
    assert result.model == "tiny 1" and len(result.faces) == 2


def test_the_fingerprint_follows_what_decides_results(tiny_bundle: Path, tmp_path: Path) -> None:
    plain = Tagger(tiny_bundle).fingerprint
    assert int(plain, 16) >= 0
    assert Tagger(TaggerOptions(tiny_bundle, threads=2, limits=Limits(1000))).fingerprint == plain
    others = {
        Tagger(TaggerOptions(tiny_bundle, crops=True)).fingerprint,
        Tagger(TaggerOptions(tiny_bundle, imply=False)).fingerprint,
        Tagger(TaggerOptions(tiny_bundle, thresholds={"face": 0.4})).fingerprint,
        Tagger(TaggerOptions(tiny_bundle, thresholds={"hair": 0.4})).fingerprint,
        Tagger(make_bundle(tmp_path, detector={"threshold": 0.4})).fingerprint,
    }
    assert len(others | {plain}) == 6


def test_a_pickled_tagger_does_the_same_work(tiny_bundle: Path, tmp_path: Path) -> None:
    path = saved(tmp_path / "a.png")
    first = Tagger(TaggerOptions(tiny_bundle, thresholds={"character": 0.4}, imply=False))
    expected = first.tag(path)
    data = pickle.dumps(first)
    assert len(data) < 2000
    second = pickle.loads(data)
    assert second.tag(path) == expected and second.fingerprint == first.fingerprint


def test_options_are_a_value_that_travels(tiny_bundle: Path) -> None:
    given = MappingProxyType({"face": 1, "hair": 0.5})
    options = TaggerOptions(tiny_bundle, thresholds=given, mcut=["general"])
    assert pickle.loads(pickle.dumps(options)) == options
    assert options == TaggerOptions(tiny_bundle, thresholds={"face": 1.0, "hair": 0.5}, mcut=("general",))
    assert Tagger(Tagger(options).options).fingerprint == Tagger(options).fingerprint


def test_keywords_of_former_times_are_told_where_they_went(tiny_bundle: Path) -> None:
    with pytest.raises(TypeError, match=r"Tagger\(TaggerOptions\(crops=\.\.\., imply=\.\.\.\)\)"):
        Tagger(tiny_bundle, crops=True, imply=False)  # type: ignore[arg-type]


def test_one_tagger_serves_many_threads(tagger: Tagger, tmp_path: Path) -> None:
    names = ("hatsune_miku", "kagamine_rin", "cirno")
    paths = [
        saved(tmp_path / f"{index}.jpg", [Painted(40 + index, 30, 100, names[index % 3])], quality=95)
        for index in range(12)
    ]
    with ThreadPoolExecutor(6) as pool:
        together = list(pool.map(tagger.tag, paths * 2))
    assert [result.tags[0].tag for result in together] == [names[index % 3] for index in range(12)] * 2
    assert together[:12] == [tagger.tag(path) for path in paths]


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = (
        "import sys, booru_tagger; booru_tagger.TagResult; "
        "sys.exit(','.join({'numpy', 'PIL', 'onnxruntime'} & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        booru_tagger.nonsense  # noqa: B018
    assert {"Tagger", "TagResult", "tag_paths"} <= set(dir(booru_tagger))


def test_the_example_runs(tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import runpy

    monkeypatch.setattr("booru_tagger.models.store.local.SHIPPED", tiny_bundle)
    example = Path(__file__).parents[2] / "examples" / "library_use.py"
    monkeypatch.setattr(sys, "argv", [str(example), str(saved(tmp_path / "a.png")), "missing.png"])
    runpy.run_path(str(example), run_name="__main__")


def test_a_picture_of_one_head_is_solo_where_nothing_may_be_a_second(
    tiny_bundle: Path, tmp_path: Path
) -> None:
    first = Painted(20, 30, 64, "hatsune_miku", "aqua", "aqua")
    unsure = Painted(120, 100, 90, "stranger", "pink", "closed", weak=True)

    def solo(faces: list[Painted], **options: Any) -> bool:
        path = saved(tmp_path / "a.png", faces)
        tagger = Tagger(TaggerOptions(tiny_bundle, **options))
        assert len(tagger.tag(path).faces) == sum(not face.weak for face in faces)
        return tags_of(tagger.tag(path)).get("solo") == "measured"

    assert solo([first], solo=True)
    assert not solo([first])
    assert not solo(FACES, solo=True)
    assert not solo([first, unsure], solo=True)
    assert not solo([unsure], solo=True)
    assert not solo([], solo=True)


def test_asking_for_solo_is_another_result(tiny_bundle: Path) -> None:
    plain, asked = (Tagger(TaggerOptions(tiny_bundle, solo=asked)).fingerprint for asked in (False, True))
    assert plain != asked
