"""The ``evaluate`` command: which pictures to judge a bundle on, and what to write down of it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, TypeVar, cast

import click

from booru_export.bundle_folder import read_manifest, write_manifest
from booru_export.data.splits import Part, split_faces, split_scenes, split_strangers
from booru_export.data.tables import FaceItem, Scene, read_all_scenes, read_data_faces, read_faces
from booru_export.evaluation.card import model_card
from booru_export.evaluation.embedding import EmbeddedFace as SeenEmbedding
from booru_export.evaluation.embedding import look
from booru_export.evaluation.enrolment import enrolment_figures
from booru_export.evaluation.evaluate import (
    NamingRule,
    SeenFace,
    SeenScene,
    Tuning,
    confusions,
    face_figures,
    look_at_faces,
    look_at_scenes,
    scene_figures,
    tuned_thresholds,
)
from booru_tagger.errors import DataError
from booru_tagger.models.bundle import Bundle

SCENES = ("scenes", "hard")
"""Folders of whole pictures, each with a boxes.jsonl: ordinary ones, and those in which heads were missed."""

Item = TypeVar("Item", FaceItem, Scene)
Seen = TypeVar("Seen", SeenFace, SeenScene, SeenEmbedding)
Step: TypeAlias = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Judgement:
    """Figures by name, the most frequent mistakes as (label, taken for, how often), and the model card."""

    figures: dict[str, Any]
    mistakes: list[tuple[str, str, int]]
    card: str


def judge(
    folder: Path,
    data: Path,
    part: str,
    *,
    strangers: Path | None,
    tune: Tuning | None = None,
    enrol: int = 0,
) -> Judgement:
    """Judge a bundle on a part of the data; with ``tune`` thresholds and figures are kept.

    Faces of characters that the bundle does not know are strangers: those of the validation part are the
    half that the bundle's chances may have been fitted on, those of the test part the other half. With
    ``enrol``, so many faces of each of these are enrolled and the others told by that.
    """
    bundle = Bundle.load(folder)
    faces, scenes = pictures_of(data, bundle, part)
    if strangers:
        faces += read_faces(strangers)
    seen_faces = _look("faces", faces, lambda items, step: look_at_faces(folder, items, step=step))
    seen_scenes = _look("illustrations", scenes, lambda items, step: look_at_scenes(folder, items, step=step))
    if tune:
        _tune(folder, tuned_thresholds(seen_faces, seen_scenes, bundle, tune))
        bundle = Bundle.load(folder)
    figures = _figures(bundle, seen_faces, seen_scenes)
    if enrol:
        seen = _look("enrolment", faces, lambda items, step: look(folder, items, step))
        figures |= enrolment_figures(folder, seen, enrol)
    if tune:
        manifest = read_manifest(folder)
        kept = {name: round(value, 4) for name, value in figures.items()}
        manifest["figures"] = {**manifest.get("figures", {}), part: kept}
        write_manifest(folder, manifest)
    return Judgement(
        figures, confusions(seen_faces), model_card(bundle, read_manifest(folder), figures, seen_faces, part)
    )


def pictures_of(data: Path, bundle: Bundle, part: str) -> tuple[list[FaceItem], list[Scene]]:
    """The faces and whole pictures of a part of the data that a bundle can be judged on.

    Raises :class:`DataError` where there are none.
    """
    tables = [table for name in SCENES if (table := data / name / "boxes.jsonl").is_file()]
    faces: list[FaceItem] = []
    scenes: list[Scene] = []
    if bundle.recogniser is not None and (every := read_data_faces(data)):
        known = {label.tag for label in bundle.labels}
        faces = [item for item in every if item.label in known]
        unknown = [item for item in every if item.label not in known]
        if part != "all":
            faces, unknown = (
                split_faces(faces)[cast(Part, part)],
                split_strangers(unknown)[cast(Part, part)],
            )
        faces += unknown
    if bundle.detector is not None:
        scenes = read_all_scenes(tables)
        scenes = scenes if part == "all" else split_scenes(scenes)[cast(Part, part)]
    if not faces and not scenes:
        raise DataError(f"{data}: neither faces/ nor scenes/boxes.jsonl that this bundle could be judged on")
    return faces, scenes


def _look(name: str, items: Sequence[Item], look: Callable[[Sequence[Item], Step], list[Seen]]) -> list[Seen]:
    if not items:
        return []
    with click.progressbar(length=len(items), label=name, file=sys.stderr) as bar:

        def step() -> None:
            bar.update(1)

        return look(items, step)


def _figures(bundle: Bundle, faces: Sequence[SeenFace], scenes: Sequence[SeenScene]) -> dict[str, float]:
    figures: dict[str, float] = {}
    if faces:
        figures |= face_figures(faces, NamingRule.of(bundle))
    if scenes:
        labels = frozenset(label.tag for label in bundle.labels)
        figures |= scene_figures(scenes, labels, bundle)
    return figures


def _tune(folder: Path, tuned: dict[str, float]) -> None:
    manifest = read_manifest(folder)
    if "face" in tuned:
        manifest["detector"]["threshold"] = tuned["face"]
    if "character" in tuned:
        manifest["recogniser"]["thresholds"]["character"] = tuned["character"]
    write_manifest(folder, manifest)
