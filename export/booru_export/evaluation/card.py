"""The model card of a bundle: what it is, what it was made of, what it does well and badly, as Markdown.

After Mitchell et al., "Model cards for model reporting" (2019). Written by ``booru-tagger evaluate --card``
from the manifest and from what was just measured.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from booru_export.evaluation.faces import SeenFace, pictures_known
from booru_export.evaluation.mistakes import (
    CharacterRow,
    ConfusedPair,
    SeriesRow,
    by_series,
    confused_pairs,
    worst,
)
from booru_export.evaluation.redrawn import STYLES
from booru_tagger.models.bundle import Bundle

WEAK, WEAK_FACES = 12, 3
"""Characters to name among those that are told worst, and faces that one needs to be among them."""
PAIRS = 15
SERIES_FACES = 8
"""Faces of a series that has a line of its own."""

_PARTS = {
    "test": "Training did not look at these pictures, and thresholds were chosen on others. Strangers are "
    "characters left out of training whole, the half of them on which nothing was fitted.",
    "validation": "Not trained on, but thresholds, sizes and chances were fitted on these pictures, also on "
    "these strangers.",
    "train": "Trained on: these figures say little.",
}

_INTRO = """\
# Model card: {name} {version}

Finds heads in anime illustrations, says which of {characters} characters a face is, and which colors its
hair and eyes have. For tagging collections of fan art on one's own computer; not for photographs of people,
and no judge of who may see what. {licence}.

Made {created}. {bytes:.1f} MB: {files}.
"""

_BOUNDS = """\
Bounds hold 95 % of the draws of as many characters (of heads: pictures) with replacement.
"""

_KINDS = """\
## By kind of picture

`official` is game art, `face` fan art that came as head crops (with thumbnails of games), `whole` fan art cut
from whole pictures, `sprite` and `screencap` what they say; `not given` are the first 43 characters. In grey
and as line art: a sample of the same faces without their colors, and reduced to lines by a filter.
"""

_HEADER = (
    "characters",
    "faces",
    "top-1",
    "averaged over characters",
    "named",
    "of these rightly",
    "wrong names",
)

_LIMITS = """\
## What it does badly

- It knows {characters} characters and nobody else. Strangers who look like one of them are sometimes named:
  raise `--threshold character=…` where a wrong name is worse than none.
- Of the faces of known characters in fan art {fan_art} get a wrong name, as line art {lines}.
- Heads on which no face can be seen (from behind, helmets, robots, animals) are often missed or doubted.
- Neighbouring colors are mixed up: brown and black, blonde and brown, purple and blue, aqua and blue. About
  one label in ten that it was measured against is in doubt, too.
"""

_PUBLISHED = """\
## Beside published figures

None of these was measured on the same pictures, so none is a comparison: each has other characters, another
number of pictures of each, and another idea of a test.

