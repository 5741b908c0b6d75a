"""The one command that `tag` suggests at its end can be pasted as it is."""

from __future__ import annotations

import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from booru_tagger.app import TagRequest
from booru_tagger.cli.next_step import following
from booru_tagger.errors import OutputError, quoted
from booru_tagger.runner import RunReport

FOUND = RunReport(tagged=2, heads=3, named=1, uncertain=1, unknown=1)
BATCH = TagRequest(("my art",), batch=True)
SHEET = BATCH._replace(contact_sheet=Path("faces.png"))
posix = pytest.mark.skipif(sys.platform == "win32", reason="quotes as POSIX shells have them")


def suggested(report: RunReport, request: TagRequest, *words: str, queue: bool = True) -> list[str]:
    """The words after ``next: booru-tagger``."""
    _, _, command = following(report, request, words=words, queue=queue).partition("; next: booru-tagger ")
    return shlex.split(command)


@posix
def test_whoever_waits_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my art").mkdir()
    assert suggested(FOUND, BATCH) == ["review", "my art"]
    assert "--contact-sheet" in following(FOUND, BATCH, words=(), queue=True)
    assert "--contact-sheet" not in following(FOUND, SHEET, words=(), queue=True)
    assert suggested(FOUND, TagRequest(batch=True)) == ["review"]
    assert suggested(FOUND, TagRequest(("a.png",))) == ["review", "--queue"]


@posix
def test_then_the_faces_are_drawn_then_looked_at() -> None:
    settled = replace(FOUND, uncertain=0)
    words = ("tag", "--batch", "my art", "--", "-x.png")
    drawn = ["tag", "--batch", "my art", "--contact-sheet", "faces.png", "--", "-x.png"]
    assert suggested(settled, BATCH, *words) == drawn
    assert suggested(settled, SHEET) == ["report", "my art"]
    assert suggested(RunReport(skipped=3), TagRequest(("a.png",))) == ["show", "a.png"]


@posix
def test_a_rehearsal_is_followed_by_the_real_thing() -> None:
    rehearsed = BATCH._replace(dry_run=True)
    assert suggested(FOUND, rehearsed, "tag", "--batch", "my art", "--dry-run", queue=False) == [
        "tag",
        "--batch",
        "my art",
    ]


@pytest.mark.parametrize(
    "report", [RunReport(failed=1), replace(FOUND, stopped=OutputError("full")), replace(FOUND, signal=2)]
)
def test_a_run_that_came_to_nothing_has_no_next(report: RunReport) -> None:
    assert following(report, BATCH, words=("tag",), queue=True) == ""


def test_what_is_written_elsewhere_is_not_reviewed() -> None:
    assert following(FOUND, TagRequest(("-",)), words=("tag", "-"), queue=False) == ""


@posix
@pytest.mark.parametrize(
    "word", ["plain", "two words", "it's", "", "$HOME", "new\nline", "caf\udce9", "a\x1b[31m"]
)
def test_a_quoted_word_is_that_word_again(word: str) -> None:
    line = quoted(word)
    assert line.isprintable()
    printed = subprocess.run(["bash", "-c", f"printf %s {line}"], capture_output=True, check=True).stdout
    assert printed.decode("utf-8", "surrogateescape") == word
