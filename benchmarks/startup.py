"""What starting costs: seconds of a processor core, and how many times those of what cannot be done without.

Ratios of processor time mostly hold on a machine that has other work to do, too; seconds by the clock do not.
That to the imports needs a quiet machine: numpy's threads, which the imports count and the program does
without, turn in a loop while they wait, and for a shorter time where others compute.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from benchmarks import command, pictures
from benchmarks.report import FigureTable, Workload

TRIES = 9
BARE = """
import click

@click.command()
@click.option("--count", default=1, help="Number of greetings.")
@click.argument("name")
def hello(count, name):
    "Greet."

hello()
"""
"""The smallest program with help of its own."""
HEAVY = "import onnxruntime, numpy, PIL.Image"
MAIN = "from booru_tagger.cli import program; program()"


def cheapest(*arguments: str | Path) -> float:
    """Milliseconds of processor time of the cheapest of some runs: the others were disturbed.

    Modules are compiled in the first one, as those of an installed program were, whatever this process does.
    """
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return 1000 * min(command.run(sys.executable, *arguments, environ=environ).cpu for _ in range(TRIES))


def measure(sizes: Workload, model: str, folder: Path, report: FigureTable) -> None:
    del sizes
    picture = pictures.large(folder / "large-jpg", "jpg", 1)[0]
    journal = folder / "startup.sqlite3"
    tagging = ("--model", model, "--format", "none", "--journal", journal)
    bare, heavy = cheapest("-c", BARE, "--help"), cheapest("-c", HEAVY)
    # The first run also makes the journal that is searched afterwards.
    one = cheapest("-c", MAIN, "tag", "--force", picture, *tagging)
    report.add("python -c pass", cheapest("-c", "pass"), "ms of a core")
    report.add("a bare click program's --help", bare, "ms of a core")
    report.add("booru-tagger --help, times that", cheapest("-c", MAIN, "--help") / bare, "x", wanted="<= 1.5")
    report.add("importing onnxruntime, numpy and Pillow", heavy, "ms of a core")
    report.add("one picture from cold to sidecar, times that", one / heavy, "x", wanted="<= 1.5")
    found = cheapest("-c", MAIN, "find", "--heads", "0-", "--journal", journal)
    report.add("booru-tagger find, times that", found / heavy, "x")
