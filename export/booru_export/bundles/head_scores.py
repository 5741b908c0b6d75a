"""Scores of heads as chances: 0.5 is what boxes have of which half are heads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression

from booru_export.bundle_folder import read_manifest, write_manifest
from booru_export.data.splits import SCENE_KINDS, kind_of, split_scenes
from booru_export.data.tables import Scene
from booru_export.evaluation.evaluate import MATCH_IOU, MIN_RAW_SCORE
from booru_export.evaluation.judging import scenes_in
from booru_export.evaluation.metrics import Detections, Matches, match
from booru_export.progress import progress
from booru_tagger.imaging import read_picture
from booru_tagger.models.bundle import Bundle, DetectorSpec
from booru_tagger.models.detector import Detector
from booru_tagger.models.manifest import ScoreCurve
from booru_tagger.models.session import Session
from booru_tagger.models.tiles import pixels_needed
from booru_tagger.tagging.looking import DETAIL

MIN_BOXES = 20
"""Boxes that are heads, and as many that are not, without which nothing is fitted."""


@dataclass(frozen=True, slots=True)
class FittedScores:
    """What was fitted on how many boxes and heads; the bundle's threshold, and that of the best F1, there."""

    curve: ScoreCurve
    boxes: int
    heads: int
    threshold: float
    best_threshold: float


def calibrate_scores(folder: Path, data: Path) -> FittedScores | None:
    """Fit the scores of the detector in ``folder`` on the validation part of ``data``, through the runtime.

    Looks and merging are those of the bundle. Illustrations, posters and hard pictures count alike, however
    many boxes each has. A threshold, the bounds of further looks and of the recogniser's caution that were on
    the network's own scale are put on the new one; those of a bundle that was calibrated before stay: they
    are chances already.
    ``None``, and nothing is changed, where there is no detector or too few boxes.
    """
    bundle = Bundle.load(folder)
    scenes = split_scenes(scenes_in(data))["validation"]
    if bundle.detector is None or not scenes:
        return None
    found = _found(bundle, bundle.detector, scenes)
    of_kinds = [
        match([seen for scene, seen in zip(scenes, found, strict=True) if kind_of(scene) == kind], MATCH_IOU)
        for kind in SCENE_KINDS
    ]
    curve = fitted(of_kinds)
    if curve is None:
        return None
    manifest = read_manifest(folder)
    _put(manifest, bundle.detector, curve)
    spec = write_manifest(folder, manifest).detector
    assert spec is not None
    every = match(found, MATCH_IOU)
    return FittedScores(curve, len(every.scores), every.heads, spec.threshold, curve.share(every.best()[1]))


def _found(bundle: Bundle, spec: DetectorSpec, scenes: Sequence[Scene]) -> list[Detections]:
    """What the network finds in each scene, with scores of its own."""
    raw = spec.uncalibrated()
    detector = Detector(Session(bundle.read(spec.file), name=spec.file), raw, MIN_RAW_SCORE)
    found = []
    with progress("illustrations", len(scenes)) as step:
        for scene in scenes:
            picture = read_picture(scene.path, longest=lambda *size: DETAIL * pixels_needed(raw, *size))
            found.append(Detections(detector.detect(picture), scene.boxes, scene.ignore))
            step()
    return found


def fitted(groups: Sequence[Matches]) -> ScoreCurve | None:
    """The likeliest curve, by logistic regression on log odds; each group counts as much as any other.

    ``None`` where fewer than :data:`MIN_BOXES` are right, or wrong, or where no score tells them apart.
    """
    groups = [group for group in groups if len(group.scores)]
    right = np.concatenate([group.right for group in groups]) if groups else np.zeros(0, dtype=bool)
    if min(right.sum(), (~right).sum()) < MIN_BOXES:
        return None
    scores = np.concatenate([group.scores for group in groups]).clip(1e-6, 1 - 1e-6)
    shares = [np.full(len(group.scores), len(right) / len(groups) / len(group.scores)) for group in groups]
    model = LogisticRegression(C=100.0, max_iter=1000)
    model.fit(np.log(scores / (1 - scores))[:, None], right, sample_weight=np.concatenate(shares))
    slope, level = round(float(model.coef_[0, 0]), 4), round(float(model.intercept_[0]), 4)
    return ScoreCurve(slope, level) if slope > 0 else None


def _put(manifest: dict[str, Any], before: DetectorSpec, curve: ScoreCurve) -> None:
    """Write the curve, and bounds on its scale, into a manifest."""
    section = manifest["detector"]
    if before.calibration is None:
        section["threshold"] = round(curve.share(before.threshold), 4)
        section.pop("second_head", None)  # of one box; the usual one is of all together
        caution = manifest.get("recogniser", {}).get("caution", {})
        if "face" in caution:
            caution["face"] = round(curve.share(caution["face"]), 4)
        for bounds in (section.get("glance", {}), section.get("mirror", {})):
            bounds |= {key: round(curve.share(bounds[key]), 4) for key in ("sure", "faint") if key in bounds}
    section["calibration"] = {"slope": curve.slope, "level": curve.level}
