"""`booru-tagger journal`, the real command: what several machines found becomes one journal."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path

import pytest

from tests.support.bundles import Painted, paint
from tests.support.command import Home, make_home

needs_parquet = pytest.mark.skipif(
    importlib.util.find_spec("pyarrow") is None, reason="pyarrow is not installed: it is in [cluster]"
)


@pytest.fixture
def home(tmp_path: Path, tiny_bundle: Path) -> Home:
    home = make_home(tmp_path, BOORU_TAGGER_MODEL=str(tiny_bundle), BOORU_TAGGER_JOBS="1")
    for name in ("a", "b"):
        (home.work / name).mkdir()
        paint([Painted(20, 20, 80)]).save(home.work / name / f"{name}.png")
    return home


def test_journals_of_shards_are_merged_and_nothing_is_done_again(home: Home) -> None:
    for name in ("a", "b"):
        assert home.run("tag", "--batch", name, "--journal", f"{name}.db").code == 0
    ended = home.run("journal", "merge", "a.db", "b.db")
    assert ended.code == 0, ended.err
    assert "b.db: 1 picture added" in ended.err
    again = home.run("tag", "--batch", ".")
    assert "2 unchanged" in again.err
    assert home.run("untag", "--batch", "a").code == 0
    assert not (home.work / "a" / "a.png.txt").exists()


def test_the_folder_of_another_machine_is_mapped(home: Home) -> None:
    assert home.run("tag", "--batch", "a", "--journal", "a.db").code == 0
    shutil.move(home.work / "a", home.work / "nas")
    assert home.run("journal", "merge", "a.db", "--map", f"{home.work / 'a'}={home.work / 'nas'}").code == 0
    assert "1 unchanged" in home.run("tag", "--batch", "nas").err
    assert home.run("journal", "merge", "a.db", "--map", "a=nas").code == 5
    assert home.run("journal", "merge", "a.db", "--map", "a").code == 2
    assert home.run("journal", "merge", "missing.db").code == 5


@pytest.mark.parametrize("name", ["tags.jsonl", pytest.param("tags.parquet", marks=needs_parquet)])
def test_a_data_set_is_read_back_and_its_pictures_are_known(home: Home, name: str) -> None:
    assert home.run("tag", "--batch", "a", "--records", name).code == 0
    assert not (home.work / "a" / "a.png.txt").exists()
    ended = home.run("journal", "read", name)
    assert ended.code == 0, ended.err
    assert "1 picture added" in ended.err
    assert "hatsune_miku" in home.run("show", "a/a.png", "--format", "json").out
    ended = home.run("tag", "--batch", "a")
    assert ended.code == 0, ended.err
    assert (home.work / "a" / "a.png.txt").exists()
    assert "0 pictures added, 1 known already" in home.run("journal", "read", name).err
