"""The section ``roll`` of a manifest: the network that says how far a head is turned."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from booru_tagger.imaging import Normalisation
from booru_tagger.models.manifest.fields import Table
from booru_tagger.models.manifest.file_records import FileRecord, listed_file, read_normalisation


class RollSpec(NamedTuple):
    """``size``: side of the network's input in pixels. ``expand``: that of the square around a head, in
    longer sides of its box. ``sure``: certainty, 0 to 1, from which on its answer counts."""

    file: str
    size: int
    normalisation: Normalisation
    expand: float
    sure: float


def read_roll(table: Table, files: Mapping[str, FileRecord]) -> RollSpec:
    table.only("file", "size", "mean", "std", "bytes", "expand", "sure")
    return RollSpec(
        file=listed_file(table, files),
        size=table.whole("size", low=8, high=4096),
        normalisation=read_normalisation(table),
        expand=table.number("expand", 1.0, low=0.1, high=10),
        sure=table.share("sure"),
    )
