"""Run by the other taggers' Python, not by ours: their own loops over the pictures, timed.

    python rival_loop.py WEIGHTS THREADS REPEATS PICTURE...

Prints pictures a second by name, as JSON on the last line. The only thing changed is where the weights come
from: a folder instead of a download.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path


def rate(work: Callable[[], object], pictures: int, repeats: int) -> float:
    """The best of some tries, the first of which warms up."""
    seconds = []
    for _ in range(repeats + 1):
        begun = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - begun)
    return pictures / min(seconds)


def imgutils(weights: Path, threads: int, repeats: int, paths: list[str]) -> dict[str, float]:
    """dghs-imgutils' ``get_wd14_tags``, called for one picture after the other and from a pool of threads."""
    from imgutils.tagging import wd14

    wd14.hf_hub_download = lambda repo_id, filename: str(weights / Path(filename).name)
    wd14.get_wd14_tags(paths[0])

    def pooled() -> None:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(wd14.get_wd14_tags, paths))

    def looped() -> None:
        for path in paths:
            wd14.get_wd14_tags(path)

    return {
        "imgutils, one after the other": rate(looped, len(paths), repeats),
        "imgutils, thread pool": rate(pooled, len(paths), repeats),
    }


if __name__ == "__main__":
    _, folder, number, times, *names = sys.argv
    print(json.dumps(imgutils(Path(folder), int(number), int(times), names)))
