"""Reckons what 10^6 to 10^8 pictures take from a file of figures, for the table of docs/scale.md.

Rates are those of the whole command, per core of the machine that was measured; further cores are taken to
do as well. The lowest of three limits comes first: the cores, the link that feeds them, and the commands that
write, of which each machine has one.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

COUNTS = (10**6, 10**7, 10**8)
FORMATS = {"jpg": "JPEG", "webp": "WebP", "png": "PNG"}
BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"


@dataclass(frozen=True, slots=True)
class Cluster:
    """Machines of so many cores each behind one link, and pictures of so many megabytes."""

    cores: int
    cores_each: int
    gigabytes_per_second: float
    megabytes: float

    @property
    def machines(self) -> int:
        return math.ceil(self.cores / self.cores_each)


@dataclass(frozen=True, slots=True)
class Costs:
    """Pictures a second of one core, and milliseconds that the command which writes has for each picture."""

    per_core: float
    writing: float

    @classmethod
    def measured(cls, figures: Mapping[str, float], cores: int, suffix: str) -> Costs:
        """From the figures of ``--only stages --only pipeline``. Raises KeyError with what is missing."""
        beyond = 1 - figures["jpg: share of it in the stages"]  # files and journal, whatever the format
        writing = figures["jpg: core time of the whole"] * beyond
        return cls(figures[f"whole command, {suffix}, {cores} workers"] / cores, max(writing, 0.0))

    def limits(self, cluster: Cluster) -> dict[str, float]:
        """Pictures a second that each part allows."""
        return {
            "cores": self.per_core * cluster.cores,
            "link": 1000 * cluster.gigabytes_per_second / cluster.megabytes,
            "writing": 1000 * cluster.machines / self.writing if self.writing else math.inf,
        }


def table(found: Mapping[str, Costs], cluster: Cluster) -> str:
    """Markdown, a row a format."""
    hours = " | ".join(f"hours for 10^{round(math.log10(count))}" for count in COUNTS)
    lines = [
        f"| pictures | one core | core-hours for 10^8 | {hours} | read | first limit |",
        "| --- " * (5 + len(COUNTS)) + "|",
    ]
    for suffix, costs in found.items():
        limits = costs.limits(cluster)
        first = min(limits, key=lambda name: limits[name])
        rate = limits[first]
        spent = " | ".join(_figure(count / rate / 3600) for count in COUNTS)
        core_hours = _figure(COUNTS[-1] / costs.per_core / 3600)
        lines.append(
            f"| {FORMATS[suffix]} | {_figure(costs.per_core)}/s | {core_hours} "
            f"| {spent} | {_figure(rate * cluster.megabytes / 1000)} GB/s | {first}, {_figure(rate)}/s |"
        )
    return "\n".join(lines)


def _figure(value: float) -> str:
    """Two or three digits: more were never measured."""
    if value >= 100:
        return f"{float(f'{value:.3g}'):,.0f}"
    return f"{value:.2g}" if value < 10 else f"{value:.0f}"


def renewed(page: str, lines: str) -> str:
    """The page with these lines between its marks. Raises ValueError where it has none."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"no {BEGIN} and {END} in it")
    return f"{before}{BEGIN}\n{lines}\n{END}{after}"


def described(machine: Mapping[str, object], cluster: Cluster) -> str:
    """What the table takes for granted."""
    terabytes = COUNTS[-1] * cluster.megabytes / 1e6
    return (
        f"Measured {machine['date']} on {machine['cores']} cores ({machine['processor']}) with model "
        f"{str(machine['model']).partition(' (')[0]}.\n"
        f"Reckoned for {cluster.cores} cores in {cluster.machines} machines, a link of "
        f"{cluster.gigabytes_per_second:g} GB/s, {cluster.megabytes:g} MB a picture\n"
        f"({terabytes:,.0f} TB for 10^8, their records {COUNTS[-1] * 1e3 / 1e12:g} TB more):\n"
    )


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser("python -m benchmarks experiment scale", description=__doc__)
    parser.add_argument("figures", type=Path, help="what `python -m benchmarks` wrote")
    parser.add_argument("--cores", type=int, default=100)
    parser.add_argument("--cores-each", type=int, default=16, help="of a machine")
    parser.add_argument("--link", type=float, default=3.0, help="gigabytes a second that all machines share")
    parser.add_argument("--megabytes", type=float, default=1.5, help="of a picture")
    parser.add_argument("--write", type=Path, help="a page whose table is renewed, instead of printing it")
    asked = parser.parse_args(arguments)
    cluster = Cluster(asked.cores, asked.cores_each, asked.link, asked.megabytes)
    content = json.loads(asked.figures.read_text("utf-8"))
    figures = {row["name"]: float(row["value"]) for row in content["figures"]}
    machine = content["machine"]
    try:
        found = {suffix: Costs.measured(figures, machine["cores"], suffix) for suffix in FORMATS}
    except KeyError as missing:
        raise SystemExit(f"{asked.figures}: {missing} is not in it; run stages and pipeline") from missing
    lines = f"{described(machine, cluster)}\n{table(found, cluster)}"
    if asked.write is None:
        print(lines)
    else:
        asked.write.write_text(renewed(asked.write.read_text("utf-8"), lines), "utf-8")
