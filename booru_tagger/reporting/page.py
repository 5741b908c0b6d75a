"""A report as one HTML file that needs nothing else: styles and faces are in it."""

from __future__ import annotations

import base64
import os
from pathlib import Path
from urllib.parse import quote

from booru_tagger.drawing.marked import has_text_mark
from booru_tagger.drawing.templates import Markup, Pieces
from booru_tagger.errors import counted, quoted
from booru_tagger.reporting.values import (
    CHANGED,
    SURE,
    CollectionReport,
    FoundCharacter,
    Portrait,
    Tally,
    UnknownGroup,
)
from booru_tagger.vocab import to_spaces

MARK = '<meta name="generator" content="booru-tagger report">'
"""Tells our own pages from others, which are never written over."""

_COLORS = {
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
_REMEDIES = {
    CHANGED: (
        "Changed since they were tagged",
        "Tag the folder again: only what changed is looked at.",
        "booru-tagger tag --batch {folder}",
    ),
    "unreadable": (
        "Cannot be opened",
        "See that the file is there and that you may read it: permissions, a drive that is not connected.",
        "booru-tagger tag --batch {folder}",
    ),
    "not-an-image": (
        "No picture that can be read",
        "Where a viewer opens it, save it as PNG there. Otherwise delete it, or leave it out: --ignore NAME.",
        "",
    ),
    "damaged": (
        "Damaged",
        "Fetch it anew from where it came from. What a viewer still shows of it can be saved as PNG.",
        "",
    ),
    "too-large": (
        "Too large",
        "Make a smaller copy; or, if you trust the file, allow more pixels and bytes.",
        "booru-tagger tag --batch {folder} --max-pixels 1000000000 --max-bytes 1000000000",
    ),
}
_OTHERWISE = (
    "Other problems",
    "Tag the file by itself to see all that is said of it.",
    "booru-tagger tag {file}",
)
"""By kind of error: heading, what to do, and the command for that, if there is one."""
_fill = Pieces("booru_tagger.reporting", "page.html").fill


def page(report: CollectionReport, target: Path) -> str:
    """The page, to be written to ``target``: its links to pictures are relative to that."""
    here = target.absolute().parent
    sections = (_colors(report), _characters(report, here), _strangers(report, here), _failures(report, here))
    return _fill(
        "page",
        mark=Markup(MARK),
        title=f"Who is in {report.folder.resolve().name or report.folder}",
        folder=report.folder.resolve(),
        made=f"{report.made:%Y-%m-%d %H:%M}",
        models=", ".join(report.models) or "no model",
        empty=f" · without a face: {report.empty:,}" if report.empty else None,
        untagged=f" · not tagged yet: {report.untagged:,}" if report.untagged else None,
        facts=_facts(report),
        sections=sections,
    )


def is_report(path: Path) -> bool:
    """Whether the file is a report that was made here (and may be replaced by a newer one)."""
    return has_text_mark(path, MARK)


def _facts(report: CollectionReport) -> list[Markup]:
    numbers = (
        (report.pictures, "tagged pictures"),
        (report.faces, "faces"),
        (len(report.characters), "characters"),
        (report.named, "with a name"),
        (report.waiting, "waiting for you"),
        (len(report.failures) + report.more_failures, "problems"),
    )
    return [_fill("fact", number=f"{number:,}", what=what) for number, what in numbers]


def _colors(report: CollectionReport) -> Markup | None:
    rows = [_bar(name, tally) for name, tally in (("Hair", report.hair), ("Eyes", report.eyes)) if tally]
    return _fill("colors", rows=rows) if rows else None


def _bar(name: str, tally: Tally) -> Markup:
    total = sum(count for _, count in tally)
    parts = [
        _fill("color_part", count=count, paint=_paint(tag), name=to_spaces(tag), shown=f"{count:,}")
        for tag, count in tally
    ]
    legend = [
        _fill("color_key", paint=_paint(tag), name=_color(tag), share=f"{count / total:.0%}")
        for tag, count in tally[:8]
    ]
    return _fill("color_row", name=name, parts=parts, legend=legend)


def _characters(report: CollectionReport, here: Path) -> Markup:
    if not report.characters:
        return _fill("nobody")
    cards = [_character(found, here) for found in report.characters]
    return _fill("characters", count=f"{len(cards):,}", cards=cards)


def _character(found: FoundCharacter, here: Path) -> Markup:
    name, series = to_spaces(found.tag), to_spaces(found.series)
    return _fill(
        "character",
        searched=f"{name} {series}".lower(),
        name=name,
        series=_fill("series", series=series) if series else None,
        faces=counted(found.faces, "face"),
        pictures=counted(found.pictures, "picture"),
        sure=_how_sure(found),
        chips=_chips(found.hair, found.eyes),
        sheet=_sheet(found.sheet, found.faces, here),
    )


def _how_sure(found: FoundCharacter) -> str:
    by_program = found.faces - found.by_person
    said = f"{found.by_person:,} named by a person" if found.by_person else ""
    if not by_program:
        return "all named by a person"
    if found.sure == by_program:
        sure = f"sure of all{' others' if said else ''}, {found.least:.2f} at least"
    else:
        sure = f"sure of {found.sure:,} of {by_program:,} ({SURE} or more), the least {found.least:.2f}"
    return f"{said}, {sure}" if said else sure


def _strangers(report: CollectionReport, here: Path) -> Markup | None:
    if not report.strangers:
        return None
    cards = [_stranger(group, number, here) for number, group in enumerate(report.strangers, 1)]
    review = f"booru-tagger review {quoted(str(report.folder.resolve()))} --strangers"
    return _fill("strangers", count=f"{len(cards):,}", review=_fill("command", command=review), cards=cards)


def _stranger(group: UnknownGroup, number: int, here: Path) -> Markup:
    return _fill(
        "stranger",
        number=number,
        faces=counted(group.faces, "face"),
        pictures=counted(len(group.pictures), "picture"),
        chips=_chips(group.hair, group.eyes),
        sheet=_sheet(group.sheet, group.faces, here),
        enrol=_fill(
            "command",
            command=" ".join(("booru-tagger characters add NAME", quoted(*map(str, group.pictures[:20])))),
        ),
    )


def _failures(report: CollectionReport, here: Path) -> Markup | None:
    if not report.failures:
        return None
    more = report.more_failures
    kinds = dict.fromkeys(error.kind for _, error in report.failures)
    return _fill(
        "failures",
        count=f"{len(report.failures) + more:,}",
        kinds=[_kind_of_failure(report, kind, here) for kind in kinds],
        more=_fill("more_failures", count=f"{more:,}") if more else None,
    )


def _kind_of_failure(report: CollectionReport, kind: str, here: Path) -> Markup:
    found = [(path, error.message) for path, error in report.failures if error.kind == kind]
    heading, remedy, command = _REMEDIES.get(kind, _OTHERWISE)
    shown = command.format(folder=quoted(str(report.folder.resolve())), file=quoted(str(found[0][0])))
    rows = [
        _fill("failure", picture=_link(path, here, path.name), reason=reason.removeprefix(f"{path}: "))
        for path, reason in found
    ]
    return _fill(
        "failure_kind",
        heading=heading,
        count=f"{len(found):,}",
        remedy=remedy,
        command=_fill("command", command=shown) if shown else None,
        rows=rows,
    )


def _sheet(portraits: tuple[Portrait, ...], faces: int, here: Path) -> Markup:
    more = faces - len(portraits)
    return _fill(
        "sheet",
        cells=[_portrait(portrait, here) for portrait in portraits],
        more=_fill("more_faces", count=f"{more:,}") if more > 0 else None,
    )


def _portrait(portrait: Portrait, here: Path) -> str:
    said = "named by a person" if portrait.by_person else f"{portrait.score:.2f}" if portrait.score else ""
    title = f"{portrait.picture.name} {said}".strip()
    if not portrait.jpeg:
        return _fill("lost", title=title)
    face = _fill("face", data=base64.b64encode(portrait.jpeg).decode("ascii"), title=title)
    return _link(portrait.picture, here, face, title)


def _link(picture: Path, here: Path, content: str, title: str = "") -> str:
    try:
        address = quote(os.fsencode(Path(os.path.relpath(picture, here)).as_posix()))
    except ValueError:  # on another drive
        return content
    if title:
        return _fill("titled_link", address=address, title=title, content=content)
    return _fill("link", address=address, content=content)


def _chips(*tallies: Tally) -> Markup | None:
    chips = [
        _fill("chip", count=f"{count:,}", paint=_paint(tag), name=to_spaces(tag))
        for tally in tallies
        for tag, count in tally[:2]
        if count * 5 >= sum(number for _, number in tally)
    ]
    return _fill("chips", chips=chips) if chips else None


def _paint(tag: str) -> str:
    words = _color(tag).split()
    return _COLORS.get(words[-1], _MIXED) if words else _MIXED


def _color(tag: str) -> str:
    return to_spaces(tag.removesuffix("_hair").removesuffix("_eyes"))
