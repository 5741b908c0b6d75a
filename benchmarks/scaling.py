"""What ever more small pictures cost: time for each, memory, and passing over what was done before."""

from __future__ import annotations

import shutil
from pathlib import Path

from benchmarks import command, pictures
from benchmarks.report import FigureTable, Workload

SKIPPED = 100_000
WITHIN_MB = 50


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
    again = command.tag(place, model, journal)
    idle = min(command.tag(place / name, model, journal).wall for name in (f"{0:06d}.jpg",) * 3)
    each = max(0.0, again.wall - idle) / most
    report.add(f"passing over {most:,} done before", again.wall, "s", note=f"{again.megabytes:.0f} MB")
    if most != SKIPPED:
        report.add(f"the same for {SKIPPED:,}, reckoned", idle + each * SKIPPED, "s", wanted="< 5")
    shutil.rmtree(place, ignore_errors=True)
