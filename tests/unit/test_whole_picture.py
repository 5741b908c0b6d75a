"""A foreign tagger and our faces on the same picture: whose word holds, and where it is said to come from."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from booru_tagger.errors import ConfigError, ModelError
from booru_tagger.tagging.options import TaggerOptions
from booru_tagger.tagging.tagger import Tagger
from booru_tagger.types import TagResult
from tests.support import taggers
from tests.support.bundles import WHO, Painted, make_bundle, paint

ROWS = (
    *((name, 9) for name in taggers.RATINGS),
    *((name, 0) for name in ("1girl", "smile", "aqua_hair", "aqua_eyes", "blonde_hair", "twintails")),
    *((name, 4) for name in ("hatsune_miku", "kagamine_rin", "zatsune_miku", "racing_miku")),
)
Scores = Mapping[str, float]
MIKU = Painted(20, 30, 100)
NOBODY = Painted(170, 30, 100, "nobody", "blonde", "green")


def tagger(folder: Path, bundle: Path, given: Scores, **options: Any) -> Tagger:
    """One whose foreign half says ``given`` of every picture, and nothing of all else."""
    scores = [{"sensitive": 0.8, **given}.get(name, 0.01) for name, _ in ROWS]
    taggers.make_wd(folder / "wd-tiny", scores, rows=ROWS)
    return Tagger(TaggerOptions(folder / "wd-tiny", face_model=bundle, gallery=None, **options))


@pytest.fixture
def tag(tmp_path: Path, tiny_bundle: Path) -> Any:
    def tagged(given: Scores, *faces: Painted, **options: Any) -> TagResult:
        path = tmp_path / "a.png"
        paint(faces).save(path)
        return tagger(tmp_path, tiny_bundle, given, **options).tag(path)

    return tagged


def sources(result: TagResult) -> dict[str, str]:
    return {tag.tag: tag.source for tag in result.tags}


def people(result: TagResult) -> list[tuple[str, str] | None]:
    """Who the faces are, from left to right, and who says so."""
    faces = sorted(result.faces, key=lambda face: face.box.x0)
    return [(face.character.tag, face.character.source) if face.character else None for face in faces]


def test_both_halves_are_in_the_result_with_their_sources(tag: Any) -> None:
    result = tag({"1girl": 0.9, "smile": 0.6, "aqua_hair": 0.9, "aqua_eyes": 0.2, "twintails": 0.5}, MIKU)
    assert result.model == "wd-tiny + tiny 1"
    assert people(result) == [("hatsune_miku", "model")]
    assert sources(result) == {
        "hatsune_miku": "recogniser",
        "vocaloid": "implied",  # no copyright of the tagger's, which knows none
        "aqua_hair": "implied",  # a surer word than what was measured
        "1girl": "tagger",
        "smile": "tagger",
        "twintails": "implied",
        "sensitive": "tagger",
    }
    ratings = [one for one in result.tags if one.category == "rating"]
    assert [(one.tag, one.score) for one in ratings] == [("sensitive", pytest.approx(0.8, abs=1e-3))]
    assert TagResult.from_json(result.to_json()).to_json() == result.to_json()


def test_general_tags_are_the_tagger_s_where_it_knows_them(tag: Any) -> None:
    result = tag({"blonde_hair": 0.9, "aqua_hair": 0.1}, MIKU)
    assert "aqua_hair" not in sources(result) and sources(result)["blonde_hair"] == "tagger"
    assert result.faces[0].hair_color.tag == "aqua_hair"  # what the face shows is told all the same
    left_out = {conflict.implied: conflict for conflict in result.conflicts}
    assert left_out["twintails"].character == "hatsune_miku" and left_out["twintails"].measured == ""
    assert left_out["twintails"].score == pytest.approx(0.01, abs=1e-3)


def test_what_the_tagger_does_not_know_stays(tag: Any) -> None:
    result = tag({}, Painted(20, 30, 100, "nobody", "red", "green"))
    assert sources(result) == {"red_hair": "measured", "green_eyes": "measured", "sensitive": "tagger"}


def test_the_better_score_stands(tag: Any) -> None:
    half = tuple(round(0.54 * a + 0.46 * b) for a, b in zip(WHO["hatsune_miku"], WHO["nobody"], strict=True))
    faint = Painted(20, 30, 100, half)  # type: ignore[arg-type]
    alone = tag({}, faint).faces[0].character
    assert alone and alone.score < 0.95
    result = tag({"hatsune_miku": 0.999, "aqua_hair": 0.4}, faint)
    miku = next(one for one in result.tags if one.tag == "hatsune_miku")
    assert miku.source == "recogniser" and miku.score == pytest.approx(0.999, abs=1e-3)
    hair = next(one for one in result.tags if one.tag == "aqua_hair")
    assert hair.source in ("measured", "implied") and hair.score > 0.4


def test_a_nameless_face_gets_the_only_name_that_is_left(tag: Any) -> None:
    result = tag({"hatsune_miku": 0.9, "zatsune_miku": 0.95}, MIKU, NOBODY)
    assert people(result) == [("hatsune_miku", "model"), ("zatsune_miku", "tagger")]
    assert sources(result)["zatsune_miku"] == "tagger"


def test_a_nameless_face_gets_the_name_among_its_candidates(tag: Any) -> None:
    half = tuple(round((a + b) / 2) for a, b in zip(WHO["kagamine_rin"], WHO["nobody"], strict=True))
    faint = Painted(170, 30, 100, half, "blonde", "blue")  # type: ignore[arg-type]
    other = Painted(20, 30, 100, "stranger")
    result = tag({"kagamine_rin": 0.9}, other, faint)
    assert people(result) == [None, ("kagamine_rin", "tagger")]
    assert sources(result)["vocaloid"] == "implied"  # we know her series, whoever named her
    assert sources(result)["hair_bow"] == "implied"


def test_two_names_for_two_unknown_faces_are_nobody_s(tag: Any) -> None:
    result = tag({"zatsune_miku": 0.9, "racing_miku": 0.9}, NOBODY, Painted(20, 30, 100, "stranger"))
    assert people(result) == [None, None]
    assert {"zatsune_miku", "racing_miku"} <= set(sources(result))


def test_a_name_that_the_tagger_denies_gives_way_to_one_we_cannot_know(tag: Any) -> None:
    result = tag({"zatsune_miku": 0.9999, "hatsune_miku": 0.02}, MIKU)
    assert people(result) == [("zatsune_miku", "tagger")]
    assert "hatsune_miku" not in sources(result) and "vocaloid" not in sources(result)
    (conflict,) = [one for one in result.conflicts if one.implied == "hatsune_miku"]
    assert (conflict.character, conflict.measured) == ("hatsune_miku", "zatsune_miku")


def test_a_name_that_the_tagger_half_believes_stays(tag: Any) -> None:
    result = tag({"zatsune_miku": 0.9999, "hatsune_miku": 0.3}, MIKU)
    assert people(result) == [("hatsune_miku", "model")]
    assert {"zatsune_miku", "hatsune_miku"} <= set(sources(result))
    known = tag({"kagamine_rin": 0.9999, "hatsune_miku": 0.02}, MIKU)
    assert people(known) == [("hatsune_miku", "model")]  # ours looked at the face for her, too


def test_thresholds_and_cuts(tag: Any) -> None:
    given = {"1girl": 0.9, "smile": 0.3}
    assert "smile" not in sources(tag(given))
    assert "smile" in sources(tag(given, tag_thresholds={"general": 0.2}))
    assert "1girl" not in sources(tag(given, tag_thresholds={"general": 0.95}))
    cut = sources(tag({"1girl": 0.9, "smile": 0.8}, mcut=["general"], tag_thresholds={"general": 0.99}))
    assert {"1girl", "smile"} <= set(cut) and "twintails" not in cut


def test_without_faces_the_tagger_speaks_alone(tag: Any) -> None:
    result = tag({"1girl": 0.9, "hatsune_miku": 0.9}, MIKU, faces=False)
    assert result.faces == () and result.model == "wd-tiny"
    assert sources(result) == {"hatsune_miku": "tagger", "1girl": "tagger", "sensitive": "tagger"}


@pytest.mark.parametrize(("column", "source"), [((), "measured"), ((("solo", 0),), None)])
def test_who_is_alone_is_the_tagger_s_to_say_where_it_knows_the_tag(
    column: tuple[tuple[str, int], ...], source: str | None, tmp_path: Path, tiny_bundle: Path
) -> None:
    rows = (*ROWS, *column)
    taggers.make_wd(tmp_path / "wd", [0.01] * len(rows), rows=rows)
    paint([MIKU]).save(tmp_path / "a.png")
    options = TaggerOptions(tmp_path / "wd", face_model=tiny_bundle, gallery=None, solo=True)
    assert sources(Tagger(options).tag(tmp_path / "a.png")).get("solo") == source


def test_stripped_names_strip_the_tagger_s_words_too(tag: Any) -> None:
    result = tag({"1girl": 0.9, "aqua_hair": 0.9, "twintails": 0.9}, MIKU, strip_implied=True)
    assert set(sources(result)) == {"hatsune_miku", "vocaloid", "1girl", "sensitive"}


def test_crops_and_detectors_alone_work_too(tmp_path: Path, tiny_bundle: Path) -> None:
    path = tmp_path / "face.png"
    paint([Painted(0, 0, 160)], (160, 160)).save(path)
    result = tagger(tmp_path, tiny_bundle, {"1girl": 0.9}, crops=True).tag(path)
    assert people(result) == [("hatsune_miku", "model")] and sources(result)["1girl"] == "tagger"
    detector = make_bundle(tmp_path / "detector", recogniser=None)
    plain = tagger(tmp_path, detector, {"hatsune_miku": 0.9}).tag(path)
    assert people(plain) == [None] and sources(plain)["hatsune_miku"] == "tagger"


def test_a_pickled_tagger_and_its_fingerprint(tmp_path: Path, tiny_bundle: Path) -> None:
    path = tmp_path / "a.png"
    paint([MIKU]).save(path)
    first = tagger(tmp_path, tiny_bundle, {"1girl": 0.9}, mcut=("character",))
    second = pickle.loads(pickle.dumps(first))
    assert second.tag(path) == first.tag(path) and second.fingerprint == first.fingerprint
    seen = {first.fingerprint, Tagger(TaggerOptions(tiny_bundle, gallery=None)).fingerprint}
    changes: list[dict[str, Any]] = [{}, {"tag_thresholds": {"general": 0.4}}, {"faces": False}]
    seen |= {tagger(tmp_path, tiny_bundle, {"1girl": 0.9}, **change).fingerprint for change in changes}
    seen.add(tagger(tmp_path, tiny_bundle, {"1girl": 0.8}).fingerprint)
    assert len(seen) == 6


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tag_thresholds": {"rating": 0.5}}, "thresholds of tags: 'rating' is not one of"),
        ({"tag_thresholds": {"general": 2}}, "must be a number from 0 to 1"),
        ({"mcut": ["nose"]}, "thresholds of tags: 'nose' is not one of"),
    ],
)
def test_bad_options(options: Any, message: str, tmp_path: Path, tiny_bundle: Path) -> None:
    with pytest.raises(ConfigError, match=message):
        tagger(tmp_path, tiny_bundle, {}, **options)


def test_a_model_of_faces_cannot_do_without_them(tiny_bundle: Path) -> None:
    with pytest.raises(ConfigError, match="knows faces only"):
        Tagger(TaggerOptions(tiny_bundle, faces=False))


def test_a_tagger_finds_no_faces(tmp_path: Path) -> None:
    folder = taggers.make_wd(tmp_path / "wd")
    with pytest.raises(ModelError, match="a WD tagger, which tags whole pictures"):
        Tagger(TaggerOptions(folder, face_model=folder))


def test_a_broken_network_is_said_before_the_first_picture(tmp_path: Path, tiny_bundle: Path) -> None:
    first = tagger(tmp_path, tiny_bundle, {})
    (tmp_path / "wd-tiny" / "model.onnx").write_bytes(b"rubbish")
    with pytest.raises(ModelError, match="cannot load the model"):
        first.load()
