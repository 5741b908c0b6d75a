"""The figures of merit, against values worked out by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from booru_export.data.tables import FaceItem
from booru_export.evaluation.evaluate import NamingRule, SeenFace, face_figures
from booru_export.evaluation.metrics import Detections, auroc, calibration_error, f1_interval, macro, match

from booru_tagger.types import Box, Face, FaceResult, ScoredTag

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


def test_figures_are_given_for_each_kind_of_pictures() -> None:
    def seen(label: str, kind: str, tag: str, score: float) -> SeenFace:
        item = FaceItem(Path("a.png"), label, "source", "group", kind=kind)
        return SeenFace(label, item, FaceResult(HEAD, 1.0, candidates=(ScoredTag(tag, score),)))

    faces = [
        seen("miku", "official", "miku", 0.9),
        seen("rin", "official", "miku", 0.8),
        seen("rin", "official", "rin", 0.3),
        seen("rin", "", "rin", 0.4),
    ]
    figures = face_figures(faces, NamingRule(0.5))
    assert figures["kind official, faces"] == 3
    assert figures["kind official, top1"] == pytest.approx(2 / 3)
    assert figures["kind official, named"] == pytest.approx(2 / 3)
    assert figures["kind official, named right"] == 0.5
    assert figures["kind not given, top1"] == 1.0
    assert "kind not given, named right" not in figures, "none is named"
    assert not any(name.startswith("kind") for name in face_figures(faces[3:], NamingRule(0.5)))
