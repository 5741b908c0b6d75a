"""Judging a bundle as its users will meet it: through the runtime, on whole pictures with known answers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from booru_export.data.splits import SCENE_KINDS, kind_of
from booru_export.data.tables import Scene
from booru_export.evaluation.faces import SeenFace
from booru_export.evaluation.metrics import Detections, Matches, calibration_error, f1_interval, match
from booru_tagger.colors import Part, tag_for
from booru_tagger.models.bundle import Bundle
from booru_tagger.tagging.options import TaggerOptions
from booru_tagger.tagging.tagger import Tagger
from booru_tagger.types import Box, Face, FaceResult, ScoredTag

MIN_RAW_SCORE = 0.05
"""Down to this score of the network's own heads are looked at: a threshold can be chosen afterwards."""
BINS, MIN_BINNED = 10, 0.05
"""Scores are held against shares of heads in so many bins, from this score on: fainter boxes are hardly ever
heads, and so many that they would hide the others."""
MATCH_IOU = 0.5


@dataclass(frozen=True, slots=True)
class SeenScene:
    """The answers to one illustration, weak faces included."""

    scene: Scene
    faces: tuple[FaceResult, ...]


def look_at_scenes(
    model: Path,
    scenes: Sequence[Scene],
    *,
    min_raw_score: float = MIN_RAW_SCORE,
    step: Callable[[], None] = lambda: None,
) -> list[SeenScene]:
    """Run the bundle on whole illustrations, down to faces to which its network gives ``min_raw_score``."""
    detector = Bundle.load(model).detector
    lowest = min_raw_score if detector is None else detector.calibrated(min_raw_score)
    tagger = Tagger(TaggerOptions(str(model), thresholds={"face": lowest}, gallery=None))
    seen = []
    for scene in scenes:
        seen.append(SeenScene(scene, tagger.tag(scene.path).faces))
        step()
    return seen


@dataclass(frozen=True, slots=True)
class Tuning:
    """What thresholds to choose: the character's is the lowest at which at most ``strangers_named`` of the
    strangers get a name, or at most ``known_named`` of the known faces, whichever is higher.

    Strangers in posters hardly look like anybody known. Those who do are met in the pictures of the same
    series; to pass few of them, not quite all that is known may be named.
    """

    strangers_named: float = 0.04
    known_named: float = 0.85


def matches(seen: Iterable[SeenScene]) -> Matches:
    """All detections against the labelled heads."""
    return match(_detections(seen), MATCH_IOU)


def _detections(seen: Iterable[SeenScene]) -> list[Detections]:
    return [
        Detections([Face(face.box, face.score) for face in item.faces], item.scene.boxes, item.scene.ignore)
        for item in seen
    ]


def scene_figures(seen: Sequence[SeenScene], labels: frozenset[str], bundle: Bundle) -> dict[str, float]:
    """Detection at the bundle's threshold, strangers named, known characters found, colors."""
    assert bundle.detector is not None
    threshold = bundle.detector.threshold
    figures: dict[str, float] = {}
    for name in SCENE_KINDS:
        chosen = [item for item in seen if kind_of(item.scene) == name]
        if chosen:
            found = matches(chosen)
            figures[f"{name}"] = len(chosen)
            figures[f"{name}_heads"] = found.heads
            f1, precision, recall = found.at(threshold)
            low, high = f1_interval(_detections(chosen), threshold, MATCH_IOU)
            figures |= {f"{name}_f1": f1, f"{name}_f1_low": low, f"{name}_f1_high": high}
            figures |= {f"{name}_precision": precision, f"{name}_recall": recall}
            figures[f"{name}_ap"] = found.average_precision()
    figures |= reliability(matches(seen))
    if bundle.recogniser is not None:
        figures |= _naming_figures(seen, labels, threshold)
        figures |= color_figures(seen, threshold)
    return figures


def reliability(found: Matches) -> dict[str, float]:
    """How far scores are from shares of heads: of the boxes from :data:`MIN_BINNED` on, and bin by bin."""
    kept = found.scores >= MIN_BINNED
    scores, right = found.scores[kept], found.right[kept]
    if not len(scores):
        return {}
    figures = {"boxes": len(scores), "boxes_ece": calibration_error(scores, right, BINS)}
    index = np.minimum((scores * BINS).astype(int), BINS - 1)
    for number in np.unique(index).tolist():
        inside, name = index == number, f"boxes scored {number / BINS:g}-{(number + 1) / BINS:g}"
        figures |= {f"{name}, boxes": int(inside.sum()), f"{name}, heads": float(right[inside].mean())}
    return figures


