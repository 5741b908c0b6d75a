"""The sections of a bundle's manifest: frozen records, and the functions that read them strictly."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType

from booru_tagger.imaging import Normalisation
from booru_tagger.models.calibration import (
    FAINTEST,
    RAW_SECOND_HEAD,
    SECOND_HEAD,
    ScoreCurve,
    read_calibration,
)
from booru_tagger.models.caution import Caution, read_caution
from booru_tagger.models.fields import Table
from booru_tagger.vocab import CATEGORIES, CHARACTER, problem

MANIFEST = "manifest.json"

_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")
_MAX_WEIGHT = 1e4
MARGIN = 0.7
"""Where a bundle does not say: one in 200 heads of strangers is taken for one of five enrolled people."""
ONE_CHARACTER = 0.55
"""Where a bundle does not say."""
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class FileRecord:
    """What a file must be: its length in bytes and its SHA-256 as hex."""

    sha256: str
    bytes: int


@dataclass(frozen=True, slots=True)
class DetectorSpec:
    """How to run the detector.

    ``sides``: longest sides in pixels that the picture is scaled to, one run each, merged by NMS.
    ``head_shares``: for each side the heads that its run answers for, by their longer side as a share of the
    picture's: none is found well both as a dot and as a wall (Singh & Davis, "SNIP", 2018). Empty: all.
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

    def calibrated(self, score: float) -> float:
        """What a score of the network's own is on the scale of this bundle."""
        return score if self.calibration is None else self.calibration.share(score)

    def raw(self, score: float) -> float:
        """What a score on the scale of this bundle is on the network's own."""
        return score if self.calibration is None else self.calibration.score(score)

    @property
    def faintest(self) -> float:
        """The lowest score that counts in :meth:`another`."""
        return self.second_head if self.calibration is None else FAINTEST

    def another(self, scores: Iterable[float]) -> float:
        """The chance that a box of one of these scores is a head; the highest of them, where none is one."""
        if self.calibration is None:
            return max(scores, default=0.0)
        return 1 - math.prod(1 - score for score in scores)


@dataclass(frozen=True, slots=True)
class View:
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


@dataclass(frozen=True, slots=True)
class Weights:
    """A logistic function of similarities (cosines): what each counts in favour of a character.

    ``learned``: with its learned direction; ``mean``: with the mean of its faces; ``nearest``: with the most
    alike of them; ``rival``: with the most alike other character; ``faces``: logarithm of their number.
    """

    level: float
    learned: float
    mean: float
    nearest: float
    rival: float
    faces: float


@dataclass(frozen=True, slots=True)
class Coincidence:
    """How alike faces of different people are by chance: the similarities (cosines) that one in a thousand,
    and one in a hundred thousand pairs of such faces reach."""

    once_in_1_000: float
    once_in_100_000: float

    def share(self, similarity: float) -> float:
        """The share of all pairs of different people that are at least so alike: it falls exponentially."""
        steps = (similarity - self.once_in_1_000) / (self.once_in_100_000 - self.once_in_1_000)
        return float(min(1.0, 10 ** (-3 - 2 * steps)))


@dataclass(frozen=True, slots=True)
class IdentitySpec:
    """The section ``identity`` of a recogniser: the file with what is known of its characters, the weights
    for those with a learned direction and for all others, and the similarity from which on two faces are
    one person's: where that is likely anyway (``same_person``), and where nothing is known (``alike``).

    ``margin``: log odds that a character without a learned direction needs beyond what ``enrolled`` gives it,
    for most people in a folder are none of those enrolled; of those in the bundle itself the more, the more
    there are (:func:`booru_tagger.models.identity.margin_of`).
    ``one_character``: how alike two parts of the faces of one character are at least
    (:func:`booru_tagger.models.gallery.parting.second_character`). ``coincidence``: what alike strangers
    among many faces are weighed against.
    """

    file: str
    trained: Weights
    enrolled: Weights
    same_person: float
    alike: float
    margin: float = MARGIN
    one_character: float = ONE_CHARACTER
    coincidence: Coincidence | None = None


@dataclass(frozen=True, slots=True)
class RecogniserSpec:
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


@dataclass(frozen=True, slots=True)
class Label:
    """A name that the recogniser gives: one column of its output ``character``.

    ``implied`` are tags that follow from it; ``series`` is a tag of the category copyright, or empty.
    """

    tag: str
    category: str = CHARACTER
    series: str = ""
    implied: tuple[str, ...] = ()
    threshold: float | None = None


def read_files(table: Table) -> Mapping[str, FileRecord]:
    """The section ``files``."""
    records = {}
    for name in table.data:
        if not _FILE_NAME.fullmatch(name) or name == MANIFEST:
            table.fail(name, "a file's name may have letters, digits, '.', '_' and '-' only, and no folder")
        entry = table.table(name)
        entry.only("sha256", "bytes")
        digest = entry.text("sha256").lower()
        if not _SHA256.fullmatch(digest):
            entry.fail("sha256", "expected 64 hexadecimal digits")
        records[name] = FileRecord(digest, entry.whole("bytes"))
    return MappingProxyType(records)


