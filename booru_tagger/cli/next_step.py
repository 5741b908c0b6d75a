"""What to do after `tag`: one command, ready to be pasted."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from booru_tagger.errors import quoted

if TYPE_CHECKING:
    from booru_tagger.app import TagRequest
    from booru_tagger.runner import RunReport

_SHEET = "faces.png"
_DRY = "--dry-run"


def following(report: RunReport, request: TagRequest, *, words: Sequence[str], queue: bool) -> str:
    """What to say after the count of files: `; next: booru-tagger …`, or nothing.

    ``words`` are those that the program was called with, ``queue`` whether uncertain faces wait for review.
    """
    from booru_tagger.app import STDIN
    from booru_tagger.sources.storage import is_url

    if report.stopped is not None or report.signal is not None or not report.tagged + report.skipped:
        return ""
    if request.dry_run:
        return _next([word for word in words if word != _DRY])
    here = request.records is None and STDIN not in request.paths and not any(map(is_url, request.paths))
    undrawn = here and report.heads and request.contact_sheet is None
    if queue and report.uncertain:
        draw = " (faces: --contact-sheet)" if undrawn else ""
        return draw + _next(["review", *(_folders(request) if here else ["--queue"])])
    if undrawn:
        return _next(_with_sheet(words))
    return _next(_look(request)) if queue and here else ""


def _next(words: Sequence[str]) -> str:
    return f"; next: {quoted('booru-tagger', *words)}"


def _folders(request: TagRequest) -> Sequence[str]:
    """What to give to `review`, so that it shows these pictures."""
    if request.manifest is None and all(Path(path).is_dir() for path in request.paths):
        return request.paths
    return ["--queue"]


def _with_sheet(words: Sequence[str]) -> Sequence[str]:
    """The same command with a contact sheet; what follows ``--`` is no option any more."""
    end = list(words).index("--") if "--" in words else len(words)
    return [*words[:end], "--contact-sheet", _SHEET, *words[end:]]


def _look(request: TagRequest) -> Sequence[str]:
    """How to look at what was found: in a folder, or in one picture."""
    if request.manifest is None and len(request.paths) <= 1:
        return ["report" if request.batch else "show", *request.paths]
    return ["report"]
