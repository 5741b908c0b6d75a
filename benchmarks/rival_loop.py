"""Run by the other tools' Python, not by ours: their own loops over the pictures, timed.

    python rival_loop.py TOOL,TOOL WEIGHTS THREADS REPEATS PICTURE...

Prints rows of name, value and unit, as JSON on the last line. All that is changed is where the weights come
from: a folder instead of a download. A tool that this Python does not have is left out.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import logging
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

Rows: TypeAlias = list[tuple[str, float, str]]
"""Name, value and unit of each figure."""


def rate(work: Callable[[], object], pictures: int, repeats: int) -> float:
    """The best of some tries, the first of which warms up."""
    seconds = []
    for _ in range(repeats + 1):
        begun = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - begun)
    return pictures / min(seconds)


def both_ways(tool: str, work: Callable[[str], object], threads: int, repeats: int, paths: list[str]) -> Rows:
    """Called for one picture after the other and from a pool of threads."""

    def pooled() -> None:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(work, paths))

    ways = {"one after the other": lambda: [work(path) for path in paths], "thread pool": pooled}
    return [(f"{tool}, {way}", rate(every, len(paths), repeats), "pictures/s") for way, every in ways.items()]


def with_a_face(tool: str, find: Callable[[str], Sequence[object]], paths: list[str]) -> Rows:
    """How many pictures a face is found in, as a tool that finds nothing may well be fast."""
    return [
        (
            f"{tool}: share of pictures with a face",
            sum(bool(len(find(path))) for path in paths) / len(paths),
            "",
        )
    ]


def imgutils(weights: Path, threads: int, repeats: int, paths: list[str]) -> Rows:
    """dghs-imgutils' ``get_wd14_tags``."""
    from imgutils.tagging import wd14

    wd14.hf_hub_download = lambda repo_id, filename: str(weights / Path(filename).name)
    wd14.get_wd14_tags(paths[0])
    return both_ways("imgutils", wd14.get_wd14_tags, threads, repeats, paths)


def wdtagger(weights: Path, threads: int, repeats: int, paths: list[str]) -> Rows:
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

    return [("wdtagger, one after the other", rate(looped, len(paths), repeats), "pictures/s")]


def animeface(weights: Path, threads: int, repeats: int, paths: list[str]) -> Rows:
    """The library of 2009, as its page shows it."""
    del weights
    import animeface as library
    from PIL import Image

    def find(path: str) -> list[Any]:
        return list(library.detect(Image.open(path)))

    return both_ways("animeface", find, threads, repeats, paths) + with_a_face("animeface", find, paths)


def lbpcascade(weights: Path, threads: int, repeats: int, paths: list[str]) -> Rows:
    """OpenCV with the cascade file of 2011 and the settings of its page."""
    import cv2

    cascades = threading.local()  # one each: a classifier must not be used by several threads at once

    def find(path: str) -> Sequence[object]:
        if not hasattr(cascades, "own"):
            cascades.own = cv2.CascadeClassifier(str(weights / "lbpcascade_animeface.xml"))
        grey = cv2.equalizeHist(cv2.cvtColor(cv2.imread(path, cv2.IMREAD_COLOR), cv2.COLOR_BGR2GRAY))
        found: Sequence[object] = cascades.own.detectMultiScale(
            grey, scaleFactor=1.1, minNeighbors=5, minSize=(24, 24)
        )
        return found

    return both_ways("lbpcascade", find, threads, repeats, paths) + with_a_face("lbpcascade", find, paths)


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


TOOLS = {tool.__name__: tool for tool in (imgutils, wdtagger, animeface, lbpcascade)}


def main(tools: list[str], weights: Path, threads: int, repeats: int, paths: list[str]) -> None:
    found: Rows = []
    declared = _declare_operators()  # two of the tools import torchvision
    for tool in tools:
        try:
            found += TOOLS[tool](weights, threads, repeats, paths)
        except ImportError as error:
            print(f"{tool} is left out: {error}", file=sys.stderr)
    del declared
    print(json.dumps(found))


if __name__ == "__main__":
    _, chosen, folder, number, times, *names = sys.argv
    main(chosen.split(","), Path(folder), int(number), int(times), names)
