"""Parts of a bundle in 8 bits, taken only where pictures with known answers show that little is lost."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias, TypeVar, get_args

from booru_export.bundle_folder import copy_bundle, put_part, read_manifest
from booru_export.bundles.identity import fit_identity
from booru_export.bundles.quantise import Array, quantise
from booru_export.data.splits import Part as Side
from booru_export.data.splits import split_faces, split_scenes
from booru_export.data.tables import FaceItem, Scene, read_data_faces, read_scenes
from booru_export.evaluation.evaluate import look_at_scenes, matches, scene_figures
from booru_export.evaluation.faces import face_figures, look_at_faces
from booru_export.progress import progress
from booru_tagger.errors import DataError, ModelError
from booru_tagger.imaging import read_picture
from booru_tagger.models.bundle import Bundle
from booru_tagger.models.detector import Detector
from booru_tagger.models.identity import Identity
from booru_tagger.models.recogniser import Recogniser
from booru_tagger.models.session import Session

Part: TypeAlias = Literal["detector", "recogniser"]
PARTS: tuple[Part, ...] = get_args(Part)

SCENES_SHOWN, FACES_SHOWN = 60, 300
"""Training pictures that the scales are taken from: so few say as much as all of them."""
SCENES_JUDGED, FACES_JUDGED = 220, 1200
"""Other pictures that before and after are compared on, those of the validation part first. The rest are of
the training part: half a point shows only on many heads, and rounding does not care what was learned from."""
MAX_LOSS = 0.005
"""Half a point: what 8 bits may cost of any figure."""
_MIN_RAW_SCORE = 0.25

Item = TypeVar("Item", FaceItem, Scene)
Halves: TypeAlias = tuple[list[Item], list[Item]]
"""Pictures to take scales from, and others to judge on."""


@dataclass(frozen=True, slots=True)
class QuantisedPart:
    """How a part did before and after, and its file's bytes. It is taken if it loses ``max_loss`` or less."""

    part: Part
    before: dict[str, float]
    after: dict[str, float]
    sizes: tuple[int, int]
    max_loss: float

    @property
    def loss(self) -> float:
        """What the figure that falls most falls by; 0.01 is a point."""
        return max(self.before[name] - self.after[name] for name in self.before)

    @property
    def taken(self) -> bool:
        return self.loss <= self.max_loss


class _Recording(Session):
    """A part of a bundle that remembers what it is fed, so that nothing but the runtime decides that."""

    def __init__(self, bundle: Bundle, file: str) -> None:
        super().__init__(bundle.read(file), name=file)
        self._fed: list[Array] = []

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        self._fed += feeds.values()
        return super().run(feeds)

    def taken(self) -> list[Array]:
        """The batches since the last call."""
        fed, self._fed = self._fed, []
        return fed


class _Data:
    """A folder with ``faces`` and ``scenes`` (or one of them), divided for this purpose."""

    def __init__(self, folder: Path, bundle: Bundle) -> None:
        self.faces: Halves[FaceItem] = ([], [])
        self.scenes: Halves[Scene] = ([], [])
        known = {label.tag for label in bundle.labels}
        items = [item for item in read_data_faces(folder) if item.label in known]
        if items:
            self.faces = _halves(split_faces(items), FACES_SHOWN, FACES_JUDGED)
        if (folder / "scenes" / "boxes.jsonl").is_file():
            scenes = split_scenes(read_scenes(folder / "scenes"))
            self.scenes = _halves(scenes, SCENES_SHOWN, SCENES_JUDGED)
        for part in PARTS:
            if getattr(bundle, part) is not None and not all(
                self.scenes if part == "detector" else self.faces
            ):
                needed = "scenes/boxes.jsonl" if part == "detector" else "faces/ of characters that it knows"
                raise DataError(f"{folder}: calibrating the {part} needs {needed}")

    def inputs(self, part: Part, bundle: Bundle) -> Iterator[Array]:
        """Batches as the runtime feeds them to ``part``."""
        return self._detector_inputs(bundle) if part == "detector" else self._recogniser_inputs(bundle)

    def _detector_inputs(self, bundle: Bundle) -> Iterator[Array]:
        spec = bundle.detector
        assert spec is not None
        session = _Recording(bundle, spec.file)
        detector = Detector(session, spec)
        for scene in self.scenes[0]:
            detector.detect(read_picture(scene.path, longest=2 * max(spec.sides)))
            yield from session.taken()

    def _recogniser_inputs(self, bundle: Bundle) -> Iterator[Array]:
        spec = bundle.recogniser
        assert spec is not None
        session = _Recording(bundle, spec.file)
        recogniser = Recogniser(session, spec, len(bundle.labels), Identity.of(bundle))
        for item in self.faces[0]:
            picture = read_picture(item.path)
            if item.head is None:
                recogniser.recognise_crop(picture.pixels)
            else:
                recogniser.recognise(picture, [item.head])
            yield from session.taken()
        for scene in self.scenes[0]:
            recogniser.recognise(read_picture(scene.path), scene.boxes[:2])
            yield from session.taken()

    def figures(self, part: Part, folder: Path) -> dict[str, float]:
        """What ``part`` is judged by, measured on the bundle in ``folder``."""
        bundle = Bundle.load(folder)
        chosen: dict[str, float] = {}
        if part == "recogniser":
            with progress("faces", len(self.faces[1])) as step:
                seen = look_at_faces(folder, self.faces[1], step=step)
            chosen["top1"] = face_figures(seen)["top1"]
        if bundle.detector is None or not self.scenes[1]:
            return chosen
        with progress("illustrations", len(self.scenes[1])) as step:
            looked = look_at_scenes(folder, self.scenes[1], min_raw_score=_MIN_RAW_SCORE, step=step)
        if part == "detector":
            found = matches(looked)
            return {"f1": found.at(bundle.detector.threshold)[0], "ap": found.average_precision()}
        colors = scene_figures(looked, frozenset(), bundle)
        return chosen | {name: colors[name] for name in ("hair_exact", "eyes_exact") if name in colors}


