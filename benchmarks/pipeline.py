"""The whole command on folders of large pictures, against the bound of its stages, and with more workers.

Start-up is left out by measuring two folders of different length: what the longer one takes more is the work.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from benchmarks import command, pictures, stages
from benchmarks.report import FigureTable, Workload
from booru_tagger.parallel import available_cores

SHORT = 8
WANTED_JPEGS = ">= 85"
WANTED_SHARES = {
    "bound": {"jpg": ">= 0.85", "png": ">= 0.9", "webp": ">= 0.9"},
    "bound of decoding": {"png": ">= 0.8", "webp": ">= 0.8"},
}


@dataclass(frozen=True, slots=True)
class Rate:
    """Pictures a second once it runs, and with the start; milliseconds of core time for each; memory."""

    steady: float
    whole: float
    core: float
    megabytes: float


def rate(suffix: str, model: str, folder: Path, jobs: int, sizes: Workload) -> Rate:
    """The real command on a folder: the best of some runs."""
    count = _count(suffix, sizes)
    places = {number: folder / f"whole-{suffix}-{number}" for number in (SHORT, count)}
    best = {}
    for number, place in places.items():
        pictures.large(place, suffix, number)
        costs = []
        for _ in range(sizes.repeats):
            journal = folder / "journal.sqlite3"
            command.forget(place, journal)
            costs.append(command.tag(place, model, journal, jobs))
            command.forget(place, journal)
        best[number] = min(costs, key=lambda cost: cost.wall)
    more = count - SHORT
    return Rate(
        steady=more / (best[count].wall - best[SHORT].wall),
        whole=count / best[count].wall,
        core=1000 * (best[count].cpu - best[SHORT].cpu) / more,
        megabytes=best[count].megabytes,
    )


def _count(suffix: str, sizes: Workload) -> int:
    return sizes.pictures if suffix == "jpg" else sizes.pictures // 2


def measure(sizes: Workload, model: str, folder: Path, report: FigureTable) -> None:
    cores = available_cores()
    for suffix in pictures.FORMATS:
        rates = {jobs: rate(suffix, model, folder, jobs, sizes).steady for jobs in {1, 2} - {cores}}
        bound = stages.of_format(suffix, model, folder, cores, sizes.repeats)
        found = rate(suffix, model, folder, cores, sizes)
        again = stages.of_format(suffix, model, folder, cores, sizes.repeats)
        # The machine is not the same every minute: the bound from before and after the run, the mean of both.
        limits = {
            "bound": (bound.bound + again.bound) / 2,
            "bound of decoding and networks": (bound.networks_bound + again.networks_bound) / 2,
            "bound of decoding": (1000 / bound.decode + 1000 / again.decode) / 2,
        }
        rates[cores] = found.steady
        for jobs, steady in sorted(rates.items()):
            name = f"whole command, {suffix}, {jobs} worker{'s' if jobs > 1 else ''}"
            goal = WANTED_JPEGS if suffix == "jpg" and jobs == cores == 2 else ""
            report.add(name, steady, "pictures/s", wanted=goal)
        report.add(f"{suffix}: 2 workers over 1", rates[2] / rates[1], "times", wanted=">= 1.8")
        report.add(f"{suffix}: the same with start-up", found.whole, "pictures/s", note=f"{cores} workers")
        report.add(f"{suffix}: memory at its fullest", found.megabytes, "MB")
        for name, limit in limits.items():
            report.add(f"{suffix}: {name}", limit, "pictures/s")
            goal = WANTED_SHARES.get(name, {}).get(suffix, "")
            report.add(f"{suffix}: share of the {name}", found.steady / limit, "", wanted=goal)
        # Of core time, which other programs on the machine do not take away.
        alone = stages.of_format(suffix, model, folder, 1, sizes.repeats)
        report.add(f"{suffix}: core time of the whole", found.core, "ms/picture")
        report.add(f"{suffix}: share of it in the stages", 1000 / alone.bound / found.core, "")
        report.add(f"{suffix}: decoding, of that", alone.decode, "ms/picture")
        report.add(f"{suffix}: networks, of that", alone.networks, "ms/picture")
        files = list((folder / f"whole-{suffix}-{SHORT}").glob(f"*.{suffix}"))
        average = sum(path.stat().st_size for path in files) / len(files) / 1e6
        report.add(f"{suffix}: a file", average, "MB")
