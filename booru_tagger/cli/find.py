"""`booru-tagger find`: pictures by what is known of them."""

from __future__ import annotations

import json
import os
import re
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from booru_tagger.cli.help import FILES, LIKE, WHO, WRITE, SectionedCommand, SectionedOption
from booru_tagger.cli.options import Loaded, refuse_without_journal, with_settings
from booru_tagger.cli.printing import printable, tell
from booru_tagger.cli.progress import looking
from booru_tagger.colors import CLOSED_EYES, COLORS, MIXED, Part, color_of, tag_for
from booru_tagger.errors import EXIT_NOTHING_DONE, counted, nearest

if TYPE_CHECKING:
    from booru_tagger.app.finding import FindRequest, PictureMatch, Search
    from booru_tagger.config import Settings
    from booru_tagger.journal.finding import Query
    from booru_tagger.types import TagResult

_DAY = 86_400
_AT_ONCE = 1_000
"""Paths written at once."""
_WITHOUT_COLOR = ("heterochromia", CLOSED_EYES)
_SPAN = re.compile(r"(\d+)(?:(-)(\d*))?")


class _Heads(click.ParamType):  # type: ignore[type-arg]
    """``2``, ``2-4`` or ``2-``: how many at least and at most."""

    name = "N|N-M|N-"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        found = _SPAN.fullmatch(str(value).strip())
        if found is None:
            self.fail(f"{value!r} is no number of heads; write 2, 2-4 or 2-", param, ctx)
        least, dash, most = found.groups()
        if not dash:
            return int(least), int(least)
        return int(least), int(most) if most else None


class _Date(click.ParamType):  # type: ignore[type-arg]
    """A day, a time, or so many days ago, in seconds since 1970; the end of the day for an ``end``."""

    name = "DATE"

    def __init__(self, *, end: bool = False) -> None:
        self._end = end

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        text = str(value).strip()
        if days := re.fullmatch(r"(\d{1,6})d", text):
            return time.time() - int(days[1]) * _DAY
        try:
            moment = datetime.fromisoformat(text)
            if self._end and len(text) <= len("2026-11-27"):
                moment += timedelta(days=1)
            return moment.timestamp()
        except (ValueError, OverflowError, OSError):
            self.fail(f"{value!r} is no date; write 2026-11-27, 2026-11-27T18:30, or 7d", param, ctx)


_who, _files, _like, _write = (
    partial(click.option, cls=SectionedOption, section=section) for section in (WHO, FILES, LIKE, WRITE)
)


@click.command(cls=SectionedCommand)
@click.argument("names", nargs=-1, metavar="[CHARACTER]...")
@_who("--with", "tags", multiple=True, metavar="TAG", help="With this tag. May be repeated.")
@_who("--without", multiple=True, metavar="TAG", help="Without this tag. May be repeated.")
@_who("--series", multiple=True, metavar="TAG", help="Of this series. May be repeated.")
@_who("--hair", metavar="COLOR", help="With a face of this hair color: one of CHARACTER, if named.")
@_who("--eyes", metavar="COLOR", help="With a face of this eye color, likewise.")
@_who("--unnamed", is_flag=True, help="With a face that has no name.")
@_who("--min-score", type=click.FloatRange(0, 1), help="With a face named at this score or higher.")
@_who("--heads", type=_Heads(), help="With so many heads: 2, 2-4 or 2-.")
@_files(
    "--folder",
    "folders",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="In this folder, or below it. May be repeated.",
)
@_files("--since", type=_Date(), help="Files of this date or later: 2026-11-27, or 7d for a week ago.")
@_files("--until", type=_Date(end=True), help="Files of this date or earlier.")
@_files("--tagged-since", type=_Date(), help="Tagged on this date or later.")
@_files("--text", multiple=True, metavar="WORDS", help="With these words in the path or in a tag.")
@_like(
    "--like",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    metavar="FILE",
    help="With a face like the one in this picture, the most alike ones first.",
)
@_like("--min-likeness", type=click.FloatRange(-1, 1), help="With --like: how alike (cosine) at least.")
@_write("--limit", type=click.IntRange(1), metavar="N", help="N pictures at most.")
@_files("--gone", is_flag=True, help="Those too whose file is not there any more.")
@_write("--null", "-0", is_flag=True, help="End each path with a null byte, for `xargs -0`.")
@_write("--json", "as_json", is_flag=True, help="Print one JSON object for each picture.")
@_write(
    "--contact-sheet",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE.png",
    help="Draw the faces into one picture, instead of printing paths.",
)
@with_settings("model", "face_model", "gallery", "provider", "journal", "max_pixels", "max_bytes")
def find(
    names: tuple[str, ...],
    loaded: Loaded,
    like: Path | None,
    min_likeness: float | None,
    limit: int | None,
    gone: bool,
    null: bool,
    as_json: bool,
    contact_sheet: Path | None,
    **conditions: Any,
) -> int:
    """Find tagged pictures by who is in them, by their tags, or by a face, and print their paths.

    All conditions have to hold. CHARACTER and TAG may have the wildcards * ? and [ ]. The journal answers; no
    picture is read but the one after --like.

    \b
      booru-tagger find hatsune_miku --with aqua_eyes --min-score 0.9
      booru-tagger find --like face.png --contact-sheet alike.png
      booru-tagger find --series touhou --heads 2- --null | xargs -0 cp -t ~/groups
    """
    _check(like, min_likeness, contact_sheet, null or as_json)
    refuse_without_journal(loaded.settings.recording)
    from booru_tagger.app.finding import FindRequest

    request = FindRequest(_query(names, conditions), like, min_likeness, limit, gone)
    with _searching(request, loaded.settings) as search:
        found = _draw(search, contact_sheet) if contact_sheet else _print(search, null=null, as_json=as_json)
    if search.passed_over:
        tell(f"{counted(search.passed_over, 'picture')} more would be found, but are gone (--gone)")
    if not found:
        tell(_nothing(search, conditions["folders"]))
        return EXIT_NOTHING_DONE
    return 0


