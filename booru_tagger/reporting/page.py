"""A report as one HTML file that needs nothing else: styles and faces are in it."""

from __future__ import annotations

import base64
import os
import shlex
from collections.abc import Iterable
from html import escape
from importlib.resources import files
from pathlib import Path
from urllib.parse import quote

from booru_tagger.reporting.values import CollectionReport, FoundCharacter, Portrait, Tally, UnknownGroup

MARK = '<meta name="generator" content="booru-tagger report">'
"""Tells our own pages from others, which are never written over."""

_COLOURS = {
    "aqua": "#4fd3cf",
    "black": "#2b2a2e",
    "blonde": "#f2d675",
    "blue": "#4a72e8",
    "brown": "#80502f",
    "green": "#3fae62",
    "grey": "#9a9aa2",
    "orange": "#f08a35",
    "pink": "#f4a3c4",
    "purple": "#8f5bc8",
    "red": "#d8403f",
    "white": "#f7f7f7",
    "yellow": "#f0d340",
}
_MIXED = "linear-gradient(90deg,#f4a3c4,#4a72e8,#3fae62)"
_SCRIPT = """
const field = document.getElementById('search');
field.hidden = false;
field.addEventListener('input', () => {
  const text = field.value.trim().toLowerCase();
  for (const card of document.querySelectorAll('[data-name]')) {
    card.hidden = !card.dataset.name.includes(text);
  }
});
"""


def page(report: CollectionReport, target: Path) -> str:
    """The page, to be written to ``target``: its links to pictures are relative to that."""
    here = target.absolute().parent
    title = f"Who is in {report.folder.resolve().name or report.folder}"
    style = files("booru_tagger.reporting").joinpath("report.css").read_text("utf-8")
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f'<meta name="color-scheme" content="light dark">{MARK}'
        f"<title>{escape(title)}</title><style>{style}</style></head><body>"
        f"{_head(report, title)}<main>{_colours(report)}{_characters(report, here)}"
        f"{_strangers(report, here)}{_failures(report, here)}</main>"
        f"<script>{_SCRIPT}</script></body></html>\n"
    )


def is_report(path: Path) -> bool:
    """Whether the file is a report that was made here (and may be replaced by a newer one)."""
    try:
        with path.open(encoding="utf-8", errors="replace") as handle:
            return MARK in handle.read(2_000)
    except OSError:
        return False


def _head(report: CollectionReport, title: str) -> str:
    numbers = (
        (report.pictures, "tagged pictures"),
        (report.faces, "faces"),
        (len(report.characters), "characters"),
        (report.named, "with a name"),
        (report.waiting, "waiting for you"),
        (len(report.failures) + report.more_failures, "problems"),
    )
    facts = "".join(f"<div><b>{number:,}</b><span>{what}</span></div>" for number, what in numbers)
    models = ", ".join(report.models) or "no model"
    untagged = f" · not tagged yet: {report.untagged:,}" if report.untagged else ""
    without = f" · without a face: {report.empty:,}" if report.empty else ""
    return (
        f"<header><h1>{escape(title)}</h1><p>{escape(str(report.folder.resolve()))} · "
        f"{report.made:%Y-%m-%d %H:%M} · {escape(models)}{without}{untagged}</p>"
        f'<div class="facts">{facts}</div></header>'
    )


def _colours(report: CollectionReport) -> str:
    bars = [(name, tally) for name, tally in (("Hair", report.hair), ("Eyes", report.eyes)) if tally]
    if not bars:
        return ""
    rows = "".join(f"<div><h3>{name}</h3>{_bar(tally)}</div>" for name, tally in bars)
    return f'<section class="colours"><h2>Colours</h2>{rows}</section>'


def _bar(tally: Tally) -> str:
    total = sum(count for _, count in tally)
    parts = "".join(
        f'<i style="flex:{count};background:{_paint(tag)}" title="{escape(_spoken(tag))}: {count:,}"></i>'
        for tag, count in tally
    )
    legend = "".join(
        f'<li><i style="background:{_paint(tag)}"></i>{escape(_colour(tag))} '
        f"<small>{count / total:.0%}</small></li>"
        for tag, count in tally[:8]
    )
    return f'<div class="bar">{parts}</div><ul>{legend}</ul>'


def _characters(report: CollectionReport, here: Path) -> str:
    if not report.characters:
        return '<section><h2>Characters</h2><p class="none">Nobody was recognised.</p></section>'
    cards = "".join(_character(found, here) for found in report.characters)
    return (
        f"<section><h2>Characters <small>{len(report.characters):,}</small></h2>"
        '<input id="search" type="search" placeholder="Find a character" aria-label="Character" hidden>'
        f'<div class="cards">{cards}</div></section>'
    )


