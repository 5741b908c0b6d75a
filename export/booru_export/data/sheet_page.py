"""The labelling sheet: candidates as pictures on a page, to be approved in bulk."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from booru_export.data.collecting import Candidate
from booru_tagger.drawing.templates import Markup, Pieces

_fill = Pieces("booru_export.data", "sheet_page.html").fill
UNSURE = 0.08
"""A lead below which a candidate is marked as hard to tell from its rival."""


def sheet(candidates: Sequence[Candidate], folder: Path) -> str:
    """The page, to be put into ``folder`` with the crops; candidates of a label must stand together."""
    groups = groupby(candidates, key=lambda one: one.label)
    shown = [_group(label, list(members), folder) for label, members in groups]
    return _fill("page", count=f"{len(candidates):,}", groups=shown)


def _group(label: str, members: list[Candidate], folder: Path) -> Markup:
    faces = [_face(candidate, folder) for candidate in members]
    return _fill("group", label=label, count=len(members), faces=faces)


def _face(candidate: Candidate, folder: Path) -> Markup:
    return _fill(
        "face",
        look="unsure" if candidate.lead < UNSURE else None,
        picture=candidate.picture.name,
        crop=candidate.crop.relative_to(folder).as_posix(),
        checked=" checked" if candidate.approved else None,
        label=candidate.label,
        closeness=f"{candidate.closeness:.2f}",
        rival=candidate.rival,
        rival_closeness=f"{candidate.closeness - candidate.lead:.2f}",
    )