def stranger_heads(seen: Sequence[SeenScene], labels: frozenset[str], threshold: float) -> list[FaceResult]:
    """The heads in pictures of nobody known."""
    return [
        face
        for item in seen
        if item.scene.label not in labels
        for face in item.faces
        if face.score >= threshold and face.candidates
    ]


def _naming_figures(seen: Sequence[SeenScene], labels: frozenset[str], threshold: float) -> dict[str, float]:
    strangers = stranger_heads(seen, labels, threshold)
    found = []
    for item in seen:
        if item.scene.label in labels:
            named = [face.character for face in item.faces if face.score >= threshold and face.character]
            found.append(any(one.tag == item.scene.label for one in named))
    figures: dict[str, float] = {}
    if strangers:
        figures["stranger_heads"] = len(strangers)
        figures["stranger_heads_named"] = float(np.mean([one.character is not None for one in strangers]))
    if found:
        figures |= {"known_pictures": len(found), "known_found": float(np.mean(found))}
    return figures


@dataclass(frozen=True, slots=True)
class ToldColor:
    """What was said of the hair, or the eyes, of a head with a clear label: the tag ``wanted``.

    ``face`` is ``None`` where the head was not found, ``told`` where its color was not told.
    """

    scene: Scene
    box: Box
    part: Part
    wanted: str
    face: FaceResult | None
    told: ScoredTag | None

    @property
    def is_right(self) -> bool:
        return self.told is not None and self.told.tag == self.wanted


def told_colors(seen: Iterable[SeenScene], threshold: float) -> Iterator[ToldColor]:
    """The colors of all heads with a clear label; heads that score less than ``threshold`` are not found."""
    for item in seen:
        scene, faces = item.scene, [face for face in item.faces if face.score >= threshold]
        for box, hair, eyes in zip(scene.boxes, scene.hair, scene.eyes, strict=True):
            face = _face_of(box, faces)
            told = (face.hair_color, face.eye_color) if face else (None, None)
            for part, label, color in zip((Part.HAIR, Part.EYES), (hair, eyes), told, strict=True):
                wanted = tag_for(part, label)
                if wanted is not None and label != "closed":
                    yield ToldColor(scene, box, part, wanted, face, color)


def color_figures(seen: Sequence[SeenScene], threshold: float) -> dict[str, float]:
    """Share of heads with a clear label whose color is told exactly; a head not found or not told is
    wrong. ``…_exact_found`` leaves out those that were not found.
    """
    right: dict[Part, list[bool]] = defaultdict(list)
    found: dict[Part, list[bool]] = defaultdict(list)
    for color in told_colors(seen, threshold):
        right[color.part].append(color.is_right)
        found[color.part].append(color.face is not None)
    figures: dict[str, float] = {}
    for part, values in right.items():
        figures |= {f"{part.value}_heads": len(values), f"{part.value}_exact": float(np.mean(values))}
        if any(found[part]):
            figures[f"{part.value}_exact_found"] = sum(values) / sum(found[part])
    return figures


def _face_of(box: Box, faces: Sequence[FaceResult]) -> FaceResult | None:
    best = max(faces, key=lambda face: face.box.iou(box), default=None)
    return best if best is not None and best.box.iou(box) >= MATCH_IOU else None


def tuned_thresholds(
    seen_faces: Sequence[SeenFace],
    seen_scenes: Sequence[SeenScene],
    bundle: Bundle,
    tuning: Tuning,
) -> dict[str, Any]:
    """Thresholds for a manifest, chosen on pictures that training did not see.

    ``face``: the best mean of the F1 on illustrations and on posters. ``character``: see :class:`Tuning`.
    """
    tuned: dict[str, Any] = {}
    if seen_scenes:
        sides = [
            matches([item for item in seen_scenes if kind_of(item.scene) == kind])
            for kind in ("illustrations", "posters")
        ]
        sides = [side for side in sides if side.heads]
        grid = np.arange(0.2, 0.8, 0.01)
        quality = [np.mean([side.at(threshold)[0] for side in sides]) for threshold in grid]
        tuned["face"] = round(float(grid[int(np.argmax(quality))]), 3)
    labels = frozenset(label.tag for label in bundle.labels)
    strangers = [item.best.score for item in seen_faces if not item.label]
    if not strangers:  # a bundle that knows many finds them in posters, too, whatever a poster was kept for
        heads = stranger_heads(seen_scenes, labels, tuned.get("face", 0.4))
        strangers = [head.candidates[0].score for head in heads]
    known = [item.best.score for item in seen_faces if item.label]
    bounds = [float(np.quantile(strangers, 1 - tuning.strangers_named)) + 0.005] if strangers else []
    bounds += [float(np.quantile(known, 1 - tuning.known_named))] if known else []
    if bounds:
        tuned["character"] = round(max(bounds), 3)
    return tuned
