"""Layouts of foreign taggers: inputs to the pixel as their makers make them, answers read as meant."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from booru_tagger.errors import ModelError
from booru_tagger.imaging import decode_picture
from booru_tagger.models.formats import FORMATS, find_format, prepare
from booru_tagger.models.formats.foreign_tagger import ForeignTagger
from booru_tagger.models.formats.labels import label
from booru_tagger.models.formats.prepare import prepare as prepared
from booru_tagger.tagging.options import TaggerOptions
from booru_tagger.tagging.tagger import Tagger
from tests.support import newer_taggers, taggers
from tests.support.pictures import encoded

Array = npt.NDArray[Any]
BY_NAME = {layout.name: layout for layout in FORMATS}
SHAPES = [(448, 448), (300, 200), (200, 301), (37, 500), (901, 640), (3, 2), (1, 900)]
"""Width and height: as it is, wide, odd and tall, narrow, large, tiny, a line."""


def noise(width: int, height: int, mode: str = "RGB") -> Image.Image:
    """A picture in which no two pixels need be alike."""
    depth = len(mode)
    values = np.random.default_rng(width * 10_000 + height).integers(0, 256, (height, width, depth))
    return Image.fromarray(values.astype(np.uint8), mode=None) if depth == 3 else _rgba(values)


def _rgba(values: Array) -> Image.Image:
    return Image.fromarray(values.astype(np.uint8), "RGBA")


def on_white_square(image: Image.Image, side: int) -> Image.Image:
    """What the makers of the WD taggers, of cl_tagger and of JoyTag do."""
    longest = max(image.size)
    square = Image.new("RGB", (longest, longest), (255, 255, 255))
    square.paste(image, ((longest - image.width) // 2, (longest - image.height) // 2))
    return square if longest == side else square.resize((side, side), Image.Resampling.BICUBIC)


def wd_input(image: Image.Image, side: int) -> Array:
    return np.asarray(on_white_square(image, side), dtype=np.float32)[:, :, ::-1]


def cl_input(image: Image.Image, side: int) -> Array:
    planes = np.asarray(on_white_square(image, side), dtype=np.float32).transpose(2, 0, 1)[::-1]
    return planes / 127.5 - 1


def joytag_input(image: Image.Image, side: int) -> Array:
    values = np.asarray(on_white_square(image, side), dtype=np.float64) / 255
    mean, std = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
    return ((values - mean) / std).transpose(2, 0, 1)


def camie_input(image: Image.Image, side: int) -> Array:
    aspect = image.width / image.height
    size = (side, int(side / aspect)) if aspect > 1 else (int(side * aspect), side)
    size = max(1, size[0]), max(1, size[1])
    square = Image.new("RGB", (side, side), (124, 116, 104))
    square.paste(image.resize(size, Image.Resampling.LANCZOS), ((side - size[0]) // 2, (side - size[1]) // 2))
    values = np.asarray(square, dtype=np.float64) / 255
    return ((values - (0.485, 0.456, 0.406)) / (0.229, 0.224, 0.225)).transpose(2, 0, 1)


def pixai_input(image: Image.Image, side: int) -> Array:
    values = np.asarray(image.resize((side, side), Image.Resampling.BILINEAR), dtype=np.float64) / 255
    return ((values - 0.5) / 0.5).transpose(2, 0, 1)


def deepdanbooru_input(image: Image.Image, side: int) -> Array:
    """Area averages pixel by pixel, then a shift by linear interpolation between clamped neighbours."""
    scale = min(side / image.height, side / image.width)
    height, width = (max(1, int(np.rint(length * scale))) for length in (image.height, image.width))
    values = np.asarray(image, dtype=np.float64)
    values = np.tensordot(_overlaps(image.height, height), values, (1, 0))
    values = np.tensordot(_overlaps(image.width, width), values, (1, 1)).transpose(1, 0, 2)
    for axis, length in ((0, height), (1, width)):
        place = np.clip(np.arange(side) + length / 2 - side / 2, 0, length - 1)
        before = np.floor(place).astype(int)
        after = np.minimum(before + 1, length - 1)
        part = (place - before).reshape([-1 if index == axis else 1 for index in range(3)])
        values = np.take(values, before, axis) * (1 - part) + np.take(values, after, axis) * part
    return values / 255


def _overlaps(length: int, size: int) -> Array:
    """How much of each old pixel goes into each new one."""
    table = np.zeros((size, length))
    step = length / size
    for new in range(size):
        for old in range(int(new * step), min(length, int(np.ceil((new + 1) * step)) + 1)):
            table[new, old] = max(0.0, min((new + 1) * step, old + 1) - max(new * step, old)) / step
    return table


REFERENCES: dict[str, tuple[Callable[[Image.Image, int], Array], float]] = {
    "wd": (wd_input, 0),
    "cl": (cl_input, 1e-6),
    "joytag": (joytag_input, 1e-5),
    "camie": (camie_input, 1e-5),
    "pixai": (pixai_input, 1e-6),
    "deepdanbooru": (deepdanbooru_input, 1e-6),
    "animetimm": (newer_taggers.animetimm_input, 1e-5),
    "oppai-oracle": (newer_taggers.oppai_input, 1e-6),
    "cl-v2": (newer_taggers.cl_v2_input, 1e-6),
    "pixai-v1": (newer_taggers.pixai_v1_input, 1e-5),
    "pixai-v1-table": (newer_taggers.pixai_v1_input, 1e-5),
}


def test_every_layout_has_a_reference() -> None:
    assert set(REFERENCES) == set(BY_NAME)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", list(REFERENCES))
def test_the_input_is_to_the_pixel_what_its_makers_make(name: str, shape: tuple[int, int]) -> None:
    image, (reference, tolerance) = noise(*shape), REFERENCES[name]
    how = BY_NAME[name].preparation
    got, wanted = prepared(np.asarray(image), 96, how), reference(image, 96)
    assert got.dtype == np.float32 and got.flags.c_contiguous and got.shape == wanted.shape
    assert np.abs(got - wanted).max() <= tolerance


@pytest.mark.parametrize("shape", SHAPES[1:5])
def test_blocks_leave_no_seams(shape: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:

    monkeypatch.setattr(prepare, "_BLOCK", 2_000)
    for name in ("wd", "deepdanbooru"):
        reference, tolerance = REFERENCES[name]
        got = prepared(np.asarray(noise(*shape)), 64, BY_NAME[name].preparation)
        assert np.abs(got - reference(noise(*shape), 64)).max() <= tolerance


def test_a_line_of_pixels_takes_no_square_of_memory() -> None:
    import tracemalloc

    strip = np.zeros((2, 12_000, 3), dtype=np.uint8)
    tracemalloc.start()
    for name in REFERENCES:
        prepared(strip, 64, BY_NAME[name].preparation)
        prepared(strip.transpose(1, 0, 2), 64, BY_NAME[name].preparation)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100_000_000  # the square would have 432 MB


def test_a_very_narrow_picture_may_be_off_by_a_rounding(monkeypatch: pytest.MonkeyPatch) -> None:

    wrong = total = 0
    for width, height in ((1, 40), (7, 300), (20, 1200), (31, 613), (44, 900)):
        image = noise(width, height)
        off = prepared(np.asarray(image), 96, BY_NAME["wd"].preparation) - wd_input(image, 96)
        assert np.abs(off).max() <= 1
        wrong, total = wrong + int(np.count_nonzero(off)), total + off.size
    assert wrong < total / 10_000


@pytest.mark.parametrize("shape", [(3000, 400), (400, 3000), (2049, 2049)])
def test_a_large_picture_is_padded_in_parts_to_the_same_pixels(shape: tuple[int, int]) -> None:
    image = noise(*shape)
    got = prepared(np.asarray(image), 96, BY_NAME["wd"].preparation)
    assert np.array_equal(got, wd_input(image, 96))


@pytest.mark.parametrize("side", [96, 448])
@pytest.mark.parametrize("shape", [*SHAPES, (96, 50), (768, 1024), (1000, 250), (250, 1000), (1300, 9)])
@pytest.mark.parametrize("name", ["wd", "cl", "joytag"])
def test_the_faster_preparation_is_the_makers_filter_without_rounding_in_between(
    name: str, shape: tuple[int, int], side: int
) -> None:
    how, longest = BY_NAME[name].preparation, max(shape)
    image = noise(*shape)
    square = np.full((longest, longest, 3), 255, dtype=np.float32)
    left, top = (longest - image.width) // 2, (longest - image.height) // 2
    square[top : top + image.height, left : left + image.width] = np.asarray(image)
    planes = [Image.fromarray(square[..., color].copy()) for color in range(3)]
    small = [np.asarray(plane.resize((side, side), Image.Resampling.BICUBIC)) for plane in planes]
    wanted = np.clip(np.stack(small, axis=-1), 0, 255)
    got = prepared(np.asarray(image), side, how, exact=False)
    means, stds = np.asarray(how.mean), np.asarray(how.std)
    pixels = (got.transpose(1, 2, 0) if how.layout == "nchw" else got)[
        ..., :: -1 if how.channels == "bgr" else 1
    ]
    assert np.abs((pixels * stds + means) / how.factor - wanted).max() < 0.01


@pytest.mark.parametrize("size", [(1800, 1200), (1357, 2048)])
def test_a_large_jpeg_that_is_decoded_small_gives_the_reference_s_probabilities(
    size: tuple[int, int], tmp_path: Path
) -> None:
    folder = taggers.make_wd(tmp_path / "wd")
    networks = Tagger(TaggerOptions(folder, gallery=None, faces=False)).networks
    data = encoded(noise(size[0] // 40, size[1] // 40).resize(size, Image.Resampling.NEAREST), "JPEG")
    with Image.open(io.BytesIO(data)) as stored:
        wanted = wd_input(stored.convert("RGB"), 448)
    got = networks.look(data, "a").scores
    assert got is not None and got.std() > 0.01
    assert np.abs(got - taggers.expected(wanted, "nhwc", len(taggers.ROWS), scale=0.1 / 128)).max() < 1e-3


@pytest.mark.parametrize(("longest", "exact"), [(700, True), (2000, False)], ids=["whole", "reduced"])
def test_only_what_was_decoded_at_a_fraction_is_prepared_the_faster_way(
    longest: int, exact: bool, tmp_path: Path
) -> None:
    folder = taggers.make_wd(tmp_path / "wd")
    networks = Tagger(TaggerOptions(folder, gallery=None, faces=False)).networks
    data = encoded(noise(longest, 500), "JPEG")
    seen, foreign = decode_picture(data, "a", longest=896).image, networks.foreign
    assert foreign is not None
    wanted, other = (foreign.scores([seen], exact=way)[0] for way in (exact, not exact))
    got = networks.look(data, "a").scores
    assert got is not None and np.array_equal(got, wanted) and not np.array_equal(got, other)


@pytest.mark.parametrize("signature", [taggers.WD_V3, taggers.WD_V2], ids=["v3", "v2"])
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "RGBA"])
def test_a_wd_tagger_gives_the_reference_s_probabilities(
    signature: taggers.Signature, kind: str, tmp_path: Path
) -> None:
    tagger = ForeignTagger(taggers.make_wd(tmp_path / "wd", signature=signature))
    image = noise(611, 400, "RGBA" if kind == "RGBA" else "RGB")
    data = encoded(image, "PNG" if kind == "RGBA" else kind)
    with Image.open(io.BytesIO(data)) as stored:
        flat = stored.convert("RGBA")
        white = Image.new("RGBA", flat.size, (255, 255, 255))
        white.alpha_composite(flat)
        wanted = wd_input(white.convert("RGB"), 448)
    pixels = decode_picture(data, "a").pixels
    (got,) = tagger.scores([pixels])
    columns = len(taggers.ROWS)
    assert np.abs(got - taggers.expected(wanted, "nhwc", columns, scale=0.1 / 128)).max() < 1e-3
    assert got.std() > 0.01  # the weights do look at the picture
    many = tagger.scores([pixels] * 11)
    assert len(many) == 11 and all(np.allclose(one, got, atol=1e-6) for one in many)


@pytest.mark.parametrize("side", [64, "S"])
def test_the_side_is_the_model_s_own(side: int | str, tmp_path: Path) -> None:
    signature = taggers.Signature("nhwc", side, (("output", False),))
    tagger = ForeignTagger(taggers.make_wd(tmp_path / "wd", signature=signature))
    (got,) = tagger.scores([np.asarray(noise(90, 70))])
    wanted = wd_input(noise(90, 70), 448 if side == "S" else 64)
    assert np.allclose(got, taggers.expected(wanted, "nhwc", len(taggers.ROWS), scale=0.1 / 128), atol=1e-5)


CL_TAGS = {
    str(index): {"tag": tag, "category": category}
    for index, (tag, category) in enumerate(
        [
            ("sensitive", "Rating"),
            ("1girl", "General"),
            ("vocaloid", "Copyright"),
            ("hatsune_miku", "Character"),
            ("wlop", "Artist"),
            ("highres", "Meta"),
            ("best quality", "Quality"),
            ("some_model", "Model"),
        ]
    )
}
CAMIE_METADATA = {
    "model_info": {"img_size": 512},
    "dataset_info": {
        "tag_mapping": {
            "idx_to_tag": {"0": "rating_explicit", "1": "hatsune_miku", "2": "year_2015", "3": "smile"},
            "tag_to_category": {
                "rating_explicit": "rating",
                "hatsune_miku": "character",
                "year_2015": "year",
                "smile": "general",
            },
        }
    },
}
PIXAI_CSV = "id,tag_id,name,category,count,ips\n0,1,1girl,0,9,[]\n1,2,hatsune_miku,4,9,\"['vocaloid']\"\n"
PIXAI_STAGES = {
    "stages": [
        {"type": "resize", "size": [448, 448], "interpolation": "bilinear", "antialias": True},
        {"type": "maybe_to_tensor"},
        {"type": "normalize", "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]},
    ]
}


def make(name: str, folder: Path) -> Path:
    """A folder of each layout but WD's, as it is found in the wild."""
    if name == "cl":
        return taggers.make_folder(
            folder, "model_optimized.onnx", taggers.CL, len(CL_TAGS), {"tag_mapping.json": CL_TAGS}
        )
    if name == "joytag":
        return taggers.make_folder(
            folder, "model.onnx", taggers.JOYTAG, 2, {"top_tags.txt": "1girl\nlong hair\n"}
        )
    if name == "deepdanbooru":
        texts = {
            "tags.txt": "1girl\nhatsune_miku\nscore:high\nrating:safe\nrating:explicit\n",
            "tags-character.txt": "hatsune_miku\n",
            "tags-general.txt": "1girl\n",
            "project.json": {"image_width": 512, "image_height": 512},
        }
        return taggers.make_folder(folder, "model-resnet_custom_v3.onnx", taggers.DEEPDANBOORU, 5, texts)
    if name == "camie":
        files = {"camie-tagger-v2-metadata.json": CAMIE_METADATA}
        return taggers.make_folder(folder, "camie-tagger-v2.onnx", taggers.CAMIE, 4, files)
    pixai: dict[str, Any] = {
        "selected_tags.csv": PIXAI_CSV,
        "preprocess.json": PIXAI_STAGES,
        "thresholds.csv": "category,name,threshold\n0,general,0.31\n4,character,0.86\n",
        "categories.json": [{"category": 0, "name": "general"}, {"category": 4, "name": "character"}],
    }
    return taggers.make_folder(folder, "model.onnx", taggers.PIXAI, 2, pixai)


