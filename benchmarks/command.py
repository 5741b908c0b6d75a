"""Runs of the real command, each in a process of its own, with what it cost."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

MAIN = "import sys; from booru_tagger.cli import main; sys.exit(main())"


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds by the clock and of all cores together, and megabytes of memory at its fullest."""

    wall: float
    cpu: float
    megabytes: float


def run(*arguments: str | Path) -> Cost:
    """Run a program to its end. Raises RuntimeError where it fails."""
    begun = time.perf_counter()
    process = subprocess.Popen(
        [str(item) for item in arguments], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    assert process.stderr is not None
    message = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - begun
    if process.returncode != 0:
        raise RuntimeError(f"{arguments}: ended with {process.returncode}: {message.decode()[-2000:]}")
    unit = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss
    return Cost(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * unit / 1e6)


def tag(folder: Path, model: str, journal: Path, jobs: int | None = None, *more: str) -> Cost:
    """``booru-tagger tag --batch`` over a folder, with the default writers."""
    return run(
        *(sys.executable, "-c", MAIN, "tag", "--batch", folder, "--model", model, "--journal", journal),
        *("--jobs", str(jobs or "auto"), "--format", "none", "--no-gallery", *more),
    )


def forget(folder: Path, journal: Path) -> None:
    """Take away what runs left: sidecars and journal."""
    for path in folder.iterdir():
        if path.suffix in (".txt", ".json"):
            path.unlink()
    for path in journal.parent.glob(f"{journal.name}*"):
        path.unlink()
