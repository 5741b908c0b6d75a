"""What ever more small pictures cost: time for each, memory, and passing over what was done before."""

from __future__ import annotations

import shutil
from pathlib import Path

from benchmarks import command, pictures
from benchmarks.report import FigureTable, Workload

SKIPPED = 100_000
WITHIN_MB = 50
WITHIN_SECONDS = "<= 4"
RUNS = 3


def measure(sizes: Workload, model: str, folder: Path, report: FigureTable) -> None:
    place, journal = folder / "small", folder / "small.sqlite3"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    costs, rates = {}, {}
    pictures.small(place, 0, 1)
    start = command.tag(place, model, journal)  # what comes before and after the work
    for count in sizes.counts:
        command.forget(place, journal)
        there = sum(1 for _ in place.iterdir())
        pictures.small(place, there, count)
        costs[count] = command.tag(place, model, journal)
        rates[count] = count / (costs[count].wall - start.wall)
        report.add(f"{count:,} small pictures", rates[count], "pictures/s")
        report.add(f"memory at {count:,}", costs[count].megabytes, "MB")
    most, reference = sizes.counts[-1], sizes.counts[1]
    more = costs[most].megabytes - costs[reference].megabytes
    report.add(f"memory at {most:,} over {reference:,}", more, "MB", wanted=f"<= {WITHIN_MB}")
    ratio = rates[most] / rates[reference]
    report.add(f"throughput at {most:,} over {reference:,}", ratio, "times", wanted=">= 0.95")
    again = min((command.tag(place, model, journal) for _ in range(RUNS)), key=lambda cost: cost.wall)
    idle = min(command.tag(place / f"{0:06d}.jpg", model, journal).wall for _ in range(RUNS))
    goal = WITHIN_SECONDS if most == SKIPPED else ""
    note = f"{again.cpu:.1f} s of a core, {again.megabytes:.0f} MB"
    report.add(f"passing over {most:,} done before", again.wall, "s", wanted=goal, note=note)
    if most != SKIPPED:
        reckoned = idle + max(0.0, again.wall - idle) / most * SKIPPED
        report.add(f"the same for {SKIPPED:,}, reckoned", reckoned, "s", wanted=WITHIN_SECONDS)
    shutil.rmtree(place, ignore_errors=True)
