"""How long until something happens."""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks import command, pictures
from benchmarks.report import FigureTable, Workload

TRIES = 15


def fastest(*arguments: str | Path) -> float:
    """Milliseconds of the fastest of some runs: the others were disturbed."""
    return 1000 * min(command.run(*arguments).wall for _ in range(TRIES))


def measure(sizes: Workload, model: str, folder: Path, report: FigureTable) -> None:
    del sizes
    picture = pictures.large(folder / "large-jpg", "jpg", 1)[0]
    report.add("python -c pass", fastest(sys.executable, "-c", "pass"), "ms")
    report.add("python -c 'import click'", fastest(sys.executable, "-c", "import click"), "ms")
    script = Path(sys.executable).with_name("booru-tagger")
    if script.exists():
        report.add("booru-tagger --help", fastest(script, "--help"), "ms", wanted="<= 100")
    one = ("tag", picture, "--dry-run", "--format", "none", "--model", model)
    wall = min(command.booru_tagger(*one).wall for _ in range(TRIES // 2))
    report.add("one picture, end to end", 1000 * wall, "ms")
