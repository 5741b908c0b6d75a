"""Fixtures that several modules here share: a journal with a picture, and a folder that is watched."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from booru_tagger.journal import Journal
from tests.support.watching import FakeObserver


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "state" / "journal.sqlite3"


@pytest.fixture
def journal(place: Path) -> Iterator[Journal]:
    with Journal.open(place) as opened:
        yield opened


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "art" / "a.png"
    path.parent.mkdir()
    path.write_bytes(b"picture")
    return path


@pytest.fixture
def fake_observers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Watching asks no system: tests tell what happens."""
    FakeObserver.at, FakeObserver.limited = {}, False
    monkeypatch.setattr("booru_tagger.watch.root.Observer", FakeObserver)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path.resolve() / "fanart"
    folder.mkdir()
    return folder
