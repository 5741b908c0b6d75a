"""The comparison of methods as one HTML page that needs no other file.

The page holds faces from the user's own pictures: it is for its user, who decides who else may see it.
"""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from booru_export.comparison.comparing import CLASSICS, NETWORK, ContestResult, MethodResult, Prediction
from booru_export.data.cropping import jpeg_bytes
from booru_export.data.tables import FaceItem
from booru_export.evaluation.charts import matrix, png_bytes
from booru_export.training.architectures import BACKBONES
from booru_export.training.curves import draw_curves
from booru_tagger.errors import ImageError
from booru_tagger.imaging import fit, read_picture

FACE = 84
"""Side of a face on the page, in pixels."""
PAIRS = 8
"""Confused pairs shown of each method."""
SHOWN = 4
"""Faces shown of each pair, and of the character they were taken for."""

_STYLE = """
:root{color-scheme:light}
body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:1100px;padding:0 1rem;color:#1b1b1b}
h1{font-size:1.6rem}h2{margin-top:2.5rem;border-bottom:1px solid #ddd}h3{margin-top:1.6rem}
.wide{overflow-x:auto}table{border-collapse:collapse;width:100%}
th,td{padding:.35rem .7rem;text-align:right;border-bottom:1px solid #eee;white-space:nowrap}
th:first-child,td:first-child{text-align:left}
.best{font-weight:700}.bar{background:linear-gradient(#c9d8ea,#c9d8ea) left/var(--share) 100% no-repeat}
.failed{color:#8a1f1b;white-space:normal;text-align:left}
img{max-width:100%}.pair{display:flex;flex-wrap:wrap;align-items:center;gap:.35rem;margin:.5rem 0 1rem}
.pair img{width:84px;height:84px;border-radius:4px}.arrow{padding:0 .6rem;color:#777}
figcaption,.note{color:#555}
"""


def page(outcome: ContestResult) -> str:
    """The whole page."""
    parts = outcome.parts
    counts = f"{len(parts['train']):,} training, {len(parts['validation']):,} validation"
    head = (
        f"<p>{len(outcome.labels):,} characters; {counts} and {len(parts['test']):,} test pictures. "
        "All figures are of the test part, which no training and no choice looked at. Each method was "
        "exported to a bundle and run as <code>booru-tagger tag --crops</code> runs it, on one core.</p>"
    )
    good = sorted((entry for entry in outcome.entries if not entry.error), key=lambda entry: -entry.accuracy)
    sections = [_section(entry, outcome) for entry in good]
    return (
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width,initial-scale=1'>"
        f"<title>Methods compared</title><style>{_STYLE}</style></head><body>"
        f"<h1>Methods compared</h1>{head}{_table(outcome.entries)}{''.join(sections)}</body></html>\n"
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


def _table(entries: Sequence[MethodResult]) -> str:
    good = [entry for entry in entries if not entry.error]
    best = {
        "accuracy": max((entry.accuracy for entry in good), default=0),
        "macro": max((entry.macro_accuracy for entry in good), default=0),
    }
    rows = "".join(_row(entry, best) for entry in entries)
    heads = ("method", "accuracy", "per character", "ECE", "training", "size", "pictures/s")
    return (
        "<div class='wide'><table><thead><tr>"
        + "".join(f"<th>{head}</th>" for head in heads)
        + f"</tr></thead><tbody>{rows}</tbody></table></div>"
        "<p class='note'>per character: accuracy averaged over characters, each counting the same. "
        "ECE: how far scores are from the share that is right (expected calibration error). "
        "pictures/s: reading the file included.</p>"
    )


def _row(entry: MethodResult, best: dict[str, float]) -> str:
    name = html.escape(title(entry.method))
    if entry.error:
        return f"<tr><td>{name}</td><td class='failed' colspan='6'>{html.escape(entry.error)}</td></tr>"

    def share(value: float, most: float) -> str:
        mark = " best" if value >= most else ""
        return f"<td class='bar{mark}' style='--share:{100 * value:.1f}%'>{value:.4f}</td>"

    return (
        f"<tr><td><a href='#{html.escape(entry.method)}'>{name}</a></td>"
        f"{share(entry.accuracy, best['accuracy'])}{share(entry.macro_accuracy, best['macro'])}"
        f"<td>{entry.calibration_error:.3f}</td><td>{_duration(entry.train_seconds)}</td>"
        f"<td>{entry.bytes / 1e6:.1f} MB</td><td>{entry.pictures_per_second:,.0f}</td></tr>"
    )


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def _section(entry: MethodResult, outcome: ContestResult) -> str:
    labels = outcome.labels
    picture = matrix(entry.confusion(labels), labels, title="rows: who it is; columns: who it was taken for")
    body = f"<figure><img alt='confusion matrix' src='{_uri(png_bytes(picture), 'png')}'></figure>"
    if entry.metrics is not None:
        body = (
            f"<figure><img alt='training curves' src='{_uri(_curves(entry.metrics), 'png')}'></figure>{body}"
        )
    pairs = "".join(_pair(*found, outcome) for found in entry.confused(PAIRS))
    return (
        f"<h2 id='{html.escape(entry.method)}'>{html.escape(title(entry.method))}</h2>{body}"
        f"<h3>Most confused</h3>{pairs or '<p>No mistake at all.</p>'}"
    )


def _curves(metrics: Path) -> bytes:
    with TemporaryDirectory() as folder:
        picture = Path(folder) / "curves.png"
        draw_curves(metrics, picture)
        return picture.read_bytes()


def _pair(label: str, taken: str, answers: list[Prediction], outcome: ContestResult) -> str:
    examples = [item for item in outcome.parts["train"] if item.label == taken][:SHOWN]
    times = f"{len(answers)} time{'s' if len(answers) > 1 else ''}"
    mistaken = "".join(_face(answer.item, f"{label}, score {answer.score:.2f}") for answer in answers[:SHOWN])
    others = "".join(_face(item, taken) for item in examples)
    return (
        f"<div><b>{html.escape(label)}</b> taken for <b>{html.escape(taken)}</b>, {times}"
        f"<div class='pair'>{mistaken}<span class='arrow'>taken for</span>{others}</div></div>"
    )


def _face(item: FaceItem, caption: str) -> str:
    try:
        data = jpeg_bytes(fit(read_picture(item.path, longest=FACE).pixels, FACE), 80)
    except ImageError:
        return ""
    text = html.escape(caption, quote=True)
    return f"<img alt='{text}' title='{text}' loading='lazy' src='{_uri(data, 'jpeg')}'>"


def _uri(data: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
