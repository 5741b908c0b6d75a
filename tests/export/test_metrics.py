"""The figures of merit, against values worked out by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from booru_export.data.tables import FaceItem
from booru_export.evaluation.faces import SeenFace, face_figures
from booru_export.evaluation.metrics import (
    Detections,
    auroc,
    auroc_interval,
    calibration_error,
    f1_interval,
    macro,
    match,
    share_interval,
)
from booru_export.evaluation.mistakes import by_character, by_series, confused_pairs, table_bytes
from booru_export.evaluation.redrawn import as_line_art, in_grey

from booru_tagger.types import Box, CharacterMatch, Face, FaceResult, ScoredTag

HEAD, FAR = Box(0, 0, 10, 10), Box(50, 50, 60, 60)


def test_a_head_is_found_once_however_often_it_is_seen() -> None:
    matches = match([Detections([Face(HEAD, 0.9), Face(Box(0, 0, 10, 9), 0.8)], [HEAD, FAR])])
    assert matches.right.tolist() == [True, False]
    assert matches.at(0.5) == pytest.approx((2 * 1 / (2 + 2), 0.5, 0.5))
    assert matches.best() == pytest.approx((2 / 3, 0.9))


def test_the_better_score_takes_the_head() -> None:
    matches = match([Detections([Face(Box(0, 0, 10, 9), 0.3), Face(HEAD, 0.7)], [HEAD])])
    assert matches.scores.tolist() == [0.7, 0.3]
    assert matches.right.tolist() == [True, False]


def test_half_an_overlap_is_enough_and_less_is_not() -> None:
    assert match([Detections([Face(Box(0, 0, 10, 5), 0.9)], [HEAD])]).right.tolist() == [True]
    assert match([Detections([Face(Box(0, 0, 10, 4.9), 0.9)], [HEAD])]).right.tolist() == [False]


def test_what_lies_in_a_region_to_ignore_counts_neither_way() -> None:
    region = Box(40, 40, 70, 70)
    matches = match([Detections([Face(FAR, 0.9), Face(HEAD, 0.8)], [HEAD], [region])])
    assert matches.scores.tolist() == [0.8]
    half_out = Box(30, 50, 49.9, 60)
    assert len(match([Detections([Face(half_out, 0.9)], [HEAD], [region])]).scores) == 1


def test_average_precision_of_a_perfect_and_of_a_mixed_ranking() -> None:
    perfect = match([Detections([Face(HEAD, 0.9), Face(FAR, 0.8)], [HEAD, FAR])])
    assert perfect.average_precision() == 1.0
    mixed = match(
        [Detections([Face(HEAD, 0.9), Face(Box(80, 80, 90, 90), 0.8), Face(FAR, 0.7)], [HEAD, FAR])]
    )
    assert mixed.average_precision() == pytest.approx((1 + 2 / 3) / 2)


def test_auroc_counts_pairs_and_halves_ties() -> None:
    assert auroc(np.asarray([0.9, 0.8]), np.asarray([0.1])) == 1.0
    assert auroc(np.asarray([0.9, 0.2]), np.asarray([0.5, 0.2])) == pytest.approx((1 + 1 + 0 + 0.5) / 4)
    assert np.isnan(auroc(np.asarray([]), np.asarray([0.5])))


def test_calibration_error_is_the_gap_between_confidence_and_accuracy() -> None:
    confidence = np.asarray([0.9, 0.9, 0.9, 0.9])
    assert calibration_error(confidence, np.asarray([True] * 4)) == pytest.approx(0.1)
    assert calibration_error(confidence, np.asarray([True, True, False, False])) == pytest.approx(0.4)


def test_macro_gives_a_rare_label_the_same_say() -> None:
    labels = ["common"] * 3 + ["rare"]
    assert macro(labels, np.asarray([True, True, True, False])) == pytest.approx(0.5)


def test_the_interval_of_f1_holds_it_and_narrows_with_more_pictures() -> None:
    pictures = [Detections([Face(HEAD, 0.9)], [HEAD]), Detections([Face(FAR, 0.9)], [HEAD])]
    few, many = f1_interval(pictures * 10, 0.5), f1_interval(pictures * 200, 0.5)
    assert few[0] < many[0] < match(pictures).at(0.5)[0] < many[1] < few[1]
    assert f1_interval([Detections([Face(HEAD, 0.4)], [HEAD])], 0.5) == (0, 0)
    assert f1_interval(pictures[:1], 0.5) == (1, 1)


def test_the_bounds_of_a_share_are_of_characters_not_of_faces() -> None:
    one_voice = np.asarray([True] * 50 + [False] * 50)
    of_two, of_many = ["a"] * 50 + ["b"] * 50, [str(number) for number in range(100)]
    assert share_interval(of_two, one_voice) == (0, 1)
    low, high = share_interval(of_many, one_voice)
    assert 0.35 < low < 0.45 < 0.55 < high < 0.65
    assert share_interval(["a"] * 9 + ["b"], np.asarray([True] * 9 + [False]), per_label=True) == (0, 1)


def test_the_bounds_of_auroc_hold_it() -> None:
    rng = np.random.default_rng(0)
    known, strangers = rng.normal(1, 1, 300), rng.normal(0, 1, 200)
    labels = [str(number // 3) for number in range(300)]
    low, high = auroc_interval(known, labels, strangers, labels[:200])
    assert low < auroc(known, strangers) < high < low + 0.15
    assert auroc_interval(known + 10, labels, strangers, labels[:200]) == (1, 1)


def seen(label: str, tag: str, score: float, kind: str = "", pictures: int = 0) -> SeenFace:
    item = FaceItem(Path("a.png"), label, "source", "group", kind=kind)
    name = CharacterMatch(tag, score, "model") if score >= 0.5 else None
    return SeenFace(label, item, FaceResult(HEAD, 1.0, name, (ScoredTag(tag, score),)), pictures)


def test_figures_are_given_for_each_kind_of_pictures() -> None:
    faces = [
        seen("miku", "miku", 0.9, "official"),
        seen("rin", "miku", 0.8, "official"),
        seen("rin", "rin", 0.3, "official"),
        seen("rin", "rin", 0.4),
    ]
    figures = face_figures(faces)
    assert figures["kind official, faces"] == 3
    assert figures["kind official, top1"] == pytest.approx(2 / 3)
    assert figures["kind official, named"] == pytest.approx(2 / 3)
    assert figures["kind official, named right"] == 0.5
    assert figures["kind not given, top1"] == 1.0
    assert "kind not given, named right" not in figures, "none is named"
    assert not any(name.startswith("kind") for name in face_figures(faces[3:]))


def test_figures_are_given_by_the_number_of_pictures_that_a_character_is_known_by() -> None:
    faces = [
        seen("a", "a", 0.9, pictures=3),
        seen("b", "a", 0.1, pictures=4),
        seen("c", "c", 0.9, pictures=90),
    ]
    figures = face_figures(faces)
    assert [figures[f"pictures {name}, top1"] for name in ("1-3", "4-7", "20+")] == [1, 0, 1]
    assert "pictures 8-19, faces" not in figures
    assert (figures["pictures 20+, macro_low"], figures["pictures 20+, macro_high"]) == (1, 1)


def test_pairs_are_counted_both_ways_and_told_with_the_faces_of_each() -> None:
    faces = [
        *(seen("rin", "len", 0.9) for _ in range(2)),
        *(seen("rin", "rin", 0.9) for _ in range(3)),
        *(seen("len", tag, 0.9) for tag in ("rin", "len")),
        seen("miku", "rin", 0.2),
        seen("", "rin", 0.9),
    ]
    first, second = confused_pairs(faces)
    assert str(first) == "rin taken for len: 2 of 5 faces; the other way round: 1 of 2"
    assert (second.first, second.second, second.mistakes, second.faces) == ("miku", "rin", (1, 0), (1, 5))
    assert confused_pairs(faces, 1) == [first]


def test_characters_and_series_are_told_with_their_mistakes() -> None:
    faces = [seen("rin", "len", 0.9, pictures=7), seen("rin", "rin", 0.2), seen("fate", "rin", 0.6)]
    series = {"rin": "vocaloid", "len": "vocaloid", "fate": "nanoha"}
    rows = by_character(faces, series)
    assert table_bytes(rows).decode().splitlines() == [
        "tag,series,pictures,faces,right,named,named_wrongly,taken_for",
        "fate,nanoha,0,1,0,1,1,rin",
        "rin,vocaloid,7,2,1,1,1,len",
    ]
    vocaloid, nanoha = by_series(faces, series, rows)
    assert (vocaloid.series, vocaloid.faces, vocaloid.right, vocaloid.within) == ("vocaloid", 2, 1, 1)
    assert (nanoha.faces, nanoha.within) == (1, 0)


def test_redrawn_faces_have_no_color_and_line_art_is_white_where_nothing_is_drawn() -> None:
    picture = np.full((60, 60, 3), (250, 180, 150), np.uint8)
    picture[:, 28:31] = (90, 30, 40)
    for redrawn in (in_grey(picture), as_line_art(picture)):
        assert redrawn.shape == picture.shape and redrawn.dtype == np.uint8
        assert (redrawn == redrawn[..., :1]).all()
    lines = as_line_art(picture)
    assert (lines[:, :20] == 255).all() and lines[30, 29].max() < 40
