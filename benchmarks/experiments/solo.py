"""How often `solo` is right where one head is found, by the chance that there is another one.

The truth is the hand-checked boxes: a picture with one box and without regions that hold unclear heads.
People whose head is out of the picture have no box, so that what Danbooru calls solo is a little rarer. The
bundle has to be calibrated (`booru-tagger export --calibrate`).
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from booru_export.data.splits import kind_of, split_scenes
from booru_export.data.tables import Scene, read_scenes

from booru_tagger.imaging import read_picture
from booru_tagger.models.bundle import Bundle
from booru_tagger.models.detector import Detector
from booru_tagger.models.session import Session
from booru_tagger.models.store.local import SHIPPED

ANOTHER = (0.02, 0.03, 0.04, 0.05, 0.06, 0.08, 0.1, 0.15, 0.2)
"""Bounds of the chance of another head: below it there is none."""


def is_alone(scene: Scene) -> bool:
    return len(scene.boxes) == 1 and not scene.ignore


def figures(seen: Sequence[tuple[Scene, float]], bound: float) -> str:
    """How many pictures would be tagged, and how many of them and of all single people are right."""
    told = [scene for scene, another in seen if another < bound]
    right = sum(map(is_alone, told))
    alone = sum(is_alone(scene) for scene, _ in seen)
    return f"{len(told):4} tagged, {right:4} right ({right / max(1, len(told)):.1%}), of {alone} alone"


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser("python -m benchmarks experiment solo", description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--bundle", type=Path, default=SHIPPED)
    parser.add_argument("--all", action="store_true", help="also what the model was trained on")
    asked = parser.parse_args(arguments)
    bundle = Bundle.load(asked.bundle)
    assert bundle.detector is not None
    spec = bundle.detector
    detector = Detector(Session(asked.bundle / spec.file), spec, spec.faintest)
    parts = split_scenes(read_scenes(asked.data))
    for part in ("train", "validation", "test") if asked.all else ("validation", "test"):
        seen = []
        for scene in parts[part]:
            best, *others = [face.score for face in detector.detect(read_picture(scene.path))] or [0.0]
            seen.append((scene, spec.another(others) if best >= spec.threshold else 1.0))
        for kind in sorted({kind_of(scene) for scene in parts[part]}):
            of_kind = [one for one in seen if kind_of(one[0]) == kind]
            for bound in ANOTHER:
                print(f"{part:10} {kind:14} another {bound:.2f}: {figures(of_kind, bound)}")
