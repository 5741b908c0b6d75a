"""The comparison of methods as one HTML page that needs no other file.

The page holds faces from the user's own pictures: it is for its user, who decides who else may see it.
"""

from __future__ import annotations

import base64
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from booru_export.comparison.comparing import CLASSICS, NETWORK, ContestResult
from booru_export.comparison.results import MethodResult, Prediction
from booru_export.data.cropping import jpeg_bytes
from booru_export.data.stats import MANY
from booru_export.data.tables import FaceItem
from booru_export.evaluation.charts import matrix, png_bytes
from booru_export.training.architectures import BACKBONES
from booru_export.training.curves import draw_curves
from booru_tagger.drawing.templates import Markup, Pieces
from booru_tagger.errors import ImageError
from booru_tagger.imaging import fit, read_picture

FACE = 84
"""Side of a face on the page, in pixels."""
PAIRS = 8
"""Confused pairs shown of each method."""
SHOWN = 4
"""Faces shown of each pair, and of the character they were taken for."""

_fill = Pieces("booru_export.comparison", "page.html").fill


def page(outcome: ContestResult) -> str:
    """The whole page."""
    good = sorted((entry for entry in outcome.entries if not entry.error), key=lambda entry: -entry.accuracy)
    best = max((entry.accuracy for entry in good), default=0.0)
    macro_best = max((entry.macro_accuracy for entry in good), default=0.0)
    return _fill(
        "page",
        characters=f"{len(outcome.labels):,}",
        rows=[_row(entry, best, macro_best) for entry in outcome.entries],
        sections=[_section(entry, outcome) for entry in good],
        **{part: f"{len(items):,}" for part, items in outcome.parts.items()},
    )


def title(method: str) -> str:
    """A method's name for people."""
    if method in CLASSICS:
        kind, features = CLASSICS[method]
        names = {"logistic": "Logistic regression", "linear-svm": "Linear SVM", "rbf-svm": "RBF SVM"}
        return f"{names[kind]} on {'pixels' if features == 'pixels' else 'the embedding'}"
    if method == NETWORK:
        return "Network from scratch"
    return f"torchvision {method}" if method in BACKBONES else method


def _row(entry: MethodResult, best: float, macro_best: float) -> Markup:
    if entry.error:
        return _fill("failed", title=title(entry.method), error=entry.error)
    return _fill(
        "row",
        method=entry.method,
        title=title(entry.method),
        best=" best" if entry.accuracy >= best else None,
        percent=f"{100 * entry.accuracy:.1f}",
        accuracy=f"{entry.accuracy:.4f}",
        macro_best=" best" if entry.macro_accuracy >= macro_best else None,
        macro_percent=f"{100 * entry.macro_accuracy:.1f}",
        macro=f"{entry.macro_accuracy:.4f}",
        calibration_error=f"{entry.calibration_error:.3f}",
        training=_duration(entry.train_seconds),
        size=f"{entry.bytes / 1e6:.1f}",
        speed=f"{entry.pictures_per_second:,.0f}",
    )


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def _section(entry: MethodResult, outcome: ContestResult) -> Markup:
    curves = None if entry.metrics is None else _fill("curves", picture=_base64(_curves(entry.metrics)))
    pairs = [_pair(*found, outcome) for found in entry.confused(PAIRS)]
    return _fill(
        "section",
        method=entry.method,
        title=title(entry.method),
        curves=curves,
        matrix=_fill("matrix", picture=picture) if (picture := _matrix(entry, outcome)) else None,
        series=_series(entry, outcome),
        pairs=pairs or _fill("no_mistake"),
    )


def _matrix(entry: MethodResult, outcome: ContestResult) -> str | None:
    """Who was taken for whom, as a picture: of series where characters are many, if these are known."""
    labels, title = outcome.labels, "rows: who it is; columns: who it was taken for"
    counts = entry.confusion(labels)
    if len(labels) > MANY:
        series = outcome.series
        names = sorted(set(series.values()))
        if len(names) == 1:
            return None
        of_series = np.eye(len(names), dtype=np.int64)[[names.index(series[label]) for label in labels]]
        counts, labels, title = of_series.T @ counts @ of_series, names, f"series; {title}"
    return _base64(png_bytes(matrix(counts, labels, title=title)))


def _series(entry: MethodResult, outcome: ContestResult) -> Markup | None:
    rows = entry.by_series(outcome.series)
    if len(rows) == 1:
        return None
    return _fill(
        "series",
        rows=[
            _fill(
                "series_row",
                series=row.series,
                faces=f"{row.faces:,}",
                accuracy=f"{row.right / row.faces:.3f}",
                within=f"{row.within:,}",
                outside=f"{row.faces - row.right - row.within:,}",
            )
            for row in rows
        ],
    )


def _curves(metrics: Path) -> bytes:
    with TemporaryDirectory() as folder:
        picture = Path(folder) / "curves.png"
        draw_curves(metrics, picture)
        return picture.read_bytes()


def _pair(label: str, taken: str, answers: list[Prediction], outcome: ContestResult) -> Markup:
    examples = [item for item in outcome.parts["train"] if item.label == taken][:SHOWN]
    return _fill(
        "pair",
        label=label,
        taken=taken,
        times=f"{len(answers)} time{'s' if len(answers) > 1 else ''}",
        mistaken=[_face(answer.item, f"{label}, score {answer.score:.2f}") for answer in answers[:SHOWN]],
        others=[_face(item, taken) for item in examples],
    )


def _face(item: FaceItem, caption: str) -> Markup | None:
    try:
        data = jpeg_bytes(fit(read_picture(item.path, longest=FACE).pixels, FACE), 80)
    except ImageError:
        return None
    return _fill("face", caption=caption, data=_base64(data))


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