def _halves(sides: dict[Side, list[Item]], shown: int, judged: int) -> tuple[list[Item], list[Item]]:
    train = list(sides["train"])
    random.Random(0).shuffle(train)
    shown = min(shown, (len(train) + 1) // 2)
    return train[:shown], (sides["validation"] + train[shown:])[:judged]


def to_int8(
    source: Path, output: Path, parts: Sequence[Part], data: Path, *, max_loss: float = MAX_LOSS
) -> list[QuantisedPart]:
    """Put the bundle in ``source`` into ``output`` (which may be the same) with ``parts`` in 8 bits.

    ``data`` has ``faces`` and ``scenes``. A part that loses more than ``max_loss`` of any of its figures
    stays as it was; where that leaves none, :class:`ModelError` is raised and nothing is written.
    """
    bundle = Bundle.load(source)
    for part in parts:
        if getattr(bundle, part) is None:
            raise ModelError(f"{source}: has no {part} to quantise")
    pictures = _Data(data, bundle)
    with tempfile.TemporaryDirectory() as folder:
        verdicts = [_try(source, Path(folder) / part, part, pictures, max_loss) for part in parts]
        if not any(verdict.taken for verdict in verdicts):
            lost = " and ".join(f"the {item.part} {100 * item.loss:.2f} points" for item in verdicts)
            raise ModelError(
                f"{source}: 8 bits would cost {lost}, more than {100 * max_loss:g}; nothing was written"
            )
        copy_bundle(source, output)
        for verdict in verdicts:
            if verdict.taken:
                _take(Path(folder) / verdict.part, output, verdict)
    if "recogniser" in (verdict.part for verdict in verdicts if verdict.taken):
        fit_identity(output, data)
    return verdicts


def _try(source: Path, folder: Path, part: Part, pictures: _Data, max_loss: float) -> QuantisedPart:
    bundle = copy_bundle(source, folder)
    before = bundle.read(getattr(bundle, part).file)
    after = quantise(before, pictures.inputs(part, bundle))
    _put(folder, part, after)
    figures = [pictures.figures(part, place) for place in (source, folder)]
    return QuantisedPart(part, figures[0], figures[1], (len(before), len(after)), max_loss)


def _take(folder: Path, output: Path, verdict: QuantisedPart) -> None:
    before, after = (
        {name: round(value, 4) for name, value in figures.items()}
        for figures in (verdict.before, verdict.after)
    )
    note = {**read_manifest(output).get("training", {}).get("int8", {}), verdict.part: [before, after]}
    _put(output, verdict.part, (folder / f"{verdict.part}.onnx").read_bytes(), {"training": {"int8": note}})


def _put(folder: Path, part: Part, model: bytes, more: dict[str, object] | None = None) -> None:
    values = {key: value for key, value in read_manifest(folder)[part].items() if key != "file"}
    put_part(folder, part, model, values, more or {})
