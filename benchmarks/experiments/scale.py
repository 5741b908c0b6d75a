"""Reckons what 10^6 to 10^8 pictures take from a file of figures, for the table of docs/scale.md.

Machines are simulated at work: pictures drawn from those that were measured (with `--library`; else large
drawn ones of one format, all alike) come one after the other through the link that all machines share, take a
core as long as was measured, and wait for the command that writes, of which each machine has one. Further
cores are taken to do as well as those that were measured.
"""

from __future__ import annotations

import argparse
import heapq
import json
import math
import random
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.report import figure

COUNTS = (10**6, 10**7, 10**8)
DRAWN = {"jpg": "JPEG", "webp": "WebP", "png": "PNG", "avif": "AVIF"}
LIBRARY = "library"
SIMULATED = 5_000
"""Pictures a machine, of which the rate is taken."""
AHEAD = 2
"""Pictures for each core that may be on their way or wait to be written, as in the program."""
BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"


@dataclass(frozen=True, slots=True)
class Cluster:
    """Machines of so many cores each behind one link, and what an hour of a core costs.

    A disk holds so many terabytes and is read at so many gigabytes a second.
    """

    cores: int
    cores_each: int
    gigabytes_per_second: float
    price: float
    disk_terabytes: float
    disk_gigabytes_per_second: float

    @property
    def machines(self) -> int:
        return math.ceil(self.cores / self.cores_each)


@dataclass(frozen=True, slots=True)
class Costs:
    """Pictures as ``(megabytes, seconds of a core)``, and seconds that writing takes for each."""

    pictures: Sequence[tuple[float, float]]
    writing: float

    @property
    def megabytes(self) -> float:
        return sum(size for size, _ in self.pictures) / len(self.pictures)

    @property
    def per_core(self) -> float:
        """Pictures a second of one core."""
        return len(self.pictures) / sum(seconds for _, seconds in self.pictures)


@dataclass(frozen=True, slots=True)
class Run:
    """Pictures a second of all machines, and the share of the time in which each part was at work."""

    rate: float
    busy: Mapping[str, float]

    @property
    def first_limit(self) -> str:
        return max(self.busy, key=lambda part: self.busy[part])


def measured(content: Mapping[str, object], figures: Mapping[str, float], cores: int) -> dict[str, Costs]:
    """By name, from the figures of ``--only pipeline``. Raises KeyError with what is missing."""
    core, beyond = figures["jpg: core time of the whole"], 1 - figures["jpg: share of it in the stages"]
    writing = max(core * beyond, 0.0) / 1000  # files and journal, whatever the format
    found = {}
    for suffix, name in DRAWN.items():
        if suffix == "avif" and f"{suffix}: a file" not in figures:
            continue
        seconds = cores / figures[f"whole command, {suffix}, {cores} workers"]
        found[name] = Costs([(figures[f"{suffix}: a file"], seconds)], writing)
    rows = content.get("pictures")
    if isinstance(rows, list) and rows:
        # Cores that all work are slower than one alone, as which the library was measured.
        slower = 1000 * found["JPEG"].pictures[0][1] / core
        work = [(size, slower * ((decode + rest) / 1000 + writing)) for size, decode, rest, _ in rows]
        found[LIBRARY] = Costs(work, writing)
    return found


def simulate(costs: Costs, cluster: Cluster) -> Run:
    """Every machine at its work, until all pictures are written: in the order in which they were begun."""
    chance, count = random.Random(0), SIMULATED * cluster.machines
    free = [(0.0, core % cluster.machines) for core in range(cluster.cores)]
    written = [deque([0.0], maxlen=AHEAD * cluster.cores_each) for _ in range(cluster.machines)]
    link = worked = read = 0.0
    for size, seconds in chance.choices(costs.pictures, k=count):
        now, machine = heapq.heappop(free)
        ended = written[machine]
        while len(ended) == ended.maxlen and ended[0] > now:  # too many are on their way: this core waits
            now, machine = heapq.heappushpop(free, (ended[0], machine))
            ended = written[machine]
        took = size / 1000 / cluster.gigabytes_per_second
        link = max(now, link) + took
        heapq.heappush(free, (link + seconds, machine))
        ended.append(max(ended[-1], link + seconds) + costs.writing)
        worked, read = worked + seconds, read + took
    whole = max(ended[-1] for ended in written)
    writers = count * costs.writing / cluster.machines
    busy = {"cores": worked / cluster.cores / whole, "link": read / whole, "writing": writers / whole}
    return Run(count / whole, busy)