@contextmanager
def _searching(request: FindRequest, settings: Settings) -> Iterator[Search]:
    """What was found; the bar is off the terminal before anything else is written there."""
    from booru_tagger.app.finding import open_search

    said: list[str] = []
    with ExitStack() as stack:
        try:
            with looking(None, "looking through the journal") as step:
                search = stack.enter_context(open_search(request, settings, step=step, tell=said.append))
        finally:
            for line in said:
                tell(line)
        yield search


def _check(like: Path | None, min_likeness: float | None, sheet: Path | None, printed: bool) -> None:
    if min_likeness is not None and like is None:
        raise click.UsageError("--min-likeness goes with --like FILE.")
    if sheet is not None and printed:
        raise click.UsageError("--contact-sheet prints nothing; leave out --null and --json.")
    if sheet is not None and sheet.suffix.lower() != ".png":
        raise click.UsageError(f"--contact-sheet {sheet}: the file's name must end in .png")


def _query(names: tuple[str, ...], conditions: dict[str, Any]) -> Query:
    from booru_tagger.journal.finding import Query

    colors = {part: _color(part, conditions.pop(part)) for part in Part}
    return Query(names, hair=colors[Part.HAIR], eyes=colors[Part.EYES], **conditions)


def _color(part: Part, color: str | None) -> str | None:
    if color is None:
        return None
    tag = tag_for(part, color)
    if tag is None or not (tag in MIXED or tag in _WITHOUT_COLOR or color_of(tag)):
        near = nearest(color, COLORS)
        hint = f"did you mean {near}?" if near else f"there are {', '.join(sorted(COLORS))}"
        raise click.UsageError(f"--{part} {printable(color)}: not a color that is told apart; {hint}")
    return tag


def _nothing(search: Search, folders: tuple[Path, ...]) -> str:
    """That nothing was found, and why, as far as that is plain."""
    reasons = [
        f"nothing has the tag {word!r}" + (f"; did you mean {near!r}?" if near else "")
        for word, near in search.misspelled
    ]
    reasons += [f"there is no folder {folder}" for folder in folders if not folder.exists()]
    return "\n".join(reasons or ["nothing was found"])


def _draw(search: Search, sheet: Path) -> int:
    faces = search.draw(sheet)
    tell(f"{counted(faces, 'face')} drawn into {sheet}")
    return faces


def _print(search: Search, *, null: bool, as_json: bool) -> int:
    """How many pictures were printed."""
    stream, count = sys.stdout.buffer, 0
    if as_json:
        for match, result in search.results():
            stream.write(_json_line(match, result))
            count += 1
        return count
    shown, end = not null and sys.stdout.isatty(), b"\0" if null else b"\n"
    matches = search.matches()
    while part := [match.path for match in islice(matches, _AT_ONCE)]:
        paths = [printable(os.fsdecode(path)).encode() for path in part] if shown else part
        stream.write(end.join([*paths, b""]))
        count += len(part)
    return count


def _json_line(match: PictureMatch, result: TagResult) -> bytes:
    data = result.to_json()
    if match.likeness is not None:
        data |= {"face": match.face, "likeness": round(match.likeness, 4)}
    return json.dumps(data).encode("ascii") + b"\n"
