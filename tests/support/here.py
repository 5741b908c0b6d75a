"""Running commands in this process, which is much faster than starting one for each."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from booru_tagger.cli import main
from tests.support.command import Ended


class Here:
    """The folder ``work``, a model and a journal beside the folder; all other settings are the defaults."""

    def __init__(
        self, work: Path, model: Path, monkeypatch: pytest.MonkeyPatch, capture: pytest.CaptureFixture[str]
    ) -> None:
        self.work = work
        self.journal = work.parent / "state" / "journal.sqlite3"
        self._capture = capture
        monkeypatch.chdir(work)
        monkeypatch.setenv("XDG_CONFIG_HOME", str(work.parent / "config"))
        monkeypatch.setenv("BOORU_TAGGER_MODEL", str(model))
        monkeypatch.setenv("BOORU_TAGGER_JOURNAL", str(self.journal))

    def run(self, *args: str | Path) -> Ended:
        code = main(list(map(str, args)))
        return Ended(code, *self._capture.readouterr())


def tagged_home(draw: Callable[[Path], None]) -> Any:
    """A fixture: :class:`Here`, with the pictures that ``draw`` puts into the work folder,
    tagged."""

    @pytest.fixture
    def home(
        tmp_path: Path, tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> Here:
        work = tmp_path / "work"
        work.mkdir()
        draw(work)
        here = Here(work, tiny_bundle, monkeypatch, capsys)
        assert here.run("tag", "--batch", "--format", "none").code == 0
        return here

    return home
