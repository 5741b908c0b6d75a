"""The section ``detector`` of a manifest."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from booru_tagger.imaging import Normalisation
from booru_tagger.models.manifest.calibration import (
    FAINTEST,
    RAW_SECOND_HEAD,
    SECOND_HEAD,
    ScoreCurve,
    read_calibration,
)
from booru_tagger.models.manifest.fields import Table
from booru_tagger.models.manifest.file_records import FileRecord, listed_file, read_normalisation


class Glance(NamedTuple):
    """When the coarsest look at a picture is enough (as in Viola & Jones' cascades, 2001).

    It found a head with a score of ``sure`` or more, and whatever has a score of ``faint`` or more is as sure
    and, by its longer side, at least ``smallest`` times the picture's. Scores are on the bundle's scale.
    """

    sure: float
    faint: float
    smallest: float


class Mirror(NamedTuple):
    """When a look is taken again, mirrored: where a head's score is ``faint`` or more, but below ``sure``.

    Scores are on the bundle's scale. What both looks say is averaged.
    """

    sure: float
    faint: float


class DetectorSpec(NamedTuple):
    """How to run the detector.

    ``sides``: longest sides in pixels that the picture is scaled to, one run each, merged by NMS.
    ``head_shares``: for each side the heads that its run answers for, by their longer side as a share of the
    picture's: none is found well both as a dot and as a wall (Singh & Davis, "SNIP", 2018). Empty: all.
    ``glance``: when the first of these runs is the only one, and answers for all heads. ``None``: never.
    ``mirror``: when one of them, unless a glance was enough, is taken again, mirrored. ``None``: never.
    ``threshold``: lowest score of a face. With ``calibration`` it, and the scores of faces, are shares of
    heads among such boxes; without, they are the network's own. ``nms_iou``: overlap from which the weaker of
    two boxes goes. ``second_head``: in a picture of one person :meth:`another` is below it.
    ``tile_aspect``: a picture whose longer side is more than so many times its shorter one is looked at in
    tiles, the closest of which are ``tile_length`` shorter sides long
    (:func:`booru_tagger.models.tiles.tiles_of`). ``max_faces`` holds for each such length.
    """

    file: str
    sides: tuple[int, ...]
    normalisation: Normalisation
    threshold: float
    multiple: int = 32
    max_upscale: float = 2.0
    nms_iou: float = 0.5
    max_faces: int = 200
    head_shares: tuple[tuple[float, float], ...] = ()
    tile_aspect: float = 2.5
    tile_length: float = 1.0
    second_head: float = RAW_SECOND_HEAD
    calibration: ScoreCurve | None = None
    glance: Glance | None = None
    mirror: Mirror | None = None

    def calibrated(self, score: float) -> float:
        """What a score of the network's own is on the scale of this bundle."""
        return score if self.calibration is None else self.calibration.share(score)

    def raw(self, score: float) -> float:
        """What a score on the scale of this bundle is on the network's own."""
        return score if self.calibration is None else self.calibration.score(score)

    def uncalibrated(self) -> DetectorSpec:
        """The same on the scale of the network's own scores."""
        glance, mirror = self.glance, self.mirror
        return self._replace(
            calibration=None,
            threshold=self.raw(self.threshold),
            glance=glance and Glance(self.raw(glance.sure), self.raw(glance.faint), glance.smallest),
            mirror=mirror and Mirror(self.raw(mirror.sure), self.raw(mirror.faint)),
        )

    @property
    def faintest(self) -> float:
        """The lowest score that counts in :meth:`another`."""
        return self.second_head if self.calibration is None else FAINTEST

    def another(self, scores: Iterable[float]) -> float:
        """The chance that a box of one of these scores is a head; the highest of them, where none is one."""
        if self.calibration is None:
            return max(scores, default=0.0)
        return 1 - math.prod(1 - score for score in scores)


def read_detector(table: Table, files: Mapping[str, FileRecord]) -> DetectorSpec:
    """The section ``detector``."""
    table.only(
        *("file", "sides", "head_shares", "multiple", "max_upscale", "mean", "std", "threshold"),
        *(
            "nms_iou",
            "max_faces",
            "tile_aspect",
            "tile_length",
            "second_head",
            "calibration",
            "glance",
            "mirror",
            "bytes",
        ),
    )
    sides = table.wholes("sides", low=32, high=8192)
    if not sides:
        table.fail("sides", "expected at least one side in pixels")
    calibration = read_calibration(table)
    return DetectorSpec(
        file=listed_file(table, files),
        sides=sides,
        normalisation=read_normalisation(table),
        threshold=table.share("threshold"),
        multiple=table.whole("multiple", 32, high=1024),
        max_upscale=table.number("max_upscale", 2.0, low=0.01, high=100),
        nms_iou=table.share("nms_iou", 0.5),
        max_faces=table.whole("max_faces", 200, high=100_000),
        head_shares=_head_shares(table, len(sides)),
        tile_aspect=table.number("tile_aspect", 2.5, low=1),
        tile_length=table.number("tile_length", 1.0, low=1, high=100),
        second_head=table.share("second_head", SECOND_HEAD if calibration else RAW_SECOND_HEAD),
        calibration=calibration,
        glance=_glance(table.table("glance")) if table.has("glance") else None,
        mirror=_mirror(table.table("mirror")) if table.has("mirror") else None,
    )


def _glance(table: Table) -> Glance:
    table.only("sure", "faint", "smallest")
    return Glance(*_sure_and_faint(table), table.share("smallest"))


def _mirror(table: Table) -> Mirror:
    table.only("sure", "faint")
    return Mirror(*_sure_and_faint(table))


def _sure_and_faint(table: Table) -> tuple[float, float]:
    sure, faint = table.share("sure"), table.share("faint")
    if faint > sure:
        table.fail("faint", "expected a score that is not above 'sure'")
    return sure, faint


def _head_shares(table: Table, sides: int) -> tuple[tuple[float, float], ...]:
    """Pairs of bounds, one for each side."""
    pairs = table.items("head_shares", ())
    if pairs and len(pairs) != sides:
        table.fail("head_shares", f"expected a pair for each of the {sides} sides, found {len(pairs)}")
    bounds = []
    for index, pair in enumerate(pairs):
        if not isinstance(pair, list) or len(pair) != 2:
            table.fail(f"head_shares.{index}", "expected two numbers, such as [0.0, 0.5]")
        row = Table({"low": pair[0], "high": pair[1]}, table.where, f"{table.name}.head_shares.{index}")
        bounds.append((row.number("low", high=1), row.number("high", high=1)))
    return tuple(bounds)
