"""At which sizes to look for heads.

F1 on illustrations and on posters at the best common threshold, for one look, for two looks merged by score,
and for two looks of which each answers for heads of its sizes.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from booru_export.data.splits import PARTS, kind_of, split_scenes
from booru_export.data.tables import Scene, read_scenes
from booru_export.evaluation.metrics import Detections, match

from booru_tagger.imaging import read_picture
from booru_tagger.models.bundle import Bundle, DetectorSpec
from booru_tagger.models.detector import Detector
from booru_tagger.models.session import Session

LOWEST = 0.05
SHARES = ((0.3, 1.0), (0.0, 0.5))
LOOKS: tuple[tuple[tuple[int, ...], tuple[tuple[float, float], ...]], ...] = (
    *(((side,), ()) for side in (320, 448, 512, 640)),
    *(((small, large), shares) for small in (256, 320) for large in (448, 512) for shares in ((), SHARES)),
)


def figures(session: Session, spec: DetectorSpec, scenes: Sequence[Scene]) -> str:
    """F1 on illustrations and on posters at the threshold that is best for their mean."""
    detector = Detector(session, spec, LOWEST)
    found = [
        (scene, Detections(detector.detect(read_picture(scene.path)), scene.boxes, scene.ignore))
        for scene in scenes
    ]
    sides = [
        match([seen for scene, seen in found if kind_of(scene) == kind])
        for kind in ("illustrations", "posters")
    ]
    grid = np.arange(0.2, 0.9, 0.01)
    best = float(grid[int(np.argmax([np.mean([side.at(at)[0] for side in sides]) for at in grid]))])
    illustrations, posters = (side.at(best)[0] for side in sides)
    return f"at {best:.2f}: illustrations {illustrations:.3f}, posters {posters:.3f}"


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser("python -m benchmarks experiment head_sizes", description=__doc__)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("--part", choices=[*PARTS, "held-out"], default="validation")
    asked = parser.parse_args(arguments)
    bundle = Bundle.load(asked.bundle)
    assert bundle.detector is not None
    session = Session(asked.bundle / bundle.detector.file)
    parts = split_scenes(read_scenes(asked.data / "scenes"))
    scenes = [*parts["validation"], *parts["test"]] if asked.part == "held-out" else parts[asked.part]
    for sides, shares in LOOKS:
        spec = dataclasses.replace(bundle.detector, sides=sides, head_shares=shares)
        name = " + ".join(map(str, sides)) + (", each its own sizes" if shares else "")
        print(f"{name:32} {figures(session, spec, scenes)}", flush=True)
