"""Self-training: an earlier detector labels pictures that nobody labelled."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from booru_export.data.tables import Scene
from booru_tagger.errors import ImageError
from booru_tagger.imaging import read_picture
from booru_tagger.models.bundle import Bundle, DetectorSpec
from booru_tagger.models.detector import Detector
from booru_tagger.models.manifest import Mirror
from booru_tagger.models.session import Session
from booru_tagger.types import Box

SIDES = (320, 448)
"""Longest sides looked at, each as it is and mirrored."""
SAME_IOU = 0.5


def label_heads(
    folder: Path,
    pictures: Sequence[Path],
    *,
    sure: float,
    maybe: float,
    complain: Callable[[str], None],
    step: Callable[[], None] = lambda: None,
) -> Iterator[Scene]:
    """Scenes with the heads that a bundle's detector finds in ``pictures``.

    Heads scored at least ``sure`` on average over a look and the same one mirrored become boxes, those down
    to ``maybe`` regions to ignore: what the detector doubts must neither be learned nor unlearned. Scores are
    the network's own, as these looks are not those that a bundle's were calibrated with. Unreadable pictures
    are complained about and left out.
    """
    bundle = Bundle.load(folder)
    assert bundle.detector is not None
    detector = Detector(Session(folder / bundle.detector.file), _four_looks(bundle.detector), maybe)
    for path in pictures:
        step()
        try:
            picture = read_picture(path)
        except ImageError as error:
            complain(str(error))
            continue
        faces = detector.detect(picture)
        boxes = tuple(face.box for face in faces if face.score >= sure)
        doubted = tuple(face.box for face in faces if face.score < sure)
        unclear = ("unclear",) * len(boxes)
        yield Scene(
            path, picture.width, picture.height, "self-labelled", "", boxes, doubted, unclear, unclear
        )


def _four_looks(spec: DetectorSpec) -> DetectorSpec:
    """Two sides, each also mirrored, and scores of the network's own."""
    always = Mirror(sure=1.0, faint=0.0)
    return spec._replace(sides=SIDES, head_shares=(), calibration=None, glance=None, mirror=always)


def confirmed(scene: Scene, checked: Scene) -> Scene:
    """A self-labelled scene with those heads alone that were seen by eye, too.

    ``checked``: the same picture, of any size, with the heads and regions to ignore that people saw. A head
    that one of both lacks is a region to ignore: either may be wrong.
    """
    scale = scene.width / checked.width
    seen = [Box(*(value * scale for value in box)) for box in checked.boxes]
    both = tuple(box for box in scene.boxes if any(box.iou(other) >= SAME_IOU for other in seen))
    doubted = [box for box in scene.boxes if box not in both]
    doubted += [other for other in seen if not any(box.iou(other) >= SAME_IOU for box in both)]
    doubted += [Box(*(value * scale for value in box)) for box in checked.ignore]
    unclear = ("unclear",) * len(both)
    return dataclasses.replace(scene, boxes=both, ignore=tuple(doubted), hair=unclear, eyes=unclear)
