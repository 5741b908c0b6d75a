"""Whole runs from Python: settings in, tag files and a report out."""

from __future__ import annotations

import runpy
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from booru_tagger import Settings, app, tag_folder
from booru_tagger.app.recording import need_journal
from booru_tagger.errors import ConfigError, RemoteError
from booru_tagger.journal import Journal
from booru_tagger.types import Box, FaceResult, Verdict
from tests.support.bundles import Painted, paint

EXAMPLE = Path(__file__).parents[2] / "examples" / "whole_folder.py"
MIKU, STRANGER = Painted(20, 40, 80), Painted(180, 40, 80, "stranger", "red", "blue")


@pytest.fixture
def fanart(tmp_path: Path) -> Path:
    folder = tmp_path / "fanart"
    folder.mkdir()
    paint([MIKU, STRANGER]).save(folder / "a.png")
    (folder / "b.png").write_bytes(b"not a picture")
    return folder


@pytest.fixture
def settings(tiny_bundle: Path, tmp_path: Path) -> Settings:
    return Settings.of(model=str(tiny_bundle), journal=tmp_path / "journal.sqlite3", gallery=False)


def test_a_folder_with_writers_journal_and_verdicts(fanart: Path, settings: Settings, tmp_path: Path) -> None:
    heard: list[str] = []
    report = tag_folder(fanart, settings, lambda outcome: heard.append(Path(outcome.path).name))
    assert (report.tagged, report.failed, report.changed_files) == (1, 1, 2)
    assert heard == ["a.png", "b.png"]
    assert "hatsune_miku" in (fanart / "a.png.txt").read_text("utf-8")
    assert tag_folder(fanart, settings).skipped == 1
    width, height = paint([MIKU, STRANGER]).size
    said = Verdict("named", "cirno", FaceResult(Box(180, 40, 260, 120), 1.0), width, height, False, 1.0)
    with Journal.open(tmp_path / "journal.sqlite3") as journal:
        journal.reviews.decide(fanart / "a.png", [said])
    request = app.TagRequest((str(fanart / "a.png"),), force=True)
    with app.open_run(request, settings) as run:
        assert run.count is not None and run.count() == 1
        assert run.go().tagged == 1
    assert {"cirno", "hatsune_miku"} <= set((fanart / "a.png.txt").read_text("utf-8").strip().split(", "))


def test_the_example_runs(
    fanart: Path, tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("booru_tagger.models.store.local.SHIPPED", tiny_bundle)
    monkeypatch.setattr("booru_tagger.app.recording.default_path", lambda: fanart.parent / "journal.sqlite3")
    monkeypatch.setattr(sys, "argv", [str(EXAMPLE), str(fanart)])
    runpy.run_path(str(EXAMPLE), run_name="__main__")
    assert capsys.readouterr().out.splitlines()[-1].startswith("1 tagged, 0 unchanged, 1 failed")
    assert (fanart / "a.xmp").exists() or (fanart / "a.png.xmp").exists()


def test_a_source_that_breaks_off_ends_the_run_with_what_was_done(fanart: Path, settings: Settings) -> None:
    def items() -> Iterator[Path]:
        yield fanart / "a.png"
        raise RemoteError("the line is dead")

    with app.open_run(app.TagRequest((str(fanart),), batch=True), settings) as run:
        report = replace(run, items=items).go()
    assert report.tagged == 1 and str(report.stopped) == "the line is dead"


def test_what_needs_the_journal_says_so(settings: Settings) -> None:
    with (
        pytest.raises(ConfigError, match="only the journal knows"),
        need_journal(settings.recording._replace(journal=False)),
    ):
        pass


def test_neither_click_nor_the_command_line_is_needed() -> None:
    code = (
        "import sys, booru_tagger.app; "
        "sys.exit(','.join({'click', 'booru_tagger.cli'} & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
