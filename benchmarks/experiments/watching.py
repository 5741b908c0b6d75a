"""How quick, quiet and small a watch is.

In a folder of its own with 2,000 pictures that are tagged already: the time from the closing of a new picture
to its caption, the time for a burst of 500, and what an idle minute costs.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.support.bundles import make_bundle
from tests.support.command import Home, make_home
from tests.support.watcher import Watcher, cpu_seconds, drop, resident_megabytes, sidecars

THERE = 2_000
SINGLE = range(THERE, THERE + 20)
BURST = range(SINGLE.stop, SINGLE.stop + 500)
IDLE_SECONDS = 60.0


def _seconds_to_caption(home: Home, number: int) -> float:
    drop(home.work, range(number, number + 1))
    start = time.monotonic()
    while not (home.work / f"{number}.png.txt").exists():
        time.sleep(0.01)
    return time.monotonic() - start


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser("python -m benchmarks experiment watching", description=__doc__)
    parser.add_argument("--polling", action="store_true")
    polling = ["--polling"] if parser.parse_args(arguments).polling else []
    with tempfile.TemporaryDirectory() as folder:
        bundle = make_bundle(Path(folder, "model"))
        home = make_home(Path(folder, "home"), BOORU_TAGGER_MODEL=str(bundle), BOORU_TAGGER_JOBS="2")
        drop(home.work, range(THERE))
        assert home.run("tag", "--batch", "--format", "none").code == 0
        watcher = Watcher(home, *polling, home.work)
        try:
            watcher.until(watcher.has_begun)
            time.sleep(5)
            seconds = [_seconds_to_caption(home, number) for number in SINGLE]
            print(f"one picture: {statistics.median(seconds):.2f} s (median), {max(seconds):.2f} s (most)")
            start = time.monotonic()
            drop(home.work, BURST)
            dropped = time.monotonic() - start
            watcher.until(lambda: len(sidecars(home.work)) == BURST.stop)
            tagged = time.monotonic() - start
            print(f"{len(BURST)} dropped in {dropped:.1f} s: all tagged after {tagged:.1f} s")
            time.sleep(5)
            before = cpu_seconds(watcher.process.pid)
            time.sleep(IDLE_SECONDS)
            share = (cpu_seconds(watcher.process.pid) - before) / IDLE_SECONDS
            print(f"idle: {share:.2%} of a core, {resident_megabytes(watcher.process.pid):.0f} MB")
            print(f"tagged {sum(watcher.tagged().values())} times for {BURST.stop - THERE} new pictures")
        finally:
            watcher.stop()
