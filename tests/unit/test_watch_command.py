"""What `booru-tagger watch` does around the run: its log, its counts, and going on after a full disk."""

from __future__ import annotations

import json
import logging
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from booru_tagger.app import watching
from booru_tagger.cli.watch_log import LOGGER, WatchStats, log_outcome, log_to_stderr
from booru_tagger.errors import OutputError
from booru_tagger.runner import Outcome, RunReport
from booru_tagger.types import PictureError, Tag, TagResult
from tests.support.command import TIMEOUT
from tests.support.here import Here

TAGGED = Outcome(
    "a\n.png",
    TagResult("a\n.png", tags=(Tag("hatsune_miku", "character", 0.9, "recogniser"),)),
    (Path("a.txt"),),
)
FAILED = Outcome("b.png", TagResult("b.png", error=PictureError("damaged", "b.png: it is damaged")))
SKIPPED = Outcome("c.png", None)


def test_text_lines_stay_lines_whatever_a_file_is_called(capsys: pytest.CaptureFixture[str]) -> None:
    with log_to_stderr("text"):
        log_outcome(TAGGED)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith(r" a\n.png: hatsune_miku")


def test_json_lines_hold_what_happened(capsys: pytest.CaptureFixture[str]) -> None:
    with log_to_stderr("json"):
        log_outcome(TAGGED)
        LOGGER.warning("no event, name \udcff")
    first, second = map(json.loads, capsys.readouterr().err.splitlines())
    assert first.pop("time")
    assert first == {
        "level": "info",
        "event": "tagged",
        "path": "a\n.png",
        "tags": ["hatsune_miku"],
        "files": ["a.txt"],
        "message": "a\n.png: hatsune_miku",
    }
    assert second["level"] == "warning"
    assert second["message"] == "no event, name \udcff"


def test_what_libraries_write_is_json_too(capfd: pytest.CaptureFixture[str]) -> None:
    with log_to_stderr("json"):
        os.write(2, b"TIFFReadDirectory: bad \xff\n\nno end of the line")  # as C code does
    os.write(2, b"plain again\n")
    *lines, last = capfd.readouterr().err.splitlines()
    found = [json.loads(line) for line in lines]
    assert {one["level"] for one in found} == {"warning"}
    assert {one["event"] for one in found} == {"message"}
    said = "".join(one["message"] for one in found)
    assert "TIFFReadDirectory: bad" in said and "no end of the line" in said
    assert last == "plain again"


def test_the_error_that_ends_a_watch_is_json_too(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(click.exceptions.Exit) as ended, log_to_stderr("json"):
        raise OutputError("nothing can be written")
    assert ended.value.exit_code == OutputError.exit_code
    (line,) = map(json.loads, capfd.readouterr().err.splitlines())
    assert (line["level"], line["event"], line["reason"]) == ("error", "error", "nothing can be written")


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_the_log_is_left_as_it_was(log_format: str) -> None:
    before = LOGGER.level, LOGGER.propagate, list(LOGGER.handlers)
    with log_to_stderr(log_format):
        assert not LOGGER.propagate
    assert (LOGGER.level, LOGGER.propagate, LOGGER.handlers) == before


def test_counts_are_logged_time_and_again(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    stats = WatchStats()
    for outcome in (TAGGED, FAILED, FAILED, SKIPPED):
        stats.count(outcome)
    with stats.logged_every(0.01):
        end = time.monotonic() + TIMEOUT
        while len(caplog.messages) < 2 and time.monotonic() < end:
            time.sleep(0.01)
    count = len(caplog.messages)
    assert count >= 2
    assert set(caplog.messages) == {"so far 1 picture tagged, 1 unchanged, 2 failed tries"}
    time.sleep(0.05)
    assert len(caplog.messages) == count, "it goes on after its end"


class Runs:
    """Stands for the runner: gives the reports it was told to, after drawing what there is."""

    def __init__(self, *reports: RunReport) -> None:
        self.reports = list(reports)
        self.drawn: list[list[Any]] = []

    def __call__(self, items: Iterator[Any], *_: Any, **__: Any) -> RunReport:
        drawn = []
        for item in items:
            drawn.append(item)
            if item is None and len(drawn) > 1:
                break
        self.drawn.append([item.name for item in drawn if item is not None])
        return self.reports.pop(0)


@pytest.fixture
def fanart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr(watching, "_STOPPED_SECONDS", 0.0)
    monkeypatch.setattr("booru_tagger.watch.listing.OLD_SECONDS", 0.0)
    folder = tmp_path / "fanart"
    folder.mkdir()
    (folder / "a.png").write_bytes(b"x")
    return folder


@pytest.fixture
def command(
    fanart: Path, tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Here:
    monkeypatch.setenv("BOORU_TAGGER_JOURNAL", str(fanart / "journal"))
    return Here(fanart.parent, tiny_bundle, monkeypatch, capsys)


def test_after_a_full_disk_everything_is_tried_again(command: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    full = RunReport(failed=1, stopped=OutputError("a.png.txt: no space left on the disk"))
    runs = Runs(full, full, RunReport(tagged=1, signal=signal.SIGTERM))
    monkeypatch.setattr("booru_tagger.app.run.run", runs)
    ended = command.run("watch", "fanart")
    assert ended.code == 0
    assert runs.drawn == [["a.png"]] * 3
    assert ended.err.count("no space left on the disk") == 2


def test_once_ends_with_a_full_disk(command: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    stopped = OutputError("a.png.txt: no space left on the disk")
    monkeypatch.setattr("booru_tagger.app.run.run", Runs(RunReport(failed=1, stopped=stopped)))
    ended = command.run("watch", "fanart", "--once")
    assert ended.code == stopped.exit_code
    assert "no space left on the disk" in ended.err


def test_folders_in_others_are_watched_once(tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    link = tmp_path.with_name(tmp_path.name + "-link")
    link.symlink_to(inner)
    assert watching._apart((inner, tmp_path, link, tmp_path)) == [tmp_path]
    beside = tmp_path.with_name(tmp_path.name + "2")
    assert set(watching._apart((tmp_path, beside))) == {tmp_path, beside}