@pytest.mark.parametrize(
    ("name", "signature", "output"),
    [
        ("cl", taggers.CL, 0),
        ("joytag", taggers.JOYTAG, 0),
        ("deepdanbooru", taggers.DEEPDANBOORU, 0),
        ("camie", taggers.CAMIE, 1),
        ("pixai", taggers.PIXAI, 2),
    ],
)
def test_each_layout_is_known_by_its_files_and_answers_as_it_should(
    name: str, signature: taggers.Signature, output: int, tmp_path: Path
) -> None:
    tagger = ForeignTagger(make(name, tmp_path / name))
    assert tagger.format.name == name and tagger.name == name
    image, columns = noise(333, 250), len(tagger.columns.labels)
    reference = REFERENCES[name][0](image, int(signature.side))
    wanted = taggers.expected(reference, signature.layout, columns, output)
    (got,) = tagger.scores([np.asarray(image)])
    assert np.abs(got - wanted).max() < 1e-3


def test_labels_and_categories_of_each_layout(tmp_path: Path) -> None:
    def labels(name: str) -> list[tuple[str | None, str]]:
        found = ForeignTagger(make(name, tmp_path / name)).columns.labels
        return [(one.tag, one.category) for one in found]

    assert labels("cl") == [
        ("sensitive", "rating"),
        ("1girl", "general"),
        ("vocaloid", "copyright"),
        ("hatsune_miku", "character"),
        ("wlop", "artist"),
        ("highres", "meta"),
        (None, ""),
        (None, ""),
    ]
    assert labels("joytag") == [("1girl", "general"), ("long_hair", "general")]
    assert labels("deepdanbooru") == [
        ("1girl", "general"),
        ("hatsune_miku", "character"),
        (None, ""),
        ("safe", "rating"),
        ("explicit", "rating"),
    ]
    assert labels("camie") == [
        ("explicit", "rating"),
        ("hatsune_miku", "character"),
        (None, ""),
        ("smile", "general"),
    ]
    assert labels("pixai") == [("1girl", "general"), ("hatsune_miku", "character")]


