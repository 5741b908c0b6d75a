"""Runs of the real command, each in a process of its own, with what it cost."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

CHILD = Path(__file__).with_name("child.py")
FORGOTTEN = (".txt", ".json")


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds by the clock and of all cores together; megabytes of memory at its fullest, 0 if not asked."""

    wall: float
    cpu: float
    megabytes: float = 0.0


def run(*arguments: str | Path, environ: Mapping[str, str] | None = None) -> Cost:
    """Run a program to its end. Raises RuntimeError where it fails."""
    begun = time.perf_counter()
    process = subprocess.Popen(
        [str(item) for item in arguments], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environ
    )
    assert process.stderr is not None
    with process.stderr:
        message = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - begun
    if process.returncode != 0:
        raise RuntimeError(f"{arguments}: ended with {process.returncode}: {message.decode()[-2000:]}")
    return Cost(wall, usage.ru_utime + usage.ru_stime)


def booru_tagger(*arguments: str | Path) -> Cost:
    """Run the command; its memory is known afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        memory = Path(folder) / "megabytes"
        cost = run(sys.executable, CHILD, memory, *arguments)
        return replace(cost, megabytes=float(memory.read_text("ascii")))


def tag(folder: Path, model: str, journal: Path, jobs: int | None = None) -> Cost:
    """``booru-tagger tag --batch`` over a folder, with the default writers."""
    return booru_tagger(
        *("tag", "--batch", folder, "--model", model, "--journal", journal),
        *("--jobs", str(jobs or "auto"), "--format", "none", "--no-gallery"),
    )


def forget(folder: Path, journal: Path) -> None:
    """Take away what runs left: sidecars and journal."""
    for path in folder.iterdir():
        if path.suffix in FORGOTTEN:
            path.unlink()
    for path in journal.parent.glob(f"{journal.name}*"):
        path.unlink()
