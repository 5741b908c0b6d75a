"""The table that `tag` prints: no line is wrapped, and nothing that matters is left out."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from contextlib import nullcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from booru_tagger.cli.columns import shortened
from booru_tagger.cli.face_table import FaceTable
from booru_tagger.runner import Outcome
from booru_tagger.types import Box, CharacterMatch, FaceResult, PictureError, ScoredTag, TagResult

BOX = Box(20, 30, 120, 130)
MIKU = FaceResult(
    BOX,
    0.9,
    CharacterMatch("hatsune_miku", 0.97),
    (ScoredTag("hatsune_miku", 0.97),),
    ScoredTag("aqua_hair", 0.91),
    ScoredTag("blue_eyes", 0.5),
)
GUESSED = FaceResult(BOX, 0.9, None, (ScoredTag("a_rather_long_name_(of_some_series)", 0.45),))


def outcome(path: str, *faces: FaceResult, waiting: Sequence[Box] = ()) -> Outcome:
    return Outcome(path, TagResult(path, 200, 200, faces), waiting=tuple(waiting))


def printed(*outcomes: Outcome, width: int = 80, listing: bool = False, color: bool = False) -> str:
    stream = io.StringIO()
    console = Console(
        file=stream, width=width, force_terminal=color, color_system="standard" if color else None
    )
    table = FaceTable(console, nullcontext, listing=listing)
    for each in outcomes:
        table(each)
    table.close()
    return stream.getvalue()


def test_a_folder_is_named_once_and_a_picture_once() -> None:
    folder = os.path.join("art", "")  # noqa: PTH118
    lines = printed(
        outcome(f"{folder}a.png", MIKU, MIKU), outcome(f"{folder}b.png"), outcome("top.png", MIKU)
    ).splitlines()
    assert [line.split() for line in lines] == [
        ["picture", "character", "hair", "eyes"],
        [folder],
        ["a.png", "hatsune_miku", "0.97", "aqua", "blue"],
        ["hatsune_miku", "0.97", "aqua", "blue"],
        ["b.png", "no", "face", "found"],
        [os.path.join(".", "")],  # noqa: PTH118
        ["top.png", "hatsune_miku", "0.97", "aqua", "blue"],
    ]


def test_who_waits_has_the_best_guess_in_grey() -> None:
    waiting = printed(outcome("a.png", GUESSED, waiting=[BOX]), color=True)
    assert "\x1b[90ma_rather_long_name_(of_some_series) 0.45?" in waiting
    assert "a_rather" not in printed(outcome("a.png", GUESSED)), "a person said so, or it is hopeless"
    assert "\x1b[32mhatsune_miku 0.97" in printed(outcome("a.png", MIKU), color=True)


def test_more_room_shows_more() -> None:
    wide = printed(outcome("a.png", MIKU), width=140)
    assert "20,30 100x100" in wide and "aqua 0.91" in wide
    assert "20,30" not in printed(outcome("a.png", MIKU))


def test_a_listing_has_whole_paths_and_tags_in_every_line() -> None:
    long = "/".join(["a_long_folder"] * 20) + "/a.png"
    lines = printed(outcome(long, MIKU, MIKU), listing=True, width=1000).splitlines()[1:]
    assert len(lines) == 2
    assert all(line.startswith(long) and "aqua_hair 0.91" in line for line in lines)


def test_why_a_picture_failed_is_there() -> None:
    failed = TagResult("a.png", error=PictureError("damaged", "…"))
    assert "failed: damaged" in printed(Outcome("a.png", failed))


@given(
    st.text(st.characters(exclude_categories=["Cc", "Cs", "Mn", "Me", "Cf"]), min_size=1, max_size=90),
    st.integers(42, 200),
)
def test_no_line_is_wider_than_the_terminal(name: str, width: int) -> None:
    name = name.replace("/", "_").replace("\\", "_")
    text = printed(outcome(f"{name}/{name}.png", MIKU, GUESSED, waiting=[BOX]), width=width)
    lines = text.splitlines()
    assert len(lines) == 4
    assert max(map(cell_len, lines)) <= width
    assert "0.97" in lines[2] and "0.45?" in lines[3], "a name may be shortened, its score not"


@pytest.mark.parametrize(
    ("text", "width", "expected"),
    [
        ("short", 5, "short"),
        ("abcdefghij.png", 9, "abcd….png"),
        ("初音ミクの絵", 8, "初音… 絵"),
        ("abc", 1, "…"),
    ],
)
def test_the_middle_is_left_out(text: str, width: int, expected: str) -> None:
    assert shortened(text, width) == expected
    assert cell_len(shortened(text, width)) <= width
