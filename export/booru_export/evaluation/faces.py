"""What a bundle says of faces that are cut out already, and the figures of it, by group, too."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from booru_export.data.stats import COUNTS, count_name
from booru_export.data.tables import FaceItem
from booru_export.evaluation.embedding import EmbeddedFace, look, rules_of
from booru_export.evaluation.metrics import auroc, auroc_interval, calibration_error, macro, share_interval
from booru_tagger.models.bundle import Bundle
from booru_tagger.models.identity import Identity
from booru_tagger.types import FaceResult, ScoredTag


@dataclass(frozen=True, slots=True)
class SeenFace:
    """The answer to one labelled crop; ``label`` is empty for a stranger.

    ``pictures``: how many the bundle knows its character by, 0 where nothing tells.
    """

    label: str
    item: FaceItem
    face: FaceResult
    pictures: int = 0

    @property
    def source(self) -> str:
        return self.item.source

    @property
    def best(self) -> ScoredTag:
        return self.face.candidates[0]

    @property
    def is_named(self) -> bool:
        """Whether the runtime's rules give it a name, right or wrong."""
        return self.face.character is not None

    @property
    def is_right(self) -> bool:
        return self.best.tag == self.label


def look_at_faces(
    model: Path, items: Sequence[FaceItem], *, step: Callable[[], None] = lambda: None
) -> list[SeenFace]:
    """Run the bundle on face crops; those of characters that it does not know are strangers."""
    return told(model, look(model, items, step)) if items else []


def told(model: Path, seen: Sequence[EmbeddedFace]) -> list[SeenFace]:
    """Who the bundle says that each face is."""
    bundle = Bundle.load(model)
    rules = rules_of(bundle, Identity.of(bundle))
    known = pictures_known(bundle)
    return [
        SeenFace(
            one.label if one.label in known else "",
            one.item,
            rules.read(one.face, one.answer, colored=one.colored).face,
            known.get(one.label, 0),
        )
        for one in seen
    ]


def pictures_known(bundle: Bundle) -> dict[str, int]:
    """How many pictures the bundle knows each of its characters by; 0 where it does not tell."""
    identity = Identity.of(bundle)
    counts = identity.people.counts.tolist() if identity is not None else [0] * len(bundle.labels)
    return {label.tag: count for label, count in zip(bundle.labels, counts, strict=True)}


def face_figures(seen: Sequence[SeenFace]) -> dict[str, float]:
    """Accuracy, calibration, rejection, with bounds (``…_low``, ``…_high``); the same for groups of faces."""
    known = [item for item in seen if item.label]
    figures: dict[str, float] = {}
    if known:
        figures |= _known_figures(known)
        for source in sorted({item.source for item in known}):
            figures[f"top1 {source}"] = float(
                np.mean([one.is_right for one in known if one.source == source])
            )
        for name, group in _groups(known):
            figures |= group_figures(name, group)
    return figures | _stranger_figures(known, [item for item in seen if not item.label])


def _known_figures(known: Sequence[SeenFace]) -> dict[str, float]:
    labels, right = [item.label for item in known], np.asarray([item.is_right for item in known])
    named = np.asarray([item.is_named for item in known])
    return {
        "faces": len(known),
        "characters": len(set(labels)),
        **bounded("top1", float(right.mean()), share_interval(labels, right)),
        **bounded("macro", macro(labels, right), share_interval(labels, right, per_label=True)),
        "ece": calibration_error(np.asarray([item.best.score for item in known]), right),
        **bounded("named", float(named.mean()), share_interval(labels, named)),
        "named_right": float((named & right).mean()),
    }


def bounded(name: str, value: float, bounds: tuple[float, float]) -> dict[str, float]:
    """A figure with its bounds."""
    return {name: value, f"{name}_low": bounds[0], f"{name}_high": bounds[1]}


def _groups(known: Sequence[SeenFace]) -> Iterator[tuple[str, list[SeenFace]]]:
    """The faces of each kind of pictures, and of characters by the number of pictures they are known by."""
    kinds = sorted({item.item.kind for item in known})
    for kind in kinds if len(kinds) > 1 else ():
        yield f"kind {kind or 'not given'}", [item for item in known if item.item.kind == kind]
    for low, high in COUNTS:
        group = [item for item in known if low <= item.pictures <= (high or item.pictures)]
        if group:
            yield f"pictures {count_name(low, high)}", group


def group_figures(name: str, seen: Sequence[SeenFace]) -> dict[str, float]:
    """How many faces of known characters a group has, and how many are right, named, and named rightly."""
    labels, right = [item.label for item in seen], np.asarray([item.is_right for item in seen])
    named = np.asarray([item.is_named for item in seen])
    figures = {
        f"{name}, faces": float(len(seen)),
        f"{name}, characters": float(len(set(labels))),
        **bounded(f"{name}, top1", float(right.mean()), share_interval(labels, right)),
        **bounded(f"{name}, macro", macro(labels, right), share_interval(labels, right, per_label=True)),
        f"{name}, named": float(named.mean()),
    }
    if named.any():
        figures[f"{name}, named right"] = float(right[named].mean())
    return figures


def _stranger_figures(known: Sequence[SeenFace], strangers: Sequence[SeenFace]) -> dict[str, float]:
    if not strangers:
        return {}
    labels, named = [item.item.label for item in strangers], [item.is_named for item in strangers]
    interval = share_interval(labels, np.asarray(named))
    figures = {
        "strangers": len(strangers),
        "stranger_characters": len(set(labels)),
        **bounded("strangers_named", float(np.mean(named)), interval),
    }
    if known:
        one, other = (np.asarray([item.best.score for item in side]) for side in (known, strangers))
        bounds = auroc_interval(one, [item.label for item in known], other, labels)
        figures |= bounded("auroc", auroc(one, other), bounds)
    return figures
