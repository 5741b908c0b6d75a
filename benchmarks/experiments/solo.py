"""How often `solo` is right where one head is found, by how sure it is and how unsure a second one.

The truth is the hand-checked boxes: a picture with one box and without regions that hold unclear heads.
People whose head is out of the picture have no box, so that what Danbooru calls solo is a little rarer.
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

LOWEST = 0.05
SECOND = (0.1, 0.15, 0.2, 0.3, 0.5, 0.64)
"""Bounds of the second head's score: below it there is no second head."""


def is_alone(scene: Scene) -> bool:
    return len(scene.boxes) == 1 and not scene.ignore


def figures(seen: Sequence[tuple[Scene, tuple[float, ...]]], first: float, second: float) -> str:
    """How many pictures would be tagged, and how many of them and of all single people are right."""
    told = [scene for scene, (best, other) in seen if best >= first and other < second]
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
    threshold = bundle.detector.threshold
    detector = Detector(Session(asked.bundle / bundle.detector.file), bundle.detector, LOWEST)
    scenes = read_scenes(asked.data)
    parts = split_scenes(scenes)
    chosen = scenes if asked.all else [*parts["validation"], *parts["test"]]
    seen = []
    for scene in chosen:
        scores = [face.score for face in detector.detect(read_picture(scene.path))]
        seen.append((scene, (*scores, 0.0, 0.0)[:2]))
    for kind in sorted({kind_of(scene) for scene in chosen}):
        of_kind = [one for one in seen if kind_of(one[0]) == kind]
        for first in (threshold, 0.8):
            for second in SECOND:
                print(f"{kind:14} first {first:.2f} second {second:.2f}: {figures(of_kind, first, second)}")
