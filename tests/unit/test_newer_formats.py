"""The taggers of 2026, and files that only look like those of a known tagger."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from booru_tagger.errors import ModelError
from booru_tagger.models.formats.foreign_tagger import ForeignTagger, _decisive
from booru_tagger.models.formats.format_records import Canvas
from booru_tagger.models.formats.known import WD, find_format
from booru_tagger.models.formats.prepare import padding
from booru_tagger.models.formats.recognising import found_in
from booru_tagger.tagging.whole_picture import WholePictureTagger
from tests.support import newer_taggers, taggers

INPUTS = {
    "oppai-oracle": newer_taggers.oppai_input,
    "cl-v2": newer_taggers.cl_v2_input,
    "pixai-v1": newer_taggers.pixai_v1_input,
    "pixai-v1-table": newer_taggers.pixai_v1_input,
}


def noise(width: int, height: int) -> Image.Image:
    """No two pixels alike, and each corner of another color: the tiny networks see averages only."""
    values = np.random.default_rng(width * 10_000 + height).integers(0, 100, (height, width, 3))
    down, across = np.linspace(0, 150, height), np.linspace(150, 0, width)
    values[..., 0] += down[:, None].astype(int)
    values[..., 2] += across[None].astype(int)
    return Image.fromarray(values.astype(np.uint8))


def labels(tagger: ForeignTagger) -> list[tuple[str | None, str]]:
    return [(one.tag, one.category) for one in tagger.columns.labels]


@pytest.mark.parametrize("name", [*INPUTS, "animetimm"])
@pytest.mark.parametrize("shape", [(333, 250), (90, 600)])
def test_a_folder_is_known_and_answers_as_its_makers_code_does(
    name: str, shape: tuple[int, int], tmp_path: Path
) -> None:
    tagger = ForeignTagger(newer_taggers.make(name, tmp_path / name))
    assert tagger.format.name == name
    image, (_, signature, columns, _files) = noise(*shape), newer_taggers.FOLDERS[name]
    if name == "animetimm":
        square = newer_taggers.padded(image, 512, Image.Resampling.BILINEAR)
        cut = square.resize((448, 448), Image.Resampling.BICUBIC).crop((32, 32, 416, 416))
        wanted, output = newer_taggers.normalised(cut, *newer_taggers.IMAGENET), 2
    else:
        wanted, output = INPUTS[name](image, int(signature.side)), 0
    if signature.mask:  # the tiny network blanks what it marks
        wanted = wanted * ~padding(np.asarray(image), 448, tagger.format.preparation)
    (got,) = tagger.scores([np.asarray(image)])
    expected = taggers.expected(wanted.astype(np.float32), "nchw", columns, output)
    assert np.abs(got - expected).max() < 2e-4 and got.std() > 0.005
    assert len(tagger.scores([np.asarray(image)] * 3)) == 3


def test_labels_categories_and_thresholds_are_the_makers(tmp_path: Path) -> None:
    def tagger(name: str) -> ForeignTagger:
        return ForeignTagger(newer_taggers.make(name, tmp_path / name))

    oppai = tagger("oppai-oracle")
    assert labels(oppai) == [
        (None, ""),
        (None, ""),
        ("1girl", "general"),
        ("long_hair", "general"),
        ("general", "rating"),
        ("explicit", "rating"),
    ]
    assert oppai.thresholds == {"general": 0.75}
    cl = tagger("cl-v2")
    assert labels(cl) == [
        ("hatsune_miku", "character"),
        ("1girl", "general"),
        ("explicit", "rating"),
        (None, ""),
    ]
    assert cl.thresholds["general"] == cl.thresholds["character"] == 0.55
    pixai = tagger("pixai-v1")
    assert (
        labels(pixai)
        == labels(tagger("pixai-v1-table"))
        == [
            ("1girl", "general"),
            ("hatsune_miku", "character"),
            ("bkub", "artist"),
            ("general", "rating"),
            ("explicit", "rating"),
        ]
    )
    assert pixai.thresholds == {
        "general": 0.2,
        "character": 0.27,
        "artist": 0.1,
        "copyright": 0.24,
        "meta": 0.17,
    }
    timm = tagger("animetimm")
    assert [label.min_score for label in timm.columns.labels] == [0.5, 0.25, 0.75, None]
    assert timm.thresholds["general"] == 0.39 and timm.thresholds["character"] == 0.5


def test_a_list_of_blocks_is_read_like_the_table_of_lengths(tmp_path: Path) -> None:
    folder = newer_taggers.make("pixai-v1", tmp_path / "a")
    wanted = labels(ForeignTagger(folder))
    (folder / "tags.json").write_text(json.dumps(newer_taggers.V1_BLOCKS))
    tagger = ForeignTagger(folder)
    assert tagger.found.labels == "tags.json" and labels(tagger) == wanted
    assert tagger.thresholds["artist"] == 0.1  # its configuration still counts
    blocks = json.loads((folder / "tags.json").read_text())
    blocks["categories"][2]["offset"] = 7
    (folder / "tags.json").write_text(json.dumps(blocks))
    with pytest.raises(ModelError, match="a block of tags ends at 2, not at 7"):
        ForeignTagger(folder)


def test_a_tag_s_own_threshold_counts_unless_its_category_s_is_chosen(tmp_path: Path) -> None:
    tagger = ForeignTagger(newer_taggers.make("animetimm", tmp_path / "timm"))
    scores = np.asarray([0.9, 0.3, 0.7, 0.6], dtype=np.float32)

    def tags(chosen: dict[str, float], cut: tuple[str, ...] = ()) -> set[str]:
        return {tag.tag for tag in WholePictureTagger(tagger, chosen, cut).judge(scores).tags}

    assert tags({}) == {"general", "1girl", "hatsune_miku"}
    assert tags({"general": 0.65}) == {"general", "smile", "hatsune_miku"}
    assert tags({}, ("general",)) == {"general", "smile", "hatsune_miku"}
    # A chosen threshold is another setting, though it be the customary one.
    assert (
        WholePictureTagger(tagger, {"general": 0.39}, ()).decisive
        != WholePictureTagger(tagger, {}, ()).decisive
    )


def test_the_stages_become_a_square_in_a_square(tmp_path: Path) -> None:
    how = ForeignTagger(newer_taggers.make("animetimm", tmp_path / "timm")).format.preparation
    assert how.canvas == Canvas(512, "bilinear", 448)
    assert (how.side, how.filter, how.rounding, how.fill) == (384, "bicubic", "nearest", (255,) * 3)


@pytest.mark.parametrize(
    ("stages", "message"),
    [
        ([{"type": "resize", "size": 448}], "which is not square"),
        ([{"type": "pad_to_size", "size": [512, 256]}], "which is not square"),
        (
            [*newer_taggers.ANIMETIMM_STAGES[:2], {"type": "center_crop", "size": 512}],
            "cutting 512 .* of 448",
        ),
        (
            [{"type": "pad_to_size", "size": 512}, {"type": "center_crop", "size": 448}],
            "cutting 448 .* of 512",
        ),
        ([{"type": "pad_to_size", "size": 512, "interpolation": "box"}], "scaling by 'box'"),
    ],
)
def test_stages_that_would_be_guessed_at_are_refused(
    stages: list[dict[str, Any]], message: str, tmp_path: Path
) -> None:
    folder = newer_taggers.make("animetimm", tmp_path / "timm")
    (folder / "preprocess.json").write_text(json.dumps({"test": stages}))
    with pytest.raises(ModelError, match=f"preprocess.json.*{message}"):
        ForeignTagger(folder)


@pytest.mark.parametrize(
    ("key", "value"),
    [("resize_mode", "stretch"), ("input_layout", "BHWC"), ("color_order", "YUV"), ("normalize_mean", [1])],
)
def test_an_unknown_preparation_of_oppai_oracle_is_refused(key: str, value: object, tmp_path: Path) -> None:
    folder = newer_taggers.make("oppai-oracle", tmp_path / "oppai")
    (folder / "preprocessing.json").write_text(json.dumps({**newer_taggers.PREPROCESSING, key: value}))
    with pytest.raises(ModelError, match=r"preprocessing\.json: not as this layout has it"):
        ForeignTagger(folder)


HARUKA = {"idx_to_tag": {"0": "1girl"}, "tag_to_category": {"1girl": "general"}}


def test_haruka_is_refused_by_name_and_not_taken_for_camie(tmp_path: Path) -> None:
    signature = taggers.Signature("nchw", 448, (("logits", True),), input="images")
    folder = taggers.make_folder(
        tmp_path / "haruka", "haruka-tagger.onnx", signature, 1, {"haruka-tagger_metadata.json": HARUKA}
    )
    with pytest.raises(ModelError, match=r"a Haruka tagger: .* says how it wants pictures"):
        ForeignTagger(folder)
    (folder / "haruka-tagger_metadata.json").rename(folder / "metadata.json")
    with pytest.raises(ModelError, match=r"has no 'dataset_info'.*has 'idx_to_tag', as that of a Haruka"):
        ForeignTagger(folder)


@pytest.mark.parametrize(
    ("name", "lost", "message"),
    [
        (
            "oppai-oracle",
            "preprocessing.json",
            "names of a WD tagger's, but .*'<PAD>', as that of OppaiOracle",
        ),
        ("animetimm", "preprocess.json", "'best_threshold', as that of an animetimm tagger"),
    ],
)
def test_half_a_folder_is_not_prepared_as_a_wd_tagger(
    name: str, lost: str, message: str, tmp_path: Path
) -> None:
    folder = newer_taggers.make(name, tmp_path / name)
    (folder / lost).unlink()
    with pytest.raises(ModelError, match=message):
        found_in(folder)


@pytest.mark.parametrize(
    ("signature", "differences"),
    [
        (taggers.OPPAI_ORACLE, r"it has 1 input; found pixel_values .*padding_mask"),
        (taggers.CL_V2, r"the three colors are the last dimension; found pixel_values \['N', 3, 384, 384\]"),
    ],
)
def test_a_network_of_another_layout_is_refused_with_its_differences(
    signature: taggers.Signature, differences: str, tmp_path: Path
) -> None:
    folder = taggers.make_wd(tmp_path / "wd", signature=signature)
    with pytest.raises(ModelError, match=f"not the network of a WD tagger: {differences}"):
        ForeignTagger(folder).check()


def test_all_differences_of_a_network_are_told_at_once(tmp_path: Path) -> None:
    folder = newer_taggers.make("oppai-oracle", tmp_path / "oppai")
    (folder / "model.onnx").write_bytes(taggers.network(taggers.WD_V3, 6, scale=0.001))
    with pytest.raises(ModelError, match=r"2 inputs, one of them called padding_mask.*called probabilities"):
        ForeignTagger(folder).check()


def test_fingerprints_of_earlier_versions_hold() -> None:
    """What was added to records later must not make every picture be done again."""
    told = _decisive(WD)
    assert " ".join(told) == (
        "name title model labels reader preparation answers thresholds needs takes categories"
    )
    assert " ".join(told["preparation"]) == "fit filter layout channels factor mean std fill side"
    assert asdict(WD)["preparation"].items() >= told["preparation"].items()


@pytest.mark.parametrize(
    ("names", "layout"),
    [
        (["model.onnx", "model.onnx.data", "model_metadata.json", "model_vocabulary.json"], "cl-v2"),
        (["model.onnx", "selected_tags.csv", "preprocessing.json"], "oppai-oracle"),
        (["model.onnx", "model.onnx.data", "tags.json"], "pixai-v1"),
        (["model.onnx", "selected_tags.csv", "config.json"], "wd"),
    ],
)
def test_names_alone_tell_the_likeliest_layout(names: list[str], layout: str) -> None:
    found = find_format(names)
    assert found is not None and found.format.name == layout
    assert ("model.onnx.data" in names) == ("model.onnx.data" in found.files)
