"""Run by the other taggers' Python, not by ours: their own loops over the pictures, timed.

    python rival_loop.py WEIGHTS THREADS REPEATS PICTURE...

Prints pictures a second by name, as JSON on the last line. The only thing changed is where the weights come
from: a folder instead of a download.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import logging
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np


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


def wdtagger(weights: Path, threads: int, repeats: int, paths: list[str]) -> dict[str, float]:
    """wdtagger's ``Tagger.tag``, for one picture after the other; torch uses all cores for each."""
    import torch

    torch.set_num_threads(threads)
    from timm.data import create_transform
    from wdtagger import Tagger, load_labels

    tagger = Tagger.__new__(Tagger)  # its own beginning downloads
    tagger.logger = logging.getLogger("wdtagger")
    tagger.torch_device = torch.device("cpu")
    tagger.labels = load_labels()
    tagger.transform = create_transform(
        input_size=(3, 448, 448), interpolation="bicubic", mean=(0, 0, 0), std=(1, 1, 1), crop_pct=1.0
    )
    tagger.model = _network(torch, weights)
    tagger.tag(paths[0])

    def looped() -> None:
        for path in paths:
            tagger.tag(path)

    return {"wdtagger, one after the other": rate(looped, len(paths), repeats)}


def _declare_operators() -> Any:
    """torchvision of the package index does not load beside a CPU build of torch without these two.

    They go with the object that is returned.
    """
    if importlib.util.find_spec("torch") is None:
        return None
    torch: Any = importlib.import_module("torch")
    if hasattr(torch.ops.torchvision, "nms"):
        return None
    library = torch.library.Library("torchvision", "FRAGMENT")
    for name in ("nms", "qnms"):
        library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    return library


def _network(torch: Any, weights: Path) -> Any:
    """The stand-in, for torch."""
    stored = np.load(weights / "weights.npz")
    layers: list[Any] = []
    for name in sorted(key for key in stored if key.startswith("w")):
        outputs, inputs = stored[name].shape[:2]
        layer = torch.nn.Conv2d(inputs, outputs, 3, 2, 1, bias=False)
        layer.weight.data = torch.from_numpy(stored[name])
        layers += [layer, torch.nn.ReLU()]
    head = torch.nn.Linear(*stored["head"].shape)
    head.weight.data, head.bias.data = (torch.from_numpy(stored[key].T.copy()) for key in ("head", "bias"))
    layers += [torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), head]
    return torch.nn.Sequential(*layers).eval()


def main(weights: Path, threads: int, repeats: int, paths: list[str]) -> None:
    found: dict[str, float] = {}
    declared = _declare_operators()  # both tools import torchvision
    for tool in (imgutils, wdtagger):
        try:
            found |= tool(weights, threads, repeats, paths)
        except ImportError as error:
            print(f"{tool.__name__} is left out: {error}", file=sys.stderr)
    del declared
    print(json.dumps(found))


if __name__ == "__main__":
    _, folder, number, times, *names = sys.argv
    main(Path(folder), int(number), int(times), names)
