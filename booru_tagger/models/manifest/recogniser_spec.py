"""The section ``recogniser`` of a manifest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from booru_tagger.imaging import Normalisation
from booru_tagger.models.manifest.caution import Caution, read_caution
from booru_tagger.models.manifest.detector_spec import DetectorSpec
from booru_tagger.models.manifest.fields import Table
from booru_tagger.models.manifest.file_records import FileRecord, listed_file, read_normalisation
from booru_tagger.models.manifest.identity_spec import IdentitySpec, read_identity


class View(NamedTuple):
    """One look at a face: a square of ``expand`` times its box's longer side, mirrored or not.

    With ``below`` it is a second look, taken only at a face whose likeliest character has a score below that
    number in the views without it, but ``above`` or more: whom nobody known is like, no look will name.
    """

    expand: float
    flip: bool = False
    below: float | None = None
    above: float = 0.0

    def keys(self) -> dict[str, object]:
        """As in a manifest."""
        more = {"below": self.below, "above": self.above} if self.below is not None else {}
        return {"expand": self.expand, "flip": self.flip, **more}


class RecogniserSpec(NamedTuple):
    """How to run the recogniser and what to make of its scores.

    ``size``: side of its input in pixels. ``expand``: the crop rule of the faces that it was trained on.
    ``hair`` and ``eyes``: names of those outputs' columns. ``character_threshold`` holds for labels without
    one of their own; below it, down to ``review``, a person should look. ``sure``: score from which a
    measured color outweighs the canon of a recognised character. In a picture less colorful than
    ``min_colorfulness`` (see :func:`booru_tagger.imaging.colorfulness`) no color is measured. Without
    ``caution`` all faces need the same score.
    """

    file: str
    size: int
    normalisation: Normalisation
    expand: float
    views: tuple[View, ...]
    hair: tuple[str, ...]
    eyes: tuple[str, ...]
    character_threshold: float
    hair_threshold: float
    eyes_threshold: float
    review: float
    sure: float
    min_colorfulness: float
    identity: IdentitySpec | None = None
    caution: Caution | None = None


def read_recogniser(
    table: Table, files: Mapping[str, FileRecord], detector: DetectorSpec | None = None
) -> RecogniserSpec:
    """The section ``recogniser`` of a bundle with that detector."""
    table.only(
        *("file", "size", "mean", "std", "expand", "views", "hair", "eyes", "thresholds"),
        *("review", "sure", "min_colourfulness", "identity", "caution", "bytes"),
    )
    thresholds = table.table("thresholds")
    thresholds.only("character", "hair", "eyes")
    expand = table.number("expand", 1.0, low=0.1, high=10)
    views = tuple(_view(item) for item in table.tables("views")) if table.has("views") else ()
    if views and all(view.below is not None for view in views):
        table.fail("views", "one view at least must be without 'below', so that every face is looked at")
    return RecogniserSpec(
        file=listed_file(table, files),
        size=table.whole("size", low=8, high=4096),
        normalisation=read_normalisation(table),
        expand=expand,
        views=views or (View(expand),),
        hair=table.texts("hair", ()),
        eyes=table.texts("eyes", ()),
        character_threshold=thresholds.share("character"),
        hair_threshold=thresholds.share("hair", 0.5),
        eyes_threshold=thresholds.share("eyes", 0.5),
        review=table.share("review", 0.3),
        sure=table.share("sure", 0.8),
        min_colorfulness=table.number("min_colourfulness", 6.0),
        identity=read_identity(table.table("identity"), files) if table.has("identity") else None,
        caution=read_caution(table, calibrated=bool(detector and detector.calibration)),
    )


def _view(table: Table) -> View:
    table.only("expand", "flip", "below", "above")
    below = table.share("below") if table.has("below") else None
    expand = table.number("expand", low=0.1, high=10)
    return View(expand, table.flag("flip", False), below, table.share("above", 0.0))
