"""The layouts that are known, and which of them some files have. Sources and licences: docs/models.md."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from booru_tagger.models.formats.format_records import Format, Preparation, ScoreOutput

_IMAGENET_MEAN, _IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
_CLIP_STD = (0.26862954, 0.26130258, 0.27577711)


def _each(general: float, named: float) -> Mapping[str, float]:
    """Thresholds: one for what is seen, one for who and what it is of, where a mistake weighs more."""
    return {"general": general, "meta": general, "character": named, "copyright": named, "artist": named}


PIXAI = Format(
    name="pixai",
    title="PixAI tagger",
    model=("model.onnx", "*.onnx"),
    labels=("selected_tags.csv",),
    reader="csv",
    needs=("preprocess.json",),
    takes=("thresholds.csv", "categories.json", "preprocess.json"),
    preparation=Preparation(
        "stretch", "bilinear", "nchw", "rgb", 1 / 255, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5)
    ),
    answers=(ScoreOutput("output"), ScoreOutput("prediction"), ScoreOutput("logits", logits=True)),
    thresholds=_each(0.30, 0.85),
)

WD = Format(
    name="wd",
    title="WD tagger",
    model=("model.onnx", "*.onnx"),
    labels=("selected_tags.csv",),
    reader="csv",
    preparation=Preparation("pad", "bicubic", "nhwc", "bgr", 1.0),
    answers=(ScoreOutput(),),
    thresholds=_each(0.35, 0.85),
)

CL = Format(
    name="cl",
    title="cl_tagger",
    model=("model_optimized.onnx", "model.onnx", "*.onnx"),
    labels=("tag_mapping.json",),
    reader="mapping",
    preparation=Preparation("pad", "bicubic", "nchw", "bgr", 1 / 127.5, mean=(1.0, 1.0, 1.0)),
    answers=(ScoreOutput(logits=True),),
    thresholds=_each(0.55, 0.60),
    categories={"quality": "", "model": ""},
)

JOYTAG = Format(
    name="joytag",
    title="JoyTag",
    model=("model.onnx", "*.onnx"),
    labels=("top_tags.txt",),
    reader="lines",
    preparation=Preparation("pad", "bicubic", "nchw", "rgb", 1 / 255, mean=_CLIP_MEAN, std=_CLIP_STD),
    answers=(ScoreOutput(logits=True),),
    thresholds=_each(0.4, 0.4),
)

DEEPDANBOORU = Format(
    name="deepdanbooru",
    title="DeepDanbooru",
    model=("model*.onnx", "*.onnx"),
    labels=("tags.txt",),
    reader="lines",
    takes=("tags-character.txt", "project.json"),
    preparation=Preparation("shrink-edge", "bilinear", "nhwc", "rgb", 1 / 255, side=512),
    answers=(ScoreOutput(),),
    thresholds=_each(0.5, 0.5),
)

CAMIE = Format(
    name="camie",
    title="Camie tagger",
    model=("camie-tagger*.onnx", "model.onnx", "*.onnx"),
    labels=("*metadata.json",),
    reader="metadata",
    preparation=Preparation(
        "shrink",
        "lanczos",
        "nchw",
        "rgb",
        1 / 255,
        mean=_IMAGENET_MEAN,
        std=_IMAGENET_STD,
        fill=(124, 116, 104),
        side=512,
    ),
    # The second output is refined; the small export has one output only.
    answers=(ScoreOutput(place=1, logits=True), ScoreOutput(place=0, logits=True)),
    thresholds=_each(0.492, 0.492),
    categories={"year": ""},
)

FORMATS = (PIXAI, WD, CL, JOYTAG, DEEPDANBOORU, CAMIE)
"""The more particular ones first."""


@dataclass(frozen=True, slots=True)
class FoundFormat:
    """A layout and which files have its parts."""

    format: Format
    model: str
    labels: str
    extras: tuple[str, ...]

    @property
    def files(self) -> tuple[str, ...]:
        return self.model, self.labels, *self.extras


def find_format(names: Iterable[str]) -> FoundFormat | None:
    """The layout that files of these names have, all in one folder; ``None`` where no known one fits."""
    names = sorted(names)
    for layout in FORMATS:
        model, labels = _first(names, layout.model), _first(names, layout.labels)
        if model and labels and all(_first(names, (pattern,)) for pattern in layout.needs):
            extras = [name for name in names if name in layout.takes]
            # Weights of more than 2 GB stand in a file of their own beside the model.
            extras += [name for name in names if name in (f"{model}.data", f"{model}_data")]
            return FoundFormat(layout, model, labels, tuple(extras))
    return None


def _first(names: list[str], patterns: tuple[str, ...]) -> str | None:
    matches = (name for pattern in patterns for name in names if fnmatchcase(name, pattern))
    return next(matches, None)