def test_a_repository_s_own_thresholds_and_stages_count(tmp_path: Path) -> None:
    folder = make("pixai", tmp_path / "pixai")
    tagger = ForeignTagger(folder)
    assert tagger.thresholds["general"] == 0.31 and tagger.thresholds["character"] == 0.86
    stages = [
        {"type": "pad_to_size", "size": [448, 448], "background_color": "white", "interpolation": "bicubic"},
        {"type": "normalize", "mean": [0, 0, 0], "std": [1, 1, 1]},
    ]
    (folder / "preprocess.json").write_text(json.dumps({"stages": stages}))
    how = ForeignTagger(folder).format.preparation
    assert (how.fit, how.filter, how.fill, how.mean) == ("shrink", "bicubic", (255, 255, 255), (0, 0, 0))


@pytest.mark.parametrize("name", ["0_0", "^_^", ">_<", "||_||", "(o)_(o)", "u_u"])
def test_kaomoji_stay_as_they_are(name: str) -> None:
    assert label(name, "general").tag == name


def test_names_are_spelled_as_boorus_do() -> None:
    assert label("Long Hair", "general").tag == "long_hair"
    assert label(":D", "general").tag == ":d"
    assert label("a,b", "general").tag is None
    assert label("rating_general", "rating").tag == "general"


