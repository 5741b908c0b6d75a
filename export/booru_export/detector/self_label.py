"""Self-training: an earlier detector labels pictures that nobody labelled."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from booru_export.data.tables import Scene
from booru_tagger.errors import ImageError
from booru_tagger.imaging import Picture, read_picture
from booru_tagger.models.bundle import Bundle
from booru_tagger.models.detector import Detector, suppress
from booru_tagger.models.session import Session
from booru_tagger.types import Box, Face

SIDES = (320, 448)
"""Longest sides looked at, each as it is and mirrored: a head found in all four is one."""
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

    Heads scored at least ``sure`` on average over four looks become boxes, those down to ``maybe`` regions to
    ignore: what the detector doubts must neither be learned nor unlearned. Scores are the network's own, as
    these looks are not those that a bundle's were calibrated with. Unreadable pictures are complained
    about and left out.
    """
    bundle = Bundle.load(folder)
    assert bundle.detector is not None
    spec = dataclasses.replace(bundle.detector, sides=SIDES, head_shares=(), calibration=None, glance=None)
    detector = Detector(Session(folder / spec.file), spec, threshold=maybe / 2)
    for path in pictures:
        step()
        try:
            picture = read_picture(path)
        except ImageError as error:
            complain(str(error))
            continue
        faces = agreed(detector, picture)
        boxes = tuple(face.box for face in faces if face.score >= sure)
        doubted = tuple(face.box for face in faces if maybe <= face.score < sure)
        unclear = ("unclear",) * len(boxes)
        yield Scene(
            path, picture.width, picture.height, "self-labelled", "", boxes, doubted, unclear, unclear
        )


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


def agreed(detector: Detector, picture: Picture) -> list[Face]:
    """Heads seen in a picture and in its mirror image, with the mean of both scores."""
    mirrored = Picture(np.ascontiguousarray(picture.pixels[:, ::-1]), picture.width, picture.height)
    looks = [
        list(detector.detect(picture)),
        [_mirror(face, picture.width) for face in detector.detect(mirrored)],
    ]
    every = [face for look in looks for face in look]
    if not every:
        return []
    boxes = np.asarray([face.box for face in every], dtype=np.float32)
    scores = np.asarray([face.score for face in every], dtype=np.float32)
    kept = [every[index] for index in suppress(boxes, scores, SAME_IOU)]
    return [Face(face.box, float(np.mean([_score_at(face.box, look) for look in looks]))) for face in kept]


def _score_at(box: Box, faces: Sequence[Face]) -> float:
    return max((face.score for face in faces if face.box.iou(box) >= SAME_IOU), default=0.0)


def _mirror(face: Face, width: int) -> Face:
    return Face(Box(width - face.box.x1, face.box.y0, width - face.box.x0, face.box.y1), face.score)