def _character(found: FoundCharacter, here: Path) -> str:
    name = _spoken(found.tag)
    by_person = f" · {found.by_person:,} by a person" if found.by_person else ""
    series = f"<p>{escape(_spoken(found.series))}</p>" if found.series else ""
    searched = escape(f"{name} {_spoken(found.series)}".lower())
    return (
        f'<article data-name="{searched}"><h3>{escape(name)}</h3>{series}'
        f'<p class="count">{_counted(found.faces, "face")} in {_counted(found.pictures, "picture")} · '
        f"score {found.score:.2f}{by_person}</p>"
        f"{_chips(found.hair, found.eyes)}{_sheet(found.sheet, found.faces, here)}</article>"
    )


def _strangers(report: CollectionReport, here: Path) -> str:
    if not report.strangers:
        return ""
    cards = "".join(_stranger(group, number, here) for number, group in enumerate(report.strangers, 1))
    review = escape(f"booru-tagger review {shlex.quote(str(report.folder))}")
    return (
        f"<section><h2>Worth a name <small>{len(report.strangers):,}</small></h2>"
        "<p>Faces that nobody knows and that look alike. Name them on the review page "
        f"(<code>{review}</code>), or enrol them with the line below each."
        f'</p><div class="cards">{cards}</div></section>'
    )


def _stranger(group: UnknownGroup, number: int, here: Path) -> str:
    chosen = " ".join(shlex.quote(str(picture)) for picture in group.pictures[:20])
    return (
        f"<article><h3>Stranger {number}</h3>"
        f'<p class="count">{_counted(group.faces, "face")} in {_counted(len(group.pictures), "picture")}</p>'
        f"{_chips(group.hair, group.eyes)}{_sheet(group.sheet, group.faces, here)}"
        f"<details><summary>Enrol</summary><pre>booru-tagger characters add NAME {escape(chosen)}</pre>"
        "</details></article>"
    )


def _failures(report: CollectionReport, here: Path) -> str:
    if not report.failures:
        return ""
    rows = "".join(
        f"<tr><td>{_link(path, here, escape(path.name))}</td><td>{escape(_without(reason, path))}</td></tr>"
        for path, reason in report.failures
    )
    more = f"<p>and {report.more_failures:,} more</p>" if report.more_failures else ""
    return (
        f"<section><h2>Problems <small>{len(report.failures) + report.more_failures:,}</small></h2>"
        f"<table>{rows}</table>{more}</section>"
    )


def _sheet(portraits: Iterable[Portrait], faces: int, here: Path) -> str:
    portraits = tuple(portraits)
    cells = "".join(_portrait(portrait, here) for portrait in portraits)
    more = f'<span class="more">+{faces - len(portraits):,}</span>' if faces > len(portraits) else ""
    return f'<div class="sheet">{cells}{more}</div>'


def _portrait(portrait: Portrait, here: Path) -> str:
    said = "named by a person" if portrait.by_person else f"{portrait.score:.2f}" if portrait.score else ""
    title = escape(f"{portrait.picture.name} {said}".strip())
    if not portrait.jpeg:
        return f'<span class="lost" title="{title}: cannot be read"></span>'
    data = base64.b64encode(portrait.jpeg).decode("ascii")
    image = f'<img src="data:image/jpeg;base64,{data}" alt="{title}" loading="lazy" width="80" height="80">'
    return _link(portrait.picture, here, image, title)


def _link(picture: Path, here: Path, content: str, title: str = "") -> str:
    try:
        address = quote(os.fsencode(Path(os.path.relpath(picture, here)).as_posix()))
    except ValueError:  # on another drive
        return content
    return (
        f'<a href="{address}" title="{title}">{content}</a>'
        if title
        else f'<a href="{address}">{content}</a>'
    )


def _chips(*tallies: Tally) -> str:
    chips = "".join(
        f'<li title="{count:,}"><i style="background:{_paint(tag)}"></i>{escape(_spoken(tag))}</li>'
        for tally in tallies
        for tag, count in tally[:2]
        if count * 5 >= sum(number for _, number in tally)
    )
    return f'<ul class="chips">{chips}</ul>' if chips else ""


def _paint(tag: str) -> str:
    words = _colour(tag).split()
    return _COLOURS.get(words[-1], _MIXED) if words else _MIXED


def _colour(tag: str) -> str:
    return _spoken(tag.removesuffix("_hair").removesuffix("_eyes"))


def _spoken(tag: str) -> str:
    return tag.replace("_", " ")


def _without(reason: str, path: Path) -> str:
    return reason.removeprefix(f"{path}: ")


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what if number == 1 else what + 's'}"
