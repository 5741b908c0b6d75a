"""Pictures a second in threads and in Ray's workers on this machine.

Rounds alternate, so that a busy machine slows both alike; the first of each warms up and is not counted.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from booru_tagger.parallel import Executor, available_cores, make_executor
from booru_tagger.runner import run
from booru_tagger.sources.listed import Walk
from booru_tagger.tagging.options import TaggerOptions
from booru_tagger.tagging.policy import Policy
from booru_tagger.tagging.tagger import Tagger


def rate(executor: Executor, paths: list[Path]) -> float:
    """Pictures a second, the start of workers and the loading of networks among it."""
    began = time.perf_counter()
    report = run(paths, Tagger(TaggerOptions(gallery=None)).tag, executor=executor, policy=Policy())
    seconds = time.perf_counter() - began
    if report.signal is not None:
        raise SystemExit("interrupted")
    if report.tagged != len(paths):
        raise SystemExit(f"{report.failed} of {len(paths)} pictures failed: {report.failures[:1]}")
    return len(paths) / seconds


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser("python -m benchmarks experiment cluster", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pictures", type=int, default=1000, help="of the folder, repeated as needed")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=available_cores())
    asked = parser.parse_args(arguments)
    found = [path for path in Walk().pictures(asked.folder) if isinstance(path, Path)]
    if not found:
        raise SystemExit(f"{asked.folder}: no pictures")
    paths = (found * (asked.pictures // len(found) + 1))[: asked.pictures]
    executors = {kind: make_executor(asked.jobs, kind) for kind in ("threads", "ray")}
    rates: dict[str, list[float]] = {kind: [] for kind in executors}
    for counted in range(asked.rounds + 1):
        for kind, executor in executors.items():
            measured = rate(executor, paths)
            if counted:
                rates[kind].append(measured)
    threads, ray = (median(rates[kind]) for kind in ("threads", "ray"))
    print(f"threads {threads:.1f}/s, ray {ray:.1f}/s, ratio {ray / threads:.2f} ({asked.jobs} jobs)")
