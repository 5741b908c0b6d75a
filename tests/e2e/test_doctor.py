"""`booru-tagger doctor`: what is well, what is not, and nothing that is nobody's business."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from booru_tagger.app import doctor, self_test
from booru_tagger.config import Settings
from booru_tagger.errors import EXIT_SOME_FAILED
from tests.support.command import Home, make_home

EXPECTED = {"booru-tagger", "python", "packages", "providers", "extra web", "settings", "model", "gallery"}
EXPECTED |= {f"extra {name}" for name in ("hub", "video", "cluster", "export")}
EXPECTED |= {"journal", "folders", "watching", "self-test"}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return make_home(tmp_path)


def test_all_is_well_with_what_ships(home: Home) -> None:
    ended = home.run("doctor", "--json")
    found = json.loads(ended.out)
    checks = {check["name"]: check for check in found["checks"]}
    assert (ended.code, found["problems"]) == (0, 0), found
    assert set(checks) >= EXPECTED
    assert "green_hair, red_eyes" in checks["self-test"]["said"]
    assert str(home.folder) not in ended.out, "the user's own folder is written ~"
    assert not list(home.folder.rglob("journal*")) and not list(home.work.iterdir())


def test_what_is_wrong_is_marked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(self_test, "SECONDS", 0.0)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("BOORU_TAGGER_MODEL", str(tmp_path / "nowhere"))
    (tmp_path / "gallery.json").write_text("{}")
    monkeypatch.setenv("BOORU_TAGGER_GALLERY", str(tmp_path / "gallery.json"))
    wrong = {check.name for check in doctor.examine() if check.state == doctor.PROBLEM}
    assert wrong == {"model", "gallery", "self-test"}


def test_it_goes_on_where_the_settings_are_wrong(home: Home) -> None:
    broken = Home(home.folder, {"BOORU_TAGGER_JOBS": "many", "BOORU_TAGGER_HYDRUS_KEY": "secret0123"})
    ended = broken.run("doctor")
    assert ended.code == EXIT_SOME_FAILED
    assert "!!    settings" in ended.out and "ok    self-test" in ended.out
    assert "1 problem" in ended.err and "secret0123" not in ended.out


def test_few_watches_are_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, number in (("max_user_watches", 8192), ("max_user_instances", 128)):
        (tmp_path / name).write_text(f"{number}\n")
    monkeypatch.setattr(doctor, "_INOTIFY", tmp_path)
    check = doctor._watching(Settings())
    assert check.state == doctor.NOTE and "sysctl" in check.said
