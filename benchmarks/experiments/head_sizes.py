"""At which sizes to look for heads, and when a look is enough.

F1 by kind of picture at the best common threshold: for one look, for two looks merged by score, for two looks
of which each answers for heads of its sizes, for these where the second is taken only if the first leaves
doubts, and where looks that leave doubts are taken mirrored as well; with the mean number of looks.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from booru_export.data.splits import PARTS, SCENE_KINDS, kind_of, split_scenes
from booru_export.data.tables import Scene, read_all_scenes
from booru_export.evaluation.metrics import Detections, match

from booru_tagger.imaging import read_picture
from booru_tagger.models.bundle import Bundle, DetectorSpec
from booru_tagger.models.detector import Detector
from booru_tagger.models.manifest import Glance, Mirror
from booru_tagger.models.session import Array, Session

LOWEST = 0.05
SHARES = ((0.25, 1.0), (0.0, 0.45))
ONE = (192, 256, 320, 384, 448, 512)
TWO = ((192, 448), (192, 512), (256, 448))
GLANCES = tuple(
    Glance(sure, faint, smallest)
    for sure in (0.6, 0.7)
    for faint in (0.1, 0.2, 0.3)
    for smallest in (0.16, 0.2)
)

MIRRORS = (Mirror(0.6, 0.2), Mirror(0.75, 0.12), Mirror(0.9, 0.05))


class Counting(Session):
    """A session that counts its runs."""

    runs = 0

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        self.runs += 1
        return super().run(feeds)


def figures(session: Counting, spec: DetectorSpec, scenes: Sequence[Scene]) -> str:
    """F1 by kind at the threshold that is best for their mean, and the mean number of looks."""
    detector = Detector(session, spec, LOWEST)
    found: dict[str, list[Detections]] = {kind: [] for kind in SCENE_KINDS}
    looks: dict[str, int] = dict.fromkeys(SCENE_KINDS, 0)
    for scene in scenes:
        picture, before = read_picture(scene.path), session.runs
        found[kind_of(scene)].append(Detections(detector.detect(picture), scene.boxes, scene.ignore))
        looks[kind_of(scene)] += session.runs - before
    sides = {kind: match(of_kind) for kind, of_kind in found.items() if of_kind}
    grid = np.arange(0.2, 0.9, 0.01)
    best = float(grid[int(np.argmax([np.mean([side.at(at)[0] for side in sides.values()]) for at in grid]))])
    parts = (
        f"{kind} {side.at(best)[0]:.3f} ({looks[kind] / len(found[kind]):.2f} looks)"
        for kind, side in sides.items()
    )
    return f"at {best:.2f}: {', '.join(parts)}"


def specs(detector: DetectorSpec) -> Iterator[tuple[str, DetectorSpec]]:
    """All ways to look, by name, with scores of the network's own."""
    plain = detector.uncalibrated()._replace(glance=None, mirror=None)
    for side in ONE:
        yield str(side), plain._replace(sides=(side,), head_shares=())
    for sides in TWO:
        both = plain._replace(sides=sides, head_shares=())
        yield f"{sides[0]} + {sides[1]}", both
        own = both._replace(head_shares=SHARES)
        yield f"{sides[0]} + {sides[1]}, each its own sizes", own
        for glance in GLANCES:
            name = f"{sides[0]}, then {sides[1]} unless {glance.sure} {glance.faint} {glance.smallest}"
            yield name, own._replace(glance=glance)
        for mirror in MIRRORS:
            name = f"the same at 0.7 0.2 0.16, mirrored from {mirror.faint} to {mirror.sure}"
            yield name, own._replace(glance=Glance(0.7, 0.2, 0.16), mirror=mirror)


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser("python -m benchmarks experiment head_sizes", description=__doc__)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("scenes", type=Path, nargs="+", help="folders with boxes.jsonl")
    parser.add_argument("--part", choices=[*PARTS, "held-out"], default="validation")
    asked = parser.parse_args(arguments)
    bundle = Bundle.load(asked.bundle)
    assert bundle.detector is not None
    session = Counting(asked.bundle / bundle.detector.file)
    parts = split_scenes(read_all_scenes(asked.scenes))
    scenes = [*parts["validation"], *parts["test"]] if asked.part == "held-out" else parts[asked.part]
    for name, spec in specs(bundle.detector):
        print(f"{name:40} {figures(session, spec, scenes)}", flush=True)