@pytest.mark.parametrize(
    ("names", "layout"),
    [
        (["model.onnx", "selected_tags.csv", "config.json", "model.safetensors"], "wd"),
        (["wd-v3.onnx", "selected_tags.csv"], "wd"),
        (["model.onnx", "selected_tags.csv", "preprocess.json"], "pixai"),
        (["model.onnx", "tag_mapping.json"], "cl"),
        (["model.onnx"], None),
        (["selected_tags.csv"], None),
        (["a.onnx", "manifest.json"], None),
        ([], None),
    ],
)
def test_a_layout_is_told_by_names(names: list[str], layout: str | None) -> None:
    found = find_format(names)
    assert (found.format.name if found else None) == layout


def test_the_optimised_file_comes_first_and_outside_weights_belong_to_it() -> None:
    found = find_format(
        ["model.onnx", "model_optimized.onnx", "model_optimized.onnx.data", "tag_mapping.json"]
    )
    assert found and found.files == ("model_optimized.onnx", "tag_mapping.json", "model_optimized.onnx.data")


@pytest.mark.parametrize(
    ("signature", "message"),
    [
        (taggers.Signature("nchw", 448, (("output", False),)), "three colors are the last dimension"),
        (taggers.Signature("nhwc", 448, (("output", True),)), "the answers of a WD tagger are probabilities"),
    ],
)
def test_what_does_not_fit_the_layout_is_said(
    signature: taggers.Signature, message: str, tmp_path: Path
) -> None:
    folder = taggers.make_wd(tmp_path / "wd", signature=signature)
    (folder / "model.onnx").write_bytes(taggers.network(signature, len(taggers.ROWS), scale=1.0))
    with pytest.raises(ModelError, match=message):
        ForeignTagger(folder).scores([np.asarray(noise(50, 40))])


