"""The layouts that are known, and which of them some files have. Sources and licences: docs/models.md."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from booru_tagger.errors import ModelError
from booru_tagger.models.formats.format_records import Format, Preparation, RefusedFormat, ScoreOutput, Sign

_IMAGENET_MEAN, _IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_HALF = (0.5, 0.5, 0.5)
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
    preparation=Preparation("stretch", "bilinear", "nchw", "rgb", 1 / 255, mean=_HALF, std=_HALF),
    answers=(ScoreOutput("output"), ScoreOutput("prediction"), ScoreOutput("logits", logits=True)),
    thresholds=_each(0.30, 0.85),
    signs=(Sign("preprocess.json", "stages"),),
)

ANIMETIMM = Format(
    name="animetimm",
    title="animetimm tagger",
    model=("model.onnx", "*.onnx"),
    labels=("selected_tags.csv",),
    reader="csv",
    needs=("preprocess.json",),
    takes=("thresholds.csv", "categories.json", "preprocess.json"),
    # Its preprocess.json says all of this for each network; none is without.
    preparation=Preparation(
        "shrink",
        "bicubic",
        "nchw",
        "rgb",
        1 / 255,
        mean=_IMAGENET_MEAN,
        std=_IMAGENET_STD,
        rounding="nearest",
    ),
    answers=(ScoreOutput("prediction"), ScoreOutput("logits", logits=True)),
    thresholds=_each(0.4, 0.4),
    signs=(Sign("preprocess.json", "test"),),
)

OPPAI_ORACLE = Format(
    name="oppai-oracle",
    title="OppaiOracle",
    model=("model.onnx", "*.onnx"),
    labels=("selected_tags.csv",),
    reader="csv",
    needs=("preprocessing.json",),
    takes=("preprocessing.json", "pr_thresholds.json"),
    preparation=Preparation(
        "shrink",
        "lanczos",
        "nchw",
        "rgb",
        1 / 255,
        mean=_HALF,
        std=_HALF,
        fill=(114, 114, 114),
        rounding="nearest",
        enlarge=False,
    ),
    answers=(ScoreOutput("probabilities"),),
    # Where precision and recall are alike; all of its tags are in one category.
    thresholds={"general": 0.7927},
    mask="padding_mask",
    signs=(Sign("preprocessing.json", "normalize_mean"),),
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
    strange=(
        Sign("selected_tags.csv", "<PAD>", "OppaiOracle"),
        Sign("selected_tags.csv", "best_threshold", "an animetimm tagger"),
        Sign("selected_tags.csv", "ips", "a PixAI tagger"),
        Sign("selected_tags.csv", "rating:g", "a PixAI tagger 1.0"),
    ),
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

CL_V2 = Format(
    name="cl-v2",
    title="cl_tagger 2",
    model=("model.onnx", "*.onnx"),
    labels=("model_vocabulary.json",),
    reader="vocabulary",
    preparation=Preparation("stretch", "bicubic", "nchw", "rgb", 1 / 127.5, mean=(1.0, 1.0, 1.0), side=384),
    answers=(ScoreOutput("logits", logits=True),),
    thresholds=_each(0.55, 0.55),
    categories={"quality": "", "model": ""},
    signs=(Sign("model_vocabulary.json", "idx_to_tag"),),
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
    signs=(Sign("*metadata.json", "dataset_info"),),
    strange=(Sign("*metadata.json", "idx_to_tag", "a Haruka tagger"),),
)

PIXAI_V1 = Format(
    name="pixai-v1",
    title="PixAI tagger 1.0",
    model=("model.onnx", "*.onnx"),
    labels=("tags.json", "config.json"),
    reader="blocks",
    takes=("config.json",),
    preparation=Preparation(
        "shrink",
        "bilinear",
        "nchw",
        "rgb",
        1 / 255,
        mean=_HALF,
        std=_HALF,
        fill=(0, 0, 0),
        side=1008,
        rounding="down",
        fractions=True,
    ),
    answers=(
        ScoreOutput("logits", logits=True),
        ScoreOutput("output"),
        ScoreOutput("prediction"),
    ),
    thresholds={"general": 0.17, "character": 0.27, "artist": 0.15, "copyright": 0.24, "meta": 0.17},
    categories={"style": "artist"},
    signs=(Sign("tags.json", "categories"), Sign("config.json", "tags_split")),
)

PIXAI_V1_TABLE = replace(
    PIXAI_V1,
    name="pixai-v1-table",
    labels=("selected_tags.csv",),
    reader="csv",
    takes=(),
    signs=(Sign("selected_tags.csv", "rating:g"),),
)

FORMATS = (
    PIXAI,
    ANIMETIMM,
    OPPAI_ORACLE,
    WD,
    PIXAI_V1_TABLE,
    CL,
    CL_V2,
    JOYTAG,
    DEEPDANBOORU,
    CAMIE,
    PIXAI_V1,
)
"""The more particular ones first."""

REFUSED = (
    RefusedFormat(
        "Haruka tagger",
        "haruka*metadata.json",
        "neither its metadata nor anything else that its makers publish as data says how it wants pictures "
        "scaled, padded and normalised, and a guess would give wrong tags",
    ),
)
"""Layouts that would be taken for another one, and cannot be used."""


@dataclass(frozen=True, slots=True)
class FoundFormat:
    """A layout and which files have its parts: ``described`` say more of it, ``weights`` the network keeps
    outside its own file, as it must those of more than 2 GB."""

    format: Format
    model: str
    labels: str
    described: tuple[str, ...]
    weights: tuple[str, ...]

    @property
    def files(self) -> tuple[str, ...]:
        return self.model, self.labels, *self.described, *self.weights


def find_format(names: Iterable[str]) -> FoundFormat | None:
    """The layout that files of these names have, all in one folder; ``None`` where no known one fits.

    Layouts that share their names are told apart by :func:`candidates` and what is in the files. Raises
    :class:`ModelError` for a layout that is refused.
    """
    return next(candidates(names), None)


def candidates(names: Iterable[str]) -> Iterator[FoundFormat]:
    """Every layout that files of these names may have, the likeliest first. Raises as :func:`find_format`."""
    names = sorted(names)
    for refused in REFUSED:
        if _first(names, ("*.onnx",)) and (labels := _first(names, (refused.labels,))):
            raise ModelError(f"{labels}: these are the files of a {refused.title}: {refused.why}")
    for layout in FORMATS:
        model, labels = _first(names, layout.model), _first(names, layout.labels)
        if model and labels and all(_first(names, (pattern,)) for pattern in layout.needs):
            described = tuple(name for name in names if name in layout.takes and name != labels)
            weights = tuple(name for name in names if name in (f"{model}.data", f"{model}_data"))
            yield FoundFormat(layout, model, labels, described, weights)


def _first(names: list[str], patterns: tuple[str, ...]) -> str | None:
    matches = (name for pattern in patterns for name in names if fnmatchcase(name, pattern))
    return next(matches, None)
