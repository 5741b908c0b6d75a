"""Methods side by side: each trained on the same pictures, exported, and judged through the runtime."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from booru_export.comparison.classic import FEATURES, METHODS, ClassicRecipe, Features, Method
from booru_export.comparison.results import MethodResult, Prediction
from booru_export.data.canon import read_canon
from booru_export.data.splits import Part, split_faces
from booru_export.data.tables import FaceItem, read_faces
from booru_export.progress import progress
from booru_export.training.architectures import BACKBONES
from booru_export.training.recipe import RecogniserRecipe, read_recipe
from booru_tagger.errors import BooruTaggerError, DataError
from booru_tagger.files.replace import replace_file
from booru_tagger.files.stamps import sha256_of_bytes
from booru_tagger.imaging import read_file
from booru_tagger.models.bundle import Bundle
from booru_tagger.tagging.options import TaggerOptions
from booru_tagger.tagging.tagger import Tagger
from booru_tagger.types import FaceResult

NETWORK = "network"
CLASSICS: dict[str, tuple[Method, Features]] = {
    f"{method}-{features}": (method, features) for features in FEATURES for method in METHODS
}
ALL = (
    *(name for name in CLASSICS if name.endswith("pixels")),
    NETWORK,
    *(name for name in CLASSICS if name.endswith("embedding")),
    *BACKBONES,
)
"""Every method, in the order in which they are trained: embeddings need the network first."""
USUAL = (*(name for name in ALL if name not in BACKBONES), "mobilenet_v3_small")
DONE = "result.json"
DEFAULT_MINUTES = 10.0

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Contest:
    """What is compared and how.

    ``faces``: a data set as :func:`booru_export.data.tables.read_faces` takes it; ``scenes``: whole
    illustrations for the networks, if any. ``folder`` keeps what was trained. ``minutes``: time for each
    network. ``model``: the bundle whose embedding the classic methods use; without it, that of the network
    trained here. ``initial``: weights that backbones start from, by architecture (``imagenet`` or a file).
    """

    faces: Path
    folder: Path
    methods: tuple[str, ...] = USUAL
    scenes: Path | None = None
    size: int = 128
    minutes: float = DEFAULT_MINUTES
    model: str | None = None
    initial: dict[str, str] = field(default_factory=dict)
    network_recipe: str = "recogniser-quick"
    backbone_recipe: str = "backbone"
    seed: int = 0
    again: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class ContestResult:
    """A finished contest: the parts of the data, and the entries in the order of ``ALL``."""

    contest: Contest
    parts: dict[Part, list[FaceItem]]
    entries: list[MethodResult]

    @property
    def labels(self) -> list[str]:
        return sorted(self.series)

    @property
    def series(self) -> dict[str, str]:
        """That of each label, or "not given"."""
        return {item.label: item.series or "not given" for items in self.parts.values() for item in items}


def compare_methods(contest: Contest, say: Say = lambda line: None) -> ContestResult:
    """Train what is not trained yet and judge everything. A method that fails does not stop the others.

    Raises :class:`DataError` for unknown methods and for data without a training or a test part.
    """
    unknown = [name for name in contest.methods if name not in ALL]
    if unknown:
        raise DataError(f"unknown method {unknown[0]!r}; known: {', '.join(ALL)}")
    parts = split_faces(read_faces(contest.faces))
    for part in ("train", "test"):
        if not parts[part]:
            raise DataError(
                f"{contest.faces}: the {part} part is empty; divide it with booru-tagger dataset split"
            )
    entries = []
    for method in (name for name in ALL if name in contest.methods):
        say(f"== {method}")
        try:
            seconds = _train(method, contest, parts, say)
            entries.append(_judge(method, contest, parts["test"], seconds, say))
        except BooruTaggerError as error:
            say(f"{method} is left out: {error}")
            entries.append(MethodResult(method, error=str(error)))
    return ContestResult(contest, parts, entries)


def _place(method: str, contest: Contest) -> Path:
    return contest.folder / method


def _train(method: str, contest: Contest, parts: dict[Part, list[FaceItem]], say: Say) -> float:
    """Make the method's bundle unless it is there from an equal contest; returns the seconds it took."""
    place = _place(method, contest)
    key = _key(method, contest, parts)
    done = place / DONE
    if done.is_file() and not contest.again:
        known = json.loads(done.read_text("utf-8"))
        if known["key"] == key:
            say(f"trained before, in {known['seconds']:.0f} s")
            return float(known["seconds"])
    place.mkdir(parents=True, exist_ok=True)
    done.unlink(missing_ok=True)
    started = time.monotonic()
    if method in CLASSICS:
        _train_classic(method, contest, parts, say)
    else:
        _train_network(method, contest, parts, say)
    seconds = time.monotonic() - started
    replace_file(done, json.dumps({"key": key, "seconds": seconds}).encode())
    return seconds


