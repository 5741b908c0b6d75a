"""Pictures a second with an accelerator, and the share of the time in which it works.

Pictures are decoded on all cores; what waits while the device works goes to it together. Beside it stand what
decoding alone allows, and the processor alone with the same model. The first round only warms up.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from unittest.mock import patch

from benchmarks import pictures
from benchmarks.report import FigureTable, surroundings
from booru_tagger.errors import BooruTaggerError
from booru_tagger.imaging import Limits, read_file
from booru_tagger.models.session import Array, Session
from booru_tagger.parallel import Executor, available_cores, make_executor
from booru_tagger.providers import PROVIDERS
from booru_tagger.tagging.options import TaggerOptions
from booru_tagger.tagging.tagger import Tagger


@dataclass(slots=True)
class DeviceWork:
    """When networks ran, as beginnings and ends in seconds, and on how many rows each time."""

    spans: list[tuple[float, float]] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        """Time in which at least one network ran."""
        total, until = 0.0, float("-inf")
        for begin, end in sorted(self.spans):
            total += max(0.0, end - max(begin, until))
            until = max(until, end)
        return total

    @property
    def batch(self) -> float:
        """Rows in one run, on average."""
        return sum(self.rows) / len(self.rows) if self.rows else 0.0


@contextmanager
def watched() -> Iterator[DeviceWork]:
    """What networks do meanwhile, whoever runs them."""
    work, run = DeviceWork(), Session.run

    def timed(self: Session, feeds: Mapping[str, Array]) -> dict[str, Array]:
        begun = time.perf_counter()
        try:
            return run(self, feeds)
        finally:
            work.spans.append((begun, time.perf_counter()))
            work.rows.append(len(next(iter(feeds.values()))))

    with patch.object(Session, "run", timed):
        yield work


def seconds(function: Callable[[Path], object], paths: Sequence[Path], executor: Executor) -> float:
    """What the executor takes for all paths."""
    begun = time.perf_counter()
    for _ in executor.run(function, paths):
        pass
    return time.perf_counter() - begun


def measure(tagger: Tagger, paths: Sequence[Path], jobs: int, rounds: int, report: FigureTable) -> float:
    """The best of some rounds; what it took, in seconds."""
    executor, limits = make_executor(jobs), Limits()

    def decode(path: Path) -> object:
        return tagger.networks.decode(read_file(path, limits), str(path))

    found: list[tuple[float, DeviceWork]] = []
    for _ in range(rounds + 1):
        with watched() as work:
            found.append((seconds(tagger.tag, paths, executor), work))
    taken, work = min(found[1:], key=lambda one: one[0])
    alone = min(seconds(decode, paths, executor) for _ in range(rounds))
    report.add("with the accelerator", len(paths) / taken, "pictures/s", note=f"{jobs} jobs")
    report.add("share of the time in which it works", work.seconds / taken, "")
    report.add("rows that it is given at once", work.batch, "")
    report.add("decoding alone", len(paths) / alone, "pictures/s", note=f"{available_cores()} cores")
    report.add("share of what decoding alone allows", alone / taken, "")
    return taken


def compare(model: str, paths: Sequence[Path], taken: float, report: FigureTable) -> None:
    """The same pictures on the processor, in one round behind the one that warms up."""
    tagger, executor = Tagger(TaggerOptions(model, gallery=None)), make_executor(None)
    alone = [seconds(tagger.tag, paths, executor) for _ in range(2)][-1]
    report.add("the processor alone", len(paths) / alone, "pictures/s")
    report.add("the accelerator over it", alone / taken, "times")


def card() -> str:
    """What an NVIDIA driver calls its cards; empty where there is none."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return ""
    command = [program, "--query-gpu=name,driver_version", "--format=csv,noheader"]
    said = subprocess.run(command, check=False, capture_output=True, text=True).stdout
    return "; ".join(said.split("\n")).strip("; ")


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser("python -m benchmarks experiment accelerator", description=__doc__)
    devices = [name for name in PROVIDERS if name != "cpu"]
    parser.add_argument("--provider", choices=devices, default="cuda")
    parser.add_argument("--model", default="default", help="a bundle, or the folder of a foreign tagger")
    parser.add_argument("--pictures", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=2 * available_cores())
    parser.add_argument("--work", type=Path, help="folder for pictures, kept for the next time")
    parser.add_argument("--output", type=Path, default=Path("accelerator.json"))
    asked = parser.parse_args(arguments)
    try:
        tagger = Tagger(TaggerOptions(asked.model, provider=asked.provider, gallery=None))
        tagger.load()
    except BooruTaggerError as error:
        raise SystemExit(f"nothing was measured: {error}") from error
    described = {**surroundings(), "model": tagger.model, "provider": tagger.networks.provider}
    report = FigureTable({**described, "card": card()}, section="accelerator")
    with tempfile.TemporaryDirectory(prefix="booru-tagger-benchmarks-") as temporary:
        paths = pictures.large((asked.work or Path(temporary)) / "run-jpg", "jpg", asked.pictures)
        taken = measure(tagger, paths, asked.jobs, asked.rounds, report)
        compare(asked.model, paths, taken, report)
    report.save(asked.output)
    print(report.markdown())
