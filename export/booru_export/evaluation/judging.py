"""The ``evaluate`` command: which pictures to judge a bundle on, and what to write down of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from booru_export.bundle_folder import read_manifest, write_manifest
from booru_export.data.splits import Part, split_faces, split_scenes, split_strangers
from booru_export.data.tables import FaceItem, Scene, read_all_scenes, read_data_faces, read_faces
from booru_export.evaluation.card import Judged, model_card
from booru_export.evaluation.color_sheet import disputed_colors
from booru_export.evaluation.embedding import look
from booru_export.evaluation.enrolment import enrolment_figures
from booru_export.evaluation.evaluate import (
    SeenScene,
    ToldColor,
    Tuning,
    look_at_scenes,
    scene_figures,
    tuned_thresholds,
)
from booru_export.evaluation.faces import SeenFace, face_figures, group_figures, told
from booru_export.evaluation.mistakes import ConfusedPair, by_character, confused_pairs, table_bytes
from booru_export.evaluation.redrawn import STYLES, some
from booru_export.progress import progress
from booru_tagger.errors import DataError
from booru_tagger.models.bundle import Bundle

SCENES = ("scenes", "hard")
"""Folders of whole pictures, each with a boxes.jsonl: ordinary ones, and those in which heads were missed."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """Figures by name, who is taken for whom most often, the model card, a CSV of all characters, and the
    colors told otherwise than labelled, the surest first."""

    figures: dict[str, Any]
    mistakes: list[ConfusedPair]
    card: str
    characters: bytes
    disputed: Sequence[ToldColor]

    def lines(self) -> Iterator[str]:
        """For people: each figure, with its bounds if it has some, and the mistakes."""
        for name, value in self.figures.items():
            if name.removesuffix("_low").removesuffix("_high") != name:
                continue
            line = f"{name:32} {value:.4f}" if isinstance(value, float) else f"{name:32} {value}"
            low, high = self.figures.get(f"{name}_low"), self.figures.get(f"{name}_high")
            yield line if low is None or high is None else f"{line} ({low:.4f} to {high:.4f})"
        yield from map(str, self.mistakes)


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
    with progress("faces", len(faces)) as step:
        looked = look(folder, faces, step) if faces else []
    with progress("illustrations", len(scenes)) as step:
        seen_scenes = look_at_scenes(folder, scenes, step=step) if scenes else []
    seen_faces = told(folder, looked) if looked else []
    if tune:
        _tune(folder, tuned_thresholds(seen_faces, seen_scenes, bundle, tune))
        bundle = Bundle.load(folder)
        seen_faces = told(folder, looked) if looked else []
        seen_scenes = look_at_scenes(folder, scenes) if scenes else []
    figures = _figures(bundle, seen_faces, seen_scenes)
    figures |= _redrawn_figures(folder, faces)
    if enrol and looked:
        figures |= enrolment_figures(folder, looked, enrol)
    if tune:
        manifest = read_manifest(folder)
        kept = {name: round(value, 4) for name, value in figures.items()}
        manifest["figures"] = {**manifest.get("figures", {}), part: kept}
        write_manifest(folder, manifest)
    series = {label.tag: label.series for label in bundle.labels}
    rows = by_character(seen_faces, series)
    judged = Judged(part, figures, seen_faces, rows)
    card = model_card(bundle, read_manifest(folder), judged)
    disputed = disputed_colors(seen_scenes, bundle.detector.threshold) if bundle.detector else ()
    return Judgement(figures, confused_pairs(seen_faces), card, table_bytes(rows), disputed)


def _redrawn_figures(folder: Path, faces: Sequence[FaceItem]) -> dict[str, float]:
    """What the bundle says of the same faces in grey and as line art."""
    figures: dict[str, float] = {}
    for style, redraw in STYLES.items() if faces else ():
        again = some(faces)
        with progress(style, len(again)) as step:
            looked = look(folder, again, step, redraw=redraw)
        seen = told(folder, looked)
        known = [one for one in seen if one.label]
        if known:
            figures |= group_figures(style, known)
        strangers = [one.is_named for one in seen if not one.label]
        if strangers:
            figures[f"{style}, strangers named"] = sum(strangers) / len(strangers)
    return figures


def scenes_in(data: Path) -> list[Scene]:
    """The whole pictures in a folder of data; none where it has no such."""
    return read_all_scenes([table for name in SCENES if (table := data / name / "boxes.jsonl").is_file()])


def pictures_of(data: Path, bundle: Bundle, part: str) -> tuple[list[FaceItem], list[Scene]]:
    """The faces and whole pictures of a part of the data that a bundle can be judged on.

    Raises :class:`DataError` where there are none.
    """
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
        scenes = scenes_in(data)
        scenes = scenes if part == "all" else split_scenes(scenes)[cast(Part, part)]
    if not faces and not scenes:
        raise DataError(f"{data}: neither faces/ nor scenes/boxes.jsonl that this bundle could be judged on")
    return faces, scenes


def _figures(bundle: Bundle, faces: Sequence[SeenFace], scenes: Sequence[SeenScene]) -> dict[str, float]:
    figures: dict[str, float] = {}
    if faces:
        figures |= face_figures(faces)
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