{table}
A division picture by picture leaves near-duplicates and one artist's series on both sides, and wider crops
show clothes: both make a task easier than this one. So do twenty pictures of each character and more; more
characters make it harder. None of them says how often people are named whom it does not know.
"""

_OTHERS = (
    (
        "DAF:re, ViT L-16 at 128 px (Rios et al., animesion)",
        "3,263, with 20 pictures each or more",
        "463,437 head crops of Danbooru's, a fifth of them for the test",
        "top-1 0.897",
    ),
    ("DAF:re, BEiT-B at 224 px (B. Conrad)", "the same", "pictures of head and shoulders", "top-1 0.948"),
    (
        "iCartoonFace, ResNet50 taught by a larger net (PaddleClas)",
        "5,013",
        "2,500 heads sought among 20,000, with twice the head's box around them",
        "recall@1 0.832",
    ),
    (
        "AniWho, EfficientNet-B7 / MobileNetV2 (Naftali et al. 2022)",
        "far fewer",
        "face crops",
        "top-1 0.851 / 0.819",
    ),
)
"""Name, characters, what was measured, figure."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What the card tells of one part of the data: figures, the faces they are of, and how each character
    was told.
    """

    part: str
    figures: Mapping[str, float]
    faces: Sequence[SeenFace]
    characters: Sequence[CharacterRow]


def model_card(bundle: Bundle, manifest: Mapping[str, Any], judged: Judged) -> str:
    """The card as Markdown."""
    figures = judged.figures
    parts = [
        _INTRO.format(
            name=bundle.name,
            version=bundle.version,
            characters=len(bundle.labels),
            licence=manifest.get("licence", "").rstrip("."),
            created=manifest.get("created", "at an unknown date"),
            bytes=sum(record.bytes for record in bundle.files.values()) / 1e6,
            files=", ".join(
                f"`{name}` {record.bytes / 1e6:.{1 if record.bytes > 1e5 else 2}f}"
                for name, record in bundle.files.items()
            ),
        ),
        _training(manifest.get("training", {})),
        f"## Figures on the {judged.part} part\n\n{_PARTS.get(judged.part, '')}\n{_BOUNDS}",
        _table(("figure", "value", "bounds"), _plain(figures)),
    ]
    if judged.characters:
        parts += _of_faces(bundle, judged)
    parts.append(
        _LIMITS.format(
            characters=len(bundle.labels),
            fan_art=_wrong(figures, ("kind face", "kind whole")),
            lines=_wrong(figures, ("as line art",)),
        )
    )
    if judged.characters:
        own = ("this model", f"{len(bundle.labels):,}", f"{figures['faces']:,} head crops, divided by group")
        rows = ((*own, f"top-1 {figures['top1']:.3f}"), *_OTHERS)
        parts.append(_PUBLISHED.format(table=_table(("", "characters", "measured", "figure"), rows)))
    return "\n".join(parts)


def _of_faces(bundle: Bundle, judged: Judged) -> Iterator[str]:
    """Which faces are told well and badly."""
    figures = judged.figures
    kinds = [*(name for name in _groups(figures) if name.startswith("kind ")), *STYLES]
    yield _KINDS
    yield _table(
        ("", *_HEADER), (_group(figures, name, "kind ") for name in kinds if f"{name}, faces" in figures)
    )
    yield "## By number of training pictures\n"
    counts = [name for name in _groups(figures) if name.startswith("pictures ")]
    yield _table(("pictures", *_HEADER), (_group(figures, name, "pictures ") for name in counts))
    series = {label.tag: label.series for label in bundle.labels}
    rows = by_series(judged.faces, series, judged.characters)
    yield f"## By series\n\nThose with {SERIES_FACES} faces or more.\n"
    yield _table(
        ("series", "characters", "faces", "top-1", "taken for others of it", "named", "wrong names"),
        (_series(row) for row in rows if row.series and row.faces >= SERIES_FACES),
    )
    yield f"## Told worst\n\nOf the characters with {WEAK_FACES} faces or more.\n"
    yield _table(
        ("character", "training pictures", "faces", "top-1", "named", "mostly taken for"),
        map(_weak, worst(judged.characters, WEAK, WEAK_FACES)),
    )
    yield "## Most confused pairs\n\nFaces of the one taken for the other, of those looked at.\n"
    known = pictures_known(bundle)
    yield _table(
        ("character", "taken for", "times", "the other way round", "training pictures"),
        (_pair(pair, known) for pair in confused_pairs(judged.faces, PAIRS)),
    )


_TRAINED = (
    ("detector", "Detector"),
    ("recogniser", "Recogniser"),
    ("beside", "Second recogniser, whose share in how alike two faces are is {share:.0%}"),
    ("roll", "How far heads are turned"),
)


def _training(training: Mapping[str, Any]) -> str:
    lines = ["## Training\n"]
    for name, title in _TRAINED:
        if name in training:
            run = training[name]
            title = title.format(share=run.get("share", 0.5))
            pictures = ", ".join(f"{count} {kind}" for kind, count in run.get("pictures", {}).items())
            lines.append(
                f"- **{title}**: {run['steps']} steps of {run['recipe']['schedule']['batch']}, "
                f"{run['minutes']} minutes; {pictures}. Its whole recipe is in `manifest.json`.{_before(run)}"
            )
    lines.append(
        "- **Data**: fan art and game art of the characters, cut to faces, and whole illustrations and "
        "posters with head boxes drawn by hand; divided by group, so that no illustration is on two sides. "
        "None of it is part of this file.\n"
    )
    return "\n".join(lines)


def _before(run: Mapping[str, Any]) -> str:
    """Where the weights came from that a run began with, back to the first."""
    initial = run["recipe"].get("initial")
    lines = [f" It began with the weights of {initial}."] if initial else []
    while before := run.get("before"):
        averaged = f", and was averaged with it ({run['blended']:.0%} of it)" if "blended" in run else ""
        steps = f" ({before['steps']} steps, {before['minutes']} minutes)" if "steps" in before else ""
        lines.append(f" It went on from {before['name']}{steps}{averaged}.")
        run = before
    return "".join(lines)


def _plain(figures: Mapping[str, float]) -> Iterator[tuple[str, ...]]:
    """The figures that no table further below has, and not those of each source."""
    for name, value in figures.items():
        if ", " in name or name.startswith("top1 ") or name.endswith(("_low", "_high")):
            continue
        yield f"`{name}`", f"{value:.4f}" if isinstance(value, float) else str(value), _bounds(figures, name)


def _bounds(figures: Mapping[str, float], name: str) -> str:
    low, high = figures.get(f"{name}_low"), figures.get(f"{name}_high")
    return "" if low is None or high is None else f"{low:.3f} to {high:.3f}"


def _groups(figures: Mapping[str, float]) -> Iterator[str]:
    return (name.removesuffix(", faces") for name in figures if name.endswith(", faces"))


def _group(figures: Mapping[str, float], name: str, prefix: str) -> tuple[str, ...]:
    named = figures[f"{name}, named"]
    right = figures.get(f"{name}, named right")
    return (
        name.removeprefix(prefix),
        *(f"{figures[f'{name}, {what}']:.0f}" for what in ("characters", "faces")),
        *(_with_bounds(figures, f"{name}, {what}") for what in ("top1", "macro")),
        f"{named:.3f}",
        "-" if right is None else f"{right:.3f}",
        _wrong(figures, (name,)),
    )


def _with_bounds(figures: Mapping[str, float], name: str) -> str:
    return f"{figures[name]:.3f} ({_bounds(figures, name)})"


def _wrong(figures: Mapping[str, float], groups: Iterable[str]) -> str:
    """Share of the faces of some groups that get a name which is not theirs."""
    faces = wrong = 0.0
    for name in groups:
        count, named = figures.get(f"{name}, faces", 0.0), figures.get(f"{name}, named", 0.0)
        faces += count
        wrong += count * named * (1 - figures.get(f"{name}, named right", 1.0))
    return f"{wrong / faces:.1%}" if faces else "an unknown share"


def _series(row: SeriesRow) -> tuple[str, ...]:
    counts = (str(row.characters), str(row.faces), f"{row.right / row.faces:.3f}", str(row.within))
    return f"`{row.series}`", *counts, f"{row.named / row.faces:.3f}", str(row.named_wrongly)


def _weak(row: CharacterRow) -> tuple[str, ...]:
    counts = (str(row.pictures), str(row.faces), f"{row.top1:.2f}", str(row.named))
    return f"`{row.tag}`", *counts, f"`{row.taken_for}`"


def _pair(pair: ConfusedPair, known: Mapping[str, int]) -> tuple[str, ...]:
    (one, other), (faces, more) = pair.mistakes, pair.faces
    pictures = ", ".join(str(known[tag] or "?") for tag in (pair.first, pair.second))
    back = f"{other} of {more}" if more else "-"
    return f"`{pair.first}`", f"`{pair.second}`", f"{one} of {faces}", back, pictures


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
