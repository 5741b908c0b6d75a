"""Scores of heads that are shares: the curve is found again, and bounds move with the scale."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from booru_export.bundles import head_scores
from booru_export.bundles.head_scores import calibrate_scores, fitted
from booru_export.evaluation.evaluate import reliability
from booru_export.evaluation.metrics import Detections, Matches

from booru_tagger.models.bundle import Bundle
from booru_tagger.models.manifest import ScoreCurve
from booru_tagger.types import Box, Face
from tests.support.bundles import make_bundle
from tests.support.toy_data import make_scenes

CURVE = ScoreCurve(2.0, -0.5)


def boxes(curve: ScoreCurve, count: int) -> Matches:
    """Boxes of all scores, of which as many are heads as the curve says."""
    rng = np.random.default_rng(count)
    scores = np.sort(rng.uniform(0.05, 0.99, count))[::-1]
    right = rng.uniform(size=count) < [curve.share(score) for score in scores.tolist()]
    return Matches(scores, right, int(right.sum()))


def test_the_curve_is_found_that_made_the_shares() -> None:
    found = fitted([boxes(CURVE, 20_000)])
    assert found is not None
    assert (found.slope, found.level) == pytest.approx((2.0, -0.5), abs=0.1)


def test_kinds_count_alike_however_many_boxes_they_have() -> None:
    many, few = boxes(ScoreCurve(2.0, 1.0), 20_000), boxes(ScoreCurve(2.0, -1.0), 2_000)
    found = fitted([many, few])
    assert found is not None and abs(found.level) < 0.2


def test_nothing_is_fitted_on_too_little() -> None:
    assert fitted([]) is None
    assert fitted([boxes(CURVE, 30)]) is None
    assert fitted([boxes(ScoreCurve(2.0, 50.0), 1000)]) is None, "no box that is none"
    same = Matches(np.full(100, 0.5), np.arange(100) % 2 == 0, 50)
    assert fitted([same]) is None, "scores that tell nothing apart"


def found_by(slope: float) -> list[Detections]:
    """One picture whose boxes are 50 heads and 50 that are none, the latter fainter for the most part."""
    heads = [Box(20 * index, 0, 20 * index + 10, 10) for index in range(50)]
    others = [Box(20 * index, 50, 20 * index + 10, 60) for index in range(50)]
    odds = np.linspace(-1, 3, 50)
    sure = [ScoreCurve(slope, 0.0).score(1 / (1 + np.exp(-value))) for value in odds.tolist()]
    faces = [Face(box, score) for box, score in zip(heads, sure, strict=True)]
    faces += [Face(box, 1 - score) for box, score in zip(others, sure, strict=True)]
    return [Detections(faces, heads)]


def test_bounds_move_to_the_new_scale_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_scenes(tmp_path / "data" / "scenes", 30)
    caution = {"caution": {"face": 0.75}}
    folder = make_bundle(tmp_path / "bundle", recogniser=caution, detector={"threshold": 0.4})
    for slope in (2.0, 3.0):
        monkeypatch.setattr(head_scores, "kind_of", lambda scene: "posters")
        monkeypatch.setattr(head_scores, "_found", lambda *_, slope=slope: found_by(slope))
        monkeypatch.setattr(head_scores, "split_scenes", lambda scenes: {"validation": scenes[:1]})
        fit = calibrate_scores(folder, tmp_path / "data")
        assert fit is not None and (fit.boxes, fit.heads) == (100, 50)
        assert fit.curve.level == pytest.approx(0, abs=0.05)
        spec, told = Bundle.load(folder).detector, Bundle.load(folder).recogniser
        assert spec and told and told.caution and spec.calibration == fit.curve
        if slope == 2.0:
            first = fit.curve
        assert spec.threshold == pytest.approx(first.share(0.4), abs=1e-4)
        assert told.caution.face == pytest.approx(first.share(0.75), abs=1e-4)
    assert fit is not None and fit.curve.slope == pytest.approx(1.5 * first.slope, rel=0.02)


def test_reliability_is_told_bin_by_bin() -> None:
    scores = np.asarray([0.95, 0.95, 0.55, 0.55, 0.01])
    found = Matches(scores, np.asarray([True, True, True, False, False]), 3)
    assert reliability(found) == pytest.approx(
        {
            "boxes": 4,
            "boxes_ece": 0.05,
            "boxes scored 0.5-0.6, boxes": 2,
            "boxes scored 0.5-0.6, heads": 0.5,
            "boxes scored 0.9-1, boxes": 2,
            "boxes scored 0.9-1, heads": 1.0,
        }
    )