def table(found: Mapping[str, Costs], cluster: Cluster) -> str:
    """Markdown, a row for each kind of pictures."""
    hours = " | ".join(f"hours for 10^{round(math.log10(count))}" for count in COUNTS)
    most = round(math.log10(COUNTS[-1]))
    lines = [
        f"| pictures | a file | one core | core-hours for 10^{most} | {hours} | cost for 10^{most} "
        f"| store, disks for 10^{most} | read | first limit |",
        "| --- " * (8 + len(COUNTS)) + "|",
    ]
    for name, costs in found.items():
        run = simulate(costs, cluster)
        hours_of = [count / run.rate / 3600 for count in COUNTS]
        terabytes, reading = COUNTS[-1] * costs.megabytes / 1e6, run.rate * costs.megabytes / 1000
        disks = max(terabytes / cluster.disk_terabytes, reading / cluster.disk_gigabytes_per_second)
        cells = [
            name,
            f"{figure(costs.megabytes)} MB",
            f"{figure(costs.per_core)}/s",
            figure(COUNTS[-1] / costs.per_core / 3600),
            *(figure(value) for value in hours_of),
            figure(hours_of[-1] * cluster.cores * cluster.price),
            f"{figure(terabytes)} TB, {math.ceil(disks)}",
            f"{figure(reading)} GB/s",
            f"{run.first_limit}, {figure(run.rate)}/s",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def renewed(page: str, lines: str) -> str:
    """The page with these lines between its marks. Raises ValueError where it has none."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"no {BEGIN} and {END} in it")
    return f"{before}{BEGIN}\n{lines}\n{END}{after}"


def described(machine: Mapping[str, object], figures: Mapping[str, float], cluster: Cluster) -> str:
    """What the table takes for granted, and where the time of a picture goes."""
    parts = []
    for suffix in ("jpg", "png"):
        core, share = (
            figures[f"{suffix}: {name}"] for name in ("core time of the whole", "share of it in the stages")
        )
        decoding, networks = (figures[f"{suffix}: {name}, of that"] for name in ("decoding", "networks"))
        parts.append(
            f"{figure(core)} ms of a core for a {DRAWN[suffix]}, decoding takes {figure(decoding)}, "
            f"the networks {figure(networks)}, files and journal {figure(max(0.0, core * (1 - share)))}"
        )
    return (
        f"Measured {machine['date']} on {machine['cores']} cores ({machine['processor']}) with model "
        f"{str(machine['model']).partition(' (')[0]}:\n"
        f"of {parts[0]};\nof {parts[1]}.\n"
        f"Simulated: {cluster.cores} cores in {cluster.machines} machines, a link of "
        f"{cluster.gigabytes_per_second:g} GB/s, {cluster.price:g} for an hour of a core,\n"
        f"disks of {cluster.disk_terabytes:g} TB read at {cluster.disk_gigabytes_per_second:g} GB/s.\n"
    )


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser("python -m benchmarks experiment scale", description=__doc__)
    parser.add_argument("figures", type=Path, help="what `python -m benchmarks` wrote")
    parser.add_argument("--cores", type=int, default=100)
    parser.add_argument("--cores-each", type=int, default=16, help="of a machine")
    parser.add_argument("--link", type=float, default=3.0, help="gigabytes a second that all machines share")
    parser.add_argument("--price", type=float, default=0.04, help="of an hour of a core, in your currency")
    parser.add_argument("--disk", type=float, default=20.0, help="terabytes of a disk")
    parser.add_argument("--disk-rate", type=float, default=0.2, help="gigabytes a second of a disk")
    parser.add_argument("--write", type=Path, help="a page whose table is renewed, instead of printing it")
    asked = parser.parse_args(arguments)
    cluster = Cluster(asked.cores, asked.cores_each, asked.link, asked.price, asked.disk, asked.disk_rate)
    content = json.loads(asked.figures.read_text("utf-8"))
    figures = {row["name"]: float(row["value"]) for row in content["figures"]}
    machine = content["machine"]
    try:
        found = measured(content, figures, machine["cores"])
        lines = f"{described(machine, figures, cluster)}\n{table(found, cluster)}"
    except KeyError as missing:
        raise SystemExit(f"{asked.figures}: {missing} is not in it; run the pipeline's") from missing
    if asked.write is None:
        print(lines)
    else:
        asked.write.write_text(renewed(asked.write.read_text("utf-8"), lines), "utf-8")
