"""Without a home, a run goes on and says what it cannot keep."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import platformdirs
import pytest

from booru_tagger.config import load, user_file
from booru_tagger.errors import ConfigError, ModelError
from booru_tagger.files.user_folders import user_folder
from booru_tagger.journal import Journal, default_path
from booru_tagger.models.gallery import default_path as gallery_path
from booru_tagger.models.store.local import locate
from booru_tagger.models.store.model_folders import pulled_folder


@pytest.fixture(params=["refused", "relative"])
def homeless(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """As under an id that no passwd knows: some versions of platformdirs refuse, others leave the ``~``."""

    def refuse(*_: object, **__: object) -> Path:
        raise RuntimeError("Could not determine home directory.")

    def unexpanded(*_: object, **__: object) -> Path:
        return Path("~/.local/booru-tagger")

    find_folder: Any = refuse if request.param == "refused" else unexpanded
    for kind in ("cache", "config", "data", "state"):
        monkeypatch.setattr(platformdirs, f"user_{kind}_path", find_folder)
    monkeypatch.setattr(Path, "expanduser", refuse)


def test_nothing_is_there_and_nothing_can_be_made(homeless: None) -> None:
    for path in (user_file(), default_path(), gallery_path(), pulled_folder()):
        assert path.is_absolute() and not path.exists() and not path.is_file()
    with pytest.raises(OSError, match="HOME is not set"):
        user_folder("state").mkdir(parents=True)


def test_the_journal_is_kept_in_memory_and_that_is_said(homeless: None) -> None:
    with Journal.open(default_path()) as journal:
        (warning,) = journal.warnings
        assert "HOME is not set" in warning and "this run will not be remembered" in warning


def test_settings_need_no_home_unless_they_name_it(homeless: None) -> None:
    assert load(environ={}).files == ()
    with pytest.raises(ConfigError, match="the home folder is not known here"):
        load(environ={"BOORU_TAGGER_OUTPUT": "~/tags"})
    with pytest.raises(ModelError, match="the home folder is not known here"):
        locate("~/model")
