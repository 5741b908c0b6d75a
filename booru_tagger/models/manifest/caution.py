"""When a name needs a higher score than usual: the section ``caution`` of a bundle's recogniser."""

from __future__ import annotations

from typing import NamedTuple

from booru_tagger.models.manifest.fields import Table

RAW_FACE, FACE = 0.75, 0.91
"""Bounds of a detector's score: of its network's own, and of one that is a share of heads."""


class Caution(NamedTuple):
    """The section ``caution`` of a recogniser: which faces need a higher score for a name, and which.

    A face is poor where the detector gave it less than ``face``, where its longer side has fewer than
    ``side`` pixels of the picture, or where it is less sharp than ``sharpness``
    (:func:`booru_tagger.imaging.sharpness`): it needs a score of ``poor``. One that shows no color (line art,
    a scribble, a manga page) needs ``colorless``.
    """

    face: float = RAW_FACE
    side: float = 32.0
    sharpness: float = 3.0
    poor: float = 0.85
    colorless: float = 0.9


def read_caution(table: Table, *, calibrated: bool) -> Caution | None:
    """As the manifest has it. Without the section, scores that are chances get the usual one.

    ``calibrated``: whether the detector's scores are shares of heads.
    """
    usual = Caution(face=FACE if calibrated else RAW_FACE)
    if not table.has("caution"):
        return usual if table.has("identity") else None
    section = table.table("caution")
    section.only(*Caution._fields)
    return Caution(
        face=section.share("face", usual.face),
        side=section.number("side", usual.side, low=0, high=10_000),
        sharpness=section.number("sharpness", usual.sharpness, low=0, high=255),
        poor=section.share("poor", usual.poor),
        colorless=section.share("colorless", usual.colorless),
    )
