"""Choosing an executor."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

import booru_tagger
from booru_tagger.parallel import SerialExecutor, ThreadExecutor, available_cores, make_executor


def test_one_job_needs_no_thread() -> None:
    assert isinstance(make_executor(1), SerialExecutor)


def test_several_jobs() -> None:
    executor = make_executor(3)
    assert isinstance(executor, ThreadExecutor)
    assert (executor.jobs, executor.in_flight) == (3, 6)


@pytest.mark.parametrize(("cores", "kind"), [(1, SerialExecutor), (5, ThreadExecutor)])
def test_auto_takes_the_cores_there_are(monkeypatch: pytest.MonkeyPatch, cores: int, kind: type) -> None:
    monkeypatch.setattr("booru_tagger.parallel.available_cores", lambda: cores)
    executor = make_executor(None)
    assert isinstance(executor, kind)
    assert not isinstance(executor, ThreadExecutor) or executor.jobs == cores


def test_cores_that_may_not_be_used_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 3}, raising=False)
    assert available_cores() == 2
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert available_cores() == 1


def test_no_jobs_is_no_number_of_jobs() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        ThreadExecutor(0)


@pytest.mark.parametrize(
    ("quota", "cores"),
    [("max 100000", 8), ("200000 100000", 2), ("150000 100000", 2), ("1000 100000", 1), ("nonsense", 8)],
)
def test_a_container_has_its_share_of_the_cores(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, quota: str, cores: int
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)), raising=False)
    monkeypatch.setattr("booru_tagger.parallel._QUOTA", tmp_path / "cpu.max")
    assert available_cores() == 8
    (tmp_path / "cpu.max").write_text(quota)
    assert available_cores() == cores


FAULTS = """
import resource
from booru_tagger.parallel import make_executor

def pages() -> int:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    copies = [b"." * (n << 20) for n in (12, 12, 12, 12)]
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

make_executor(2)
print([pages() for _ in range(4)][-1])
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="of other C libraries nothing is asked")
def test_memory_of_one_picture_serves_the_next() -> None:
    """Else the system clears some 12,000 pages anew."""
    root = Path(booru_tagger.__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", FAULTS], cwd=root, capture_output=True, text=True, check=True, timeout=60
    )
    assert int(done.stdout) < 1000
