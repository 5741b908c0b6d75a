"""From scores to tags: thresholds, rejection, implied tags, conflicts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from booru_tagger.imaging import Pixels
from booru_tagger.models.bundle import Bundle
from booru_tagger.models.manifest import Caution
from booru_tagger.models.recogniser import Recognition
from booru_tagger.tagging.picture_tags import picture_tags
from booru_tagger.tagging.rules import Rules
from booru_tagger.types import Box, CharacterMatch, Conflict, Face, Reading, ScoredTag, Tag
from tests.support.bundles import EYES, HAIR, make_bundle
from tests.support.comparing import about


def rules(folder: Path, *, imply: bool = True, strip_implied: bool = False, thresholds: Any = None) -> Rules:
    bundle = Bundle.load(folder)
    assert bundle.recogniser
    return Rules(bundle.recogniser, bundle.labels, thresholds or {}, imply=imply, strip_implied=strip_implied)


def answer(character: list[float], hair: dict[str, float], eyes: dict[str, float]) -> Recognition:
    return Recognition(
        character=np.array(character, np.float32),
        hair=np.array([hair.get(name, 0.0) for name in HAIR], np.float32),
        eyes=np.array([eyes.get(name, 0.0) for name in EYES], np.float32),
    )


FACE = Face(Box(0, 0, 10, 10), 0.9)


def test_each_label_has_its_own_threshold(tmp_path: Path) -> None:
    labels = [
        {"tag": "easy", "threshold": 0.3},
        {"tag": "hard", "threshold": 0.9},
        {"tag": "plain"},
    ]
    folder = make_bundle(tmp_path, labels=labels)

    def named(scores: list[float], thresholds: Any = None) -> str | None:
        reading = rules(folder, thresholds=thresholds).read(FACE, answer(scores, {}, {}), colored=True)
        return reading.face.character.tag if reading.face.character else None

    assert named([0.35, 0.2, 0.2]) == "easy"
    assert named([0.1, 0.85, 0.0]) is None
    assert named([0.0, 0.95, 0.0]) == "hard"
    assert named([0.0, 0.0, 0.59]) is None
    assert named([0.0, 0.0, 0.61]) == "plain"
    # one below its threshold does not make room for a less likely one
    assert named([0.35, 0.6, 0.0]) is None
    # the user's number holds for all
    assert named([0.1, 0.85, 0.0], {"character": 0.8}) == "hard"
    assert named([0.35, 0.2, 0.2], {"character": 0.8}) is None


def test_candidates_are_the_best_five(tmp_path: Path) -> None:
    folder = make_bundle(tmp_path, labels=[{"tag": f"c{index}"} for index in range(7)])
    scores = [0.01, 0.2, 0.05, 0.3, 0.0, 0.1, 0.04]
    reading = rules(folder).read(FACE, answer(scores, {}, {}), colored=True)
    assert [candidate.tag for candidate in reading.face.candidates] == ["c3", "c1", "c5", "c2", "c6"]
    assert reading.face.character is None and reading.tags == ()


def read(folder: Path, hair: dict[str, float], eyes: dict[str, float], **options: Any) -> Reading:
    return rules(folder, **options).read(FACE, answer([0.97, 0, 0], hair, eyes), colored=True)


def test_a_sure_contradiction_leaves_the_implied_tag_out(tiny_bundle: Path) -> None:
    reading = read(tiny_bundle, {"pink": 0.9}, {"red": 0.85})
    assert {tag.tag for tag in reading.tags} == {
        *("hatsune_miku", "vocaloid", "twintails"),
        *("pink_hair", "red_eyes"),
    }
    assert reading.conflicts == (
        Conflict("hatsune_miku", "aqua_hair", "pink_hair", about(0.9)),
        Conflict("hatsune_miku", "aqua_eyes", "red_eyes", about(0.85)),
    )
    assert reading.face.hair_color and reading.face.hair_color.tag == "pink_hair"


def test_a_mistakable_color_yields_to_the_canon(tiny_bundle: Path) -> None:
    reading = read(tiny_bundle, {"blue": 0.95}, {})
    assert reading.conflicts == ()
    assert reading.face.hair_color == ScoredTag("aqua_hair", about(0.95))
    (hair,) = [tag for tag in picture_tags([reading]) if tag.tag == "aqua_hair"]
    assert (hair.source, hair.score) == ("implied", about(0.97))
    assert "blue_hair" not in {tag.tag for tag in reading.tags}


def test_an_unsure_contradiction_says_nothing_of_the_color(tiny_bundle: Path) -> None:
    reading = read(tiny_bundle, {}, {"red": 0.6})
    assert reading.face.eye_color is None
    assert {tag.tag for tag in reading.tags} == {"hatsune_miku", "vocaloid", "twintails", "aqua_hair"}
    assert reading.conflicts == (Conflict("hatsune_miku", "aqua_eyes", "red_eyes", about(0.6)),)


def test_a_picture_without_color_gets_none_from_a_name(tiny_bundle: Path) -> None:
    judge = rules(tiny_bundle)
    reading = judge.read(FACE, answer([0.97, 0, 0], {"aqua": 0.9}, {}), colored=False)
    assert {tag.tag for tag in reading.tags} == {"hatsune_miku", "vocaloid", "twintails"}
    assert reading.face.hair_color is None and reading.conflicts == ()
    again = Reading.from_json(
        reading.face,
        {"tags": [], "conflicts": [], "unspoken": [], "hair": None, "eyes": None, "colored": False},
    )
    told = judge.retell(again, CharacterMatch("hatsune_miku", 1.0, "review"))
    assert {tag.tag for tag in told.tags} == {"hatsune_miku", "vocaloid", "twintails"}, "by a person, too"


CAUTION = {"face": 0.8, "side": 32, "sharpness": 3, "poor": 0.9, "colorless": 0.95}
LARGE = Face(Box(0, 0, 100, 100), 0.9)
SHARP, COLORS = {"sharp"}, {"colors"}


def crop(shows: set[str]) -> Pixels:
    """What the network is shown: grey, perhaps with small squares, perhaps in colors."""
    squares = np.indices((96, 96)).sum(axis=0) // 6 % 2 * 60 if shows & SHARP else np.zeros((96, 96))
    pixels = (squares + 100).astype(np.uint8)[..., None].repeat(3, axis=2)
    if shows & COLORS:
        pixels += np.random.default_rng(0).integers(0, 60, (4, 4, 3), np.uint8).repeat(24, 0).repeat(24, 1)
    return pixels


@pytest.mark.parametrize(
    ("face", "shows", "needed"),
    [
        (LARGE, SHARP | COLORS, 0.6),
        (Face(LARGE.box, 0.79), SHARP | COLORS, 0.9),
        (Face(Box(0, 0, 31, 30), 0.9), SHARP | COLORS, 0.9),
        (Face(Box(0, 0, 31, 40), 0.9), SHARP | COLORS, 0.6),
        (LARGE, COLORS, 0.9),
        (LARGE, SHARP, 0.95),
        (Face(LARGE.box, 0.7), set(), 0.95),
    ],
)
def test_a_poor_or_colorless_face_needs_a_higher_score(
    tmp_path: Path, face: Face, shows: set[str], needed: float
) -> None:
    folder = make_bundle(tmp_path, recogniser={"caution": CAUTION})

    def named(score: float, thresholds: Any = None) -> bool:
        seen = replace(answer([score, 0, 0], {}, {}), shown=crop(shows))
        reading = rules(folder, thresholds=thresholds).read(face, seen, colored=True)
        return reading.face.character is not None

    assert named(needed + 0.01) and not named(needed - 0.01)
    assert named(0.6, {"character": 0.5}), "what a user asks for holds for all faces"


def test_a_face_without_color_in_a_picture_with_some_implies_none(tmp_path: Path) -> None:
    folder = make_bundle(tmp_path, recogniser={"caution": {}})
    seen = replace(answer([0.97, 0, 0], {}, {}), shown=crop(SHARP))
    reading = rules(folder).read(LARGE, seen, colored=True)
    assert "aqua_hair" not in {tag.tag for tag in reading.tags} and reading.face.character


def test_caution_is_of_bundles_whose_scores_are_chances(tmp_path: Path) -> None:
    plain = Bundle.load(make_bundle(tmp_path / "a")).recogniser
    told = Bundle.load(make_bundle(tmp_path / "b", recogniser={"caution": {"poor": 0.7}})).recogniser
    assert plain and plain.caution is None
    assert told and told.caution == Caution(poor=0.7)


def test_caution_with_a_calibrated_detector_begins_at_a_share_of_heads(tmp_path: Path) -> None:
    curve = {"slope": 2.0, "level": 0.0}
    usual, own = (
        Bundle.load(make_bundle(tmp_path / name, recogniser=section, detector={"calibration": curve}))
        for name, section in (("a", {"caution": {}}), ("b", {"caution": {"face": 0.6}}))
    )
    assert usual.recogniser and usual.recogniser.caution == Caution(face=0.91)
    assert own.recogniser and own.recogniser.caution == Caution(face=0.6)
    assert usual.detector and own.detector and usual.detector.second_head == 0.05


def test_closed_eyes_leave_the_implied_eye_color_out(tiny_bundle: Path) -> None:
    reading = read(tiny_bundle, {}, {"closed": 0.6})
    assert reading.face.eye_color is None
    assert Tag("closed_eyes", "general", about(0.6), "measured") in reading.tags
    assert [conflict.implied for conflict in reading.conflicts] == ["aqua_eyes"]
    assert "aqua_hair" in {tag.tag for tag in reading.tags}


def test_special_labels(tiny_bundle: Path) -> None:
    reading = read(tiny_bundle, {"multicolored": 0.9}, {"heterochromia": 0.9})
    assert reading.face.hair_color and reading.face.hair_color.tag == "multicolored_hair"
    assert reading.face.eye_color and reading.face.eye_color.tag == "heterochromia"
    assert {"aqua_hair", "aqua_eyes"} <= {tag.tag for tag in reading.tags}
    reading = read(tiny_bundle, {"unclear": 0.6, "aqua": 0.4}, {"aqua": 0.49})
    assert reading.face.hair_color is None and reading.face.eye_color is None


def test_labels_of_one_meaning_count_together(tmp_path: Path) -> None:
    folder = make_bundle(tmp_path, recogniser={"eyes": ["blonde", "yellow", "amber", *EYES[3:]]})
    scores = Recognition(
        np.zeros(3, np.float32), eyes=np.array([0.3, 0.15, 0.15, 0.4, *[0] * 10], np.float32)
    )
    face = rules(folder).read(FACE, scores, colored=True).face
    assert face.eye_color == ScoredTag("yellow_eyes", about(0.6))


def test_without_implying_colors_are_told_as_measured(tiny_bundle: Path) -> None:
    reading = read(tiny_bundle, {"blue": 0.95}, {"red": 0.6}, imply=False)
    assert {tag.tag for tag in reading.tags} == {"hatsune_miku", "blue_hair", "red_eyes"}
    assert reading.conflicts == ()


def test_stripping_leaves_out_what_the_name_says(tiny_bundle: Path) -> None:
    """Implied or seen, or taken for the canon's; not what differs from it, and not the series."""
    reading = read(tiny_bundle, {"blue": 0.95}, {"red": 0.9}, strip_implied=True)
    assert {tag.tag for tag in reading.tags} == {"hatsune_miku", "vocaloid", "red_eyes"}
    assert (
        reading.face.hair_color and reading.face.hair_color.tag == "aqua_hair"
    )  # the face's own account stays whole
    assert [conflict.implied for conflict in reading.conflicts] == ["aqua_eyes"]
    reading = read(tiny_bundle, {"aqua": 0.95}, {}, strip_implied=True, imply=False)
    assert {tag.tag for tag in reading.tags} == {"hatsune_miku"}


