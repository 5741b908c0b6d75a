"""What `show` prints: in narrow terminals no line is wrapped, and nothing that matters is left out."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.cells import cell_len
from rich.console import Console

from booru_tagger.cli.show_tables import print_known
from booru_tagger.imaging.exif_notes import ExifNotes
from booru_tagger.runner.provenance import Provenance, TaggedFile, TagOrigin
from booru_tagger.types import Box, CharacterMatch, FaceResult, Moving, ScoredTag, TagResult, TimeRange

LONG = "natasha_with_a_long_name_(honkai:_star_rail)"
NOW = datetime(2026, 11, 28, 3, 45, 41, tzinfo=UTC)
FOLDER = Path("a folder of a circle with a long name, which has nothing to be broken at in its middle")
COLORS = ScoredTag("purple_hair", 0.99), ScoredTag("yellow_eyes", 0.47)
FACES = (
    FaceResult(Box(353, 39, 656, 359), 1.0, CharacterMatch(LONG, 0.98), (ScoredTag(LONG, 0.98),), *COLORS),
    FaceResult(Box(1252, 198, 1652, 535), 0.9, None, (ScoredTag(f"a_{LONG}", 0.08),), *COLORS),
)


def known(result: TagResult, exif: ExifNotes = ExifNotes()) -> Provenance:  # noqa: B008
    name = "yagami_kou_drawn_by_somebody_with_a_long_name_2017-08-11.jpg"
    picture = FOLDER / name
    files = tuple(
        TaggedFile(picture.absolute().with_name(f"{name}.{writer}"), writer, "as written", NOW)
        for writer in ("json", "txt")
    )
    tags = (TagOrigin(LONG, "recogniser", "character", 0.98, ("json", "txt", "xmp", "embed")),)
    return Provenance(picture, NOW, result, tags, files, exif)


def printed(what: Provenance, width: int, *, listing: bool = False) -> list[str]:
    stream = io.StringIO()
    print_known(what, Console(file=stream, width=width), listing=listing)
    return stream.getvalue().splitlines()


@pytest.mark.parametrize("width", [60, 80])
def test_no_line_but_the_path_is_wider_than_the_terminal(width: int) -> None:
    what = known(TagResult("a", 1800, 1024, FACES))
    path, *lines = printed(what, width)
    assert path == str(what.picture)
    assert all(cell_len(line) <= width for line in lines)
    rows = [line.split() for line in lines]
    assert ["head", "score", "character", "hair", "eyes"] in rows
    (named,) = (line for line in lines if line.startswith("353,39 303x320"))
    assert " 0.98" in named and "purple" in named
    (guess,) = (line for line in lines if " or a_" in line)
    assert guess.endswith(" 0.08"), "below the head that it is about"
    for kind in ("json", "txt"):
        assert any(f".jpg.{kind}  {kind}" in line and "2026-11-2" in line for line in lines)


def test_where_lines_are_kept_all_is_said() -> None:
    lines = printed(known(TagResult("a", 1800, 1024, FACES)), 1_000, listing=True)
    words = [" ".join(line.split()) for line in lines]
    assert f"353,39 303x320 1.00 {LONG} 0.98 purple 0.99 yellow 0.47" in words
    assert f"or a_{LONG} 0.08" in words
    assert any("json, txt, xmp, embed" in line for line in lines)


def test_of_a_film_it_says_when_each_face_is_there() -> None:
    stretches = tuple(TimeRange(10.0 * count, 10.0 * count + 4) for count in range(5))
    face = FaceResult(Box(0, 0, 90, 90), 1.0, CharacterMatch("cirno", 0.9), at=0.0, times=stretches)
    lines = printed(known(TagResult("a", 640, 480, (face,), moving=Moving(60.0, 90))), 80)
    assert lines[1].startswith("640x480, 1:00 long, tagged ")
    start = next(number for number, line in enumerate(lines) if line.startswith("0,0 90x90"))
    times = [line.strip() for line in lines[start + 1 : start + 6]]
    assert times == ["0:00-0:04", "0:10-0:14", "0:20-0:24", "0:30-0:34", "1 more"]


def test_a_long_prompt_is_wrapped_and_told_in_full() -> None:
    prompt = " ".join(f"word{number}" for number in range(60))
    lines = printed(known(TagResult("a", 640, 480), ExifNotes(parameters=prompt)), 60)
    assert " ".join(" ".join(lines).split()).endswith(f"parameters or comment: {prompt}")
    assert all(cell_len(line) <= 60 for line in lines[1:])
