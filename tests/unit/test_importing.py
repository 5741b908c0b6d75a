"""Importing a large part of the program at once."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from pathlib import Path

import pytest

from booru_tagger.importing import import_part
from booru_tagger.parallel import available_cores

PART = "import gc\nCOLLECTING = gc.isenabled()\n"


@pytest.fixture
def part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "a_large_part", raising=False)
    return tmp_path / "a_large_part.py"


def test_nothing_is_searched_for_meanwhile_and_all_is_as_before_afterwards(part: Path) -> None:
    part.write_text(PART)
    assert import_part("a_large_part").COLLECTING is False
    assert gc.isenabled()


def test_also_after_a_part_that_does_not_import(part: Path) -> None:
    part.write_text("1 / 0")
    with pytest.raises(ZeroDivisionError):
        import_part("a_large_part")
    assert gc.isenabled()


def test_who_does_without_collection_keeps_doing_so(part: Path) -> None:
    part.write_text(PART)
    gc.disable()
    try:
        import_part("a_large_part")
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_what_is_there_counts_as_old_afterwards(part: Path) -> None:
    part.write_text("PARTS = [[] for _ in range(1000)]")
    parts = import_part("a_large_part").PARTS
    assert not any(item is parts[0] for item in gc.get_objects(generation=0))
    assert gc.is_tracked(parts[0]) and gc.get_freeze_count() == 0


def test_objects_that_somebody_froze_stay_frozen(part: Path) -> None:
    part.write_text("")
    gc.freeze()
    try:
        frozen = gc.get_freeze_count()
        import_part("a_large_part")
        assert gc.get_freeze_count() >= frozen - 100  # some of them are gone by now
    finally:
        gc.unfreeze()


COUNT = """
import os, pathlib, sys
from booru_tagger.importing import import_small_numpy
import_small_numpy()
assert "numpy" in sys.modules
print(len(list(pathlib.Path("/proc/self/task").iterdir())), os.environ.get("OPENBLAS_NUM_THREADS"))
"""


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="only Linux lists a program's threads there")
@pytest.mark.skipif(available_cores() == 1, reason="there are never more threads than cores")
@pytest.mark.parametrize(
    ("given", "printed"),
    [({}, "1 None"), ({"OPENBLAS_NUM_THREADS": "2"}, "2 2"), ({"OMP_NUM_THREADS": "2"}, "2 None")],
)
def test_numpy_has_no_threads_unless_the_user_wants_them(given: dict[str, str], printed: str) -> None:
    environ = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    counted = subprocess.run(
        [sys.executable, "-c", COUNT], env={**environ, **given}, capture_output=True, text=True, check=False
    )
    assert counted.stdout.strip() == printed, counted.stderr
