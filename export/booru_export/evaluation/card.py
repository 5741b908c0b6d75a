"""The model card of a bundle: what it is, what it was made of, what it does well and badly, as Markdown.

After Mitchell et al., "Model cards for model reporting" (2019). Written by ``booru-tagger evaluate --card``
from the manifest and from what was just measured.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from booru_export.evaluation.evaluate import NamingRule, SeenFace, confusions
from booru_tagger.models.bundle import Bundle

WEAK = 5
"""Characters to name among those that are told worst."""

_PARTS = {
    "test": "Training did not look at these pictures, and thresholds were chosen on others.",
    "validation": "Not trained on, but thresholds and sizes were chosen on these pictures.",
    "train": "Trained on: these figures say little.",
}

_INTRO = """\
# Model card: {name} {version}

Finds heads in anime illustrations, says which of {characters} characters a face is, and which colours its
hair and eyes have. For tagging collections of fan art on one's own computer; not for photographs of people,
and no judge of who may see what. {licence}.

Made {created}. {bytes:.1f} MB: {files}.
"""

_LIMITS = """\
## What it does badly

- It knows {characters} characters and nobody else. Strangers who look like one of them are sometimes named:
  raise `--threshold character=…` where a wrong name is worse than none.
- Heads on which no face can be seen (from behind, helmets, robots, animals) are often missed or doubted.
- Neighbouring colours are mixed up: brown and black, blonde and brown, purple and blue, aqua and blue. About
  one label in ten that it was measured against is in doubt, too.
- Told worst: {weak}.
- Most frequent mistakes: {mistakes}.
"""


def model_card(
    bundle: Bundle,
    manifest: Mapping[str, Any],
    figures: Mapping[str, float],
    faces: Sequence[SeenFace],
    part: str,
) -> str:
    """The card as Markdown. ``figures`` and ``faces`` are those of one part of the data."""
    naming = NamingRule.of(bundle) if bundle.recogniser else None
    rows = list(_by_character(faces, naming)) if naming else []
    weak = sorted(rows, key=lambda row: row[2])[:WEAK]
    mistakes = [f"`{label}` taken for `{taken}` ({count})" for label, taken, count in confusions(faces, 5)]
    parts = [
        _INTRO.format(
            name=bundle.name,
            version=bundle.version,
            characters=len(bundle.labels),
            licence=manifest.get("licence", "").rstrip("."),
            created=manifest.get("created", "at an unknown date"),
            bytes=sum(record.bytes for record in bundle.files.values()) / 1e6,
            files=", ".join(f"`{name}` {record.bytes / 1e6:.1f}" for name, record in bundle.files.items()),
        ),
        _training(manifest.get("training", {})),
        f"## Figures on the {part} part\n\n{_PARTS.get(part, '')}\n",
        _table(("figure", "value"), ((f"`{name}`", _number(value)) for name, value in figures.items())),
        "## By character\n",
        _table(("character", "faces", "top-1", "named"), (_row(row) for row in rows)),
        _LIMITS.format(
            characters=len(bundle.labels),
            weak=", ".join(f"`{label}` ({share:.2f} of {count})" for label, count, share, _ in weak) or "-",
            mistakes=", ".join(mistakes) or "-",
        ),
    ]
    return "\n".join(parts)


def _training(training: Mapping[str, Any]) -> str:
    lines = ["## Training\n"]
    for name in ("detector", "recogniser"):
        if name in training:
            run = training[name]
            pictures = ", ".join(f"{count} {kind}" for kind, count in run.get("pictures", {}).items())
            lines.append(
                f"- **{name.capitalize()}**: {run['steps']} steps of {run['recipe']['schedule']['batch']}, "
                f"{run['minutes']} minutes; {pictures}. Its whole recipe is in `manifest.json`.{_before(run)}"
            )
    lines.append(
        "- **Data**: fan art of the characters, cut to faces, and whole illustrations and posters with head "
        "boxes drawn by hand; divided by group, so that no illustration is on two sides. None of it is part "
        "of this file.\n"
    )
    return "\n".join(lines)


def _before(run: Mapping[str, Any]) -> str:
    """Where the weights came from that a run began with, back to the first."""
    lines = []
    while before := run.get("before"):
        averaged = f", and was averaged with it ({run['blended']:.0%} of it)" if "blended" in run else ""
        steps = f" ({before['steps']} steps, {before['minutes']} minutes)" if "steps" in before else ""
        lines.append(f" It went on from {before['name']}{steps}{averaged}.")
        run = before
    return "".join(lines)


def _by_character(faces: Sequence[SeenFace], naming: NamingRule) -> Iterable[tuple[str, int, float, float]]:
    """Label, faces, share whose best candidate is right, share that is named."""
    of_label: dict[str, list[SeenFace]] = defaultdict(list)
    for item in faces:
        if item.label:
            of_label[item.label].append(item)
    for label, items in sorted(of_label.items()):
        right = float(np.mean([item.best.tag == label for item in items]))
        yield label, len(items), right, float(np.mean([naming.names(item.best) for item in items]))


def _row(row: tuple[str, int, float, float]) -> tuple[str, ...]:
    label, count, right, named = row
    return f"`{label}`", str(count), f"{right:.3f}", f"{named:.3f}"


def _number(value: float) -> str:
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