def test_labels_of_another_model_are_refused(tmp_path: Path) -> None:
    folder = taggers.make_wd(tmp_path / "wd")
    (folder / "selected_tags.csv").write_text(taggers.selected_tags(taggers.ROWS[:-1]))
    with pytest.raises(ModelError, match=r"lists 10 labels; the two files are not of one model"):
        ForeignTagger(folder).scores([np.asarray(noise(50, 40))])


@pytest.mark.parametrize(
    ("layout", "file", "text", "message"),
    [
        ("wd", "selected_tags.csv", "name,count\n1girl,3\n", "not the labels of a WD tagger"),
        ("wd", "selected_tags.csv", "", "there are no labels in it"),
        ("wd", "selected_tags.csv", "name,category\na,x\n", "not the labels of a WD tagger"),
        ("cl", "tag_mapping.json", "{", "not the labels of a cl_tagger"),
        ("cl", "tag_mapping.json", '{"1": {"tag": "a", "category": "General"}}', "numbered from 0 to 0"),
        ("camie", "camie-tagger-v2-metadata.json", "{}", "metadata.json has no 'dataset_info'"),
        ("pixai", "preprocess.json", '{"stages": [{"type": "rotate"}]}', "a stage 'rotate'"),
        ("pixai", "preprocess.json", '{"stages": [{"type": "resize", "size": 448}]}', "which is not square"),
        ("pixai", "thresholds.csv", "category,threshold\n0,7\n", "a threshold of 7"),
        ("pixai", "categories.json", "[1]", "not a list of categories"),
        ("deepdanbooru", "project.json", '{"image_width": "x"}', "a side of 'x' pixels"),
    ],
)
def test_damaged_texts_name_the_file(layout: str, file: str, text: str, message: str, tmp_path: Path) -> None:
    folder = taggers.make_wd(tmp_path / "wd") if layout == "wd" else make(layout, tmp_path / layout)
    (folder / file).write_text(text)
    with pytest.raises(ModelError, match=message) as caught:
        ForeignTagger(folder)
    assert file in str(caught.value)


def test_numbers_that_are_none_become_no_tag(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tagger = ForeignTagger(make("joytag", tmp_path / "joytag"))
    tagger.check()
    answer = np.asarray([[np.nan, np.inf]], dtype=np.float32)
    monkeypatch.setattr(tagger.session, "run", lambda feeds: {"tags": answer})
    (got,) = tagger.scores([np.asarray(noise(20, 20))])
    assert got.tolist() == [0.0, 1.0]


def test_the_fingerprint_follows_the_files(tmp_path: Path) -> None:
    first = ForeignTagger(taggers.make_wd(tmp_path / "a")).fingerprint
    assert ForeignTagger(taggers.make_wd(tmp_path / "b")).fingerprint == first
    other = taggers.make_wd(tmp_path / "c", [0.5] * len(taggers.ROWS))
    assert ForeignTagger(other).fingerprint != first


def test_a_folder_of_something_else(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no files of any tagger that is known"):
        ForeignTagger(tmp_path)