def _key(method: str, contest: Contest, parts: dict[Part, list[FaceItem]]) -> str:
    """Changes with whatever changes what is trained."""
    settings = dataclasses.asdict(replace(contest, again=False, methods=(method,)))
    pictures = {part: [(str(item.path), item.label) for item in items] for part, items in parts.items()}
    text = json.dumps([settings, pictures], sort_keys=True, default=str)
    return sha256_of_bytes(text.encode("utf-8", "surrogateescape"))


def _train_classic(method: str, contest: Contest, parts: dict[Part, list[FaceItem]], say: Say) -> None:
    from booru_export.comparison.classic import train_classic
    from booru_export.comparison.classic_export import export_classic

    kind, features = CLASSICS[method]
    model = contest.model or _place(NETWORK, contest) / "bundle"
    if features == "embedding" and contest.model is None and not (_place(NETWORK, contest) / DONE).is_file():
        raise DataError(
            "there is no network to take the embedding from: add the method 'network', or --model"
        )
    recipe = ClassicRecipe(method=kind, features=features, size=contest.size, seed=contest.seed)
    trained = train_classic(recipe, parts["train"], parts["validation"], model=model, say=say)
    examples = parts["test"][:8]
    export_classic(trained, _place(method, contest) / "bundle", read_canon(), examples)


def _train_network(method: str, contest: Contest, parts: dict[Part, list[FaceItem]], say: Say) -> None:
    from booru_export.bundles.exporting import export_checkpoint
    from booru_export.recogniser.task import RecogniserTask
    from booru_export.training import loop

    if not parts["validation"]:
        raise DataError("networks need a validation part; divide the data with booru-tagger dataset split")
    recipe = _network_recipe(method, contest)
    place = _place(method, contest)
    task = RecogniserTask(recipe, [contest.faces], [contest.scenes] if contest.scenes else [])
    checkpoint = loop.run(task, recipe.schedule, place, minutes=contest.minutes, say=say)
    export_checkpoint(checkpoint, place / "bundle", data=None, canon=None)


def _network_recipe(method: str, contest: Contest) -> RecogniserRecipe:
    name = contest.network_recipe if method == NETWORK else contest.backbone_recipe
    recipe = read_recipe(RecogniserRecipe, name)
    schedule = replace(recipe.schedule, sizes=(contest.size,), size_until=(1.0,), seed=contest.seed)
    if method != NETWORK:
        recipe = replace(recipe, backbone=method, initial=contest.initial.get(method, ""))
    if contest.scenes is None:
        recipe = replace(recipe, scene_share=0.0)
    return replace(recipe, schedule=schedule)


def _judge(method: str, contest: Contest, test: Sequence[FaceItem], seconds: float, say: Say) -> MethodResult:
    """Answers to the test pictures, one after the other as `booru-tagger tag --crops` gives them."""
    place = _place(method, contest)
    tagger = Tagger(TaggerOptions(place / "bundle", crops=True))
    tagger.load()
    answers: list[Prediction] = []
    spent = 0.0
    with progress(f"judging {method}", len(test)) as step:
        for item in test:
            started = time.monotonic()
            face = _face(tagger, item)
            spent += time.monotonic() - started
            answers.append(Prediction(item, face.candidates[0].tag, face.candidates[0].score))
            step()
    size = sum(record.bytes for record in Bundle.load(place / "bundle").files.values())
    metrics = place / "metrics.csv"
    entry = MethodResult(
        method=method,
        answers=tuple(answers),
        train_seconds=seconds,
        bytes=size,
        pictures_per_second=len(test) / max(spent, 1e-9),
        metrics=metrics if metrics.is_file() else None,
    )
    say(f"{entry.accuracy:.4f} right, {entry.macro_accuracy:.4f} averaged over characters")
    return entry


def _face(tagger: Tagger, item: FaceItem) -> FaceResult:
    """The face of a crop: where its head's box is known, the crop is wider than the head."""
    if item.head is None:
        return tagger.tag(item.path).faces[0]
    picture = tagger.networks.decode(read_file(item.path, tagger.options.limits), str(item.path))
    return tagger.read_face(picture, item.head).face


def to_json(outcome: ContestResult) -> list[dict[str, Any]]:
    """The figures, for programs."""
    return [
        {"method": entry.method, "error": entry.error}
        if entry.error
        else {
            "method": entry.method,
            "accuracy": round(entry.accuracy, 4),
            "macro": round(entry.macro_accuracy, 4),
            "ece": round(entry.calibration_error, 4),
            "train_seconds": round(entry.train_seconds, 4),
            "bytes": entry.bytes,
            "pictures_per_second": round(entry.pictures_per_second, 1),
        }
        for entry in outcome.entries
    ]