def test_stripping_leaves_other_faces_alone(tiny_bundle: Path) -> None:
    strict = rules(tiny_bundle, strip_implied=True)
    readings = [
        strict.read(FACE, answer(scores, {"aqua": 0.9}, {}), colored=True)
        for scores in ([0.97, 0, 0], [0.1, 0, 0])
    ]
    assert {tag.tag for tag in readings[0].tags} == {"hatsune_miku", "vocaloid"}
    assert {tag.tag for tag in picture_tags(readings)} == {"hatsune_miku", "vocaloid", "aqua_hair"}


def test_a_canon_is_no_conflict_where_no_color_is_seen(tiny_bundle: Path) -> None:
    scores = answer([0.97, 0, 0], {"pink": 0.99}, {"red": 0.99})
    reading = rules(tiny_bundle).read(FACE, scores, colored=False)
    assert reading.conflicts == () and reading.face.hair_color is None
    assert not {"aqua_hair", "aqua_eyes"} & {tag.tag for tag in reading.tags}


def test_a_picture_has_the_union_of_its_faces_tags(tiny_bundle: Path) -> None:
    readings = [
        rules(tiny_bundle).read(FACE, scores, colored=True)
        for scores in (
            answer([0.7, 0, 0], {"aqua": 0.6}, {}),
            answer([0.9, 0, 0], {"aqua": 0.95}, {}),
            answer([0, 0, 0.99], {"pink": 0.85}, {}),
        )
    ]
    tags = picture_tags(readings)
    assert [tag.tag for tag in tags[:2]] == ["cirno", "hatsune_miku"]
    assert [tag.category for tag in tags].count("character") == 2
    scores = {tag.tag: round(tag.score, 2) for tag in tags}
    assert scores["hatsune_miku"] == 0.9 and scores["aqua_hair"] == 0.95 and scores["vocaloid"] == 0.9
    rest = [tag.score for tag in tags[2:]]
    assert rest == sorted(rest, reverse=True) and len(scores) == len(tags)