def _listed(table: Table, files: Mapping[str, FileRecord]) -> str:
    name = table.text("file")
    if name not in files:
        table.fail("file", f"{name!r} is not listed under 'files'")
    return name


def _normalisation(table: Table) -> Normalisation:
    return Normalisation(
        mean=table.triple("mean", low=-10, high=10), std=table.triple("std", low=1e-6, high=1e3)
    )


def read_detector(table: Table, files: Mapping[str, FileRecord]) -> DetectorSpec:
    """The section ``detector``."""
    table.only(
        *("file", "sides", "head_shares", "multiple", "max_upscale", "mean", "std", "threshold"),
        *("nms_iou", "max_faces", "tile_aspect", "tile_length", "second_head", "calibration"),
    )
    sides = table.wholes("sides", low=32, high=8192)
    if not sides:
        table.fail("sides", "expected at least one side in pixels")
    calibration = read_calibration(table)
    return DetectorSpec(
        file=_listed(table, files),
        sides=sides,
        normalisation=_normalisation(table),
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
    )


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


def read_recogniser(
    table: Table, files: Mapping[str, FileRecord], detector: DetectorSpec | None = None
) -> RecogniserSpec:
    """The section ``recogniser`` of a bundle with that detector."""
    table.only(
        *("file", "size", "mean", "std", "expand", "views", "hair", "eyes", "thresholds"),
        *("review", "sure", "min_colourfulness", "identity", "caution"),
    )
    thresholds = table.table("thresholds")
    thresholds.only("character", "hair", "eyes")
    expand = table.number("expand", 1.0, low=0.1, high=10)
    views = tuple(_view(item) for item in table.tables("views")) if table.has("views") else ()
    if views and all(view.below is not None for view in views):
        table.fail("views", "one view at least must be without 'below', so that every face is looked at")
    return RecogniserSpec(
        file=_listed(table, files),
        size=table.whole("size", low=8, high=4096),
        normalisation=_normalisation(table),
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
        identity=_identity(table.table("identity"), files) if table.has("identity") else None,
        caution=read_caution(table, calibrated=bool(detector and detector.calibration)),
    )


def _identity(table: Table, files: Mapping[str, FileRecord]) -> IdentitySpec:
    table.only(
        *("file", "trained", "enrolled", "same_person", "alike", "margin", "one_character", "coincidence")
    )
    return IdentitySpec(
        file=_listed(table, files),
        trained=_weights(table.table("trained")),
        enrolled=_weights(table.table("enrolled")),
        same_person=table.share("same_person"),
        alike=table.share("alike"),
        margin=table.number("margin", MARGIN, low=-100, high=100),
        one_character=table.share("one_character", ONE_CHARACTER),
        coincidence=_coincidence(table.table("coincidence")) if table.has("coincidence") else None,
    )


def _coincidence(table: Table) -> Coincidence:
    table.only("once_in_1_000", "once_in_100_000")
    often, rarely = table.share("once_in_1_000"), table.share("once_in_100_000")
    if rarely <= often:
        table.fail("once_in_100_000", "expected a similarity above that of 'once_in_1_000'")
    return Coincidence(often, rarely)


def _weights(table: Table) -> Weights:
    names = [item.name for item in fields(Weights)]
    table.only(*names)
    return Weights(**{name: table.number(name, low=-_MAX_WEIGHT, high=_MAX_WEIGHT) for name in names})


def _view(table: Table) -> View:
    table.only("expand", "flip", "below", "above")
    below = table.share("below") if table.has("below") else None
    expand = table.number("expand", low=0.1, high=10)
    return View(expand, table.flag("flip", False), below, table.share("above", 0.0))


def read_labels(table: Table) -> tuple[Label, ...]:
    """The list ``labels`` of the whole manifest."""
    labels = tuple(_label(item) for item in table.tables("labels")) if table.has("labels") else ()
    seen: set[str] = set()
    for index, label in enumerate(labels):
        if label.tag in seen:
            table.fail(f"labels[{index}].tag", f"{label.tag!r} is listed twice")
        seen.add(label.tag)
    return labels


def _label(table: Table) -> Label:
    table.only("tag", "category", "series", "implied", "threshold")
    category = table.text("category", CHARACTER)
    if category not in CATEGORIES:
        table.fail("category", f"unknown category {category!r}; known: {', '.join(CATEGORIES)}")
    threshold = table.share("threshold") if table.has("threshold") else None
    return read_label(table, category, threshold)


def read_label(table: Table, category: str = CHARACTER, threshold: float | None = None) -> Label:
    """A character with what it implies: the keys ``tag``, ``series`` and ``implied``."""
    label = Label(
        table.text("tag"), category, table.text("series", ""), table.texts("implied", ()), threshold
    )
    named = [("tag", label.tag), *(("implied", tag) for tag in label.implied)]
    for key, value in (*named, *([("series", label.series)] if label.series else [])):
        if reason := problem(value):
            table.fail(key, f"{value!r} is not a tag: {reason}")
    return label
