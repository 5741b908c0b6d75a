"""What the pictures of a folder cost one by one, on one core: for `experiment scale`, which draws from them.

Up to 500 of them, spread evenly over the folder. Videos and files that cannot be read are left out.
"""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

from benchmarks.report import FigureTable, Workload
from booru_tagger.errors import BooruTaggerError
from booru_tagger.imaging import Limits, read_file
from booru_tagger.sources.listed import Walk
from booru_tagger.tagging.options import TaggerOptions
from booru_tagger.tagging.tagger import Tagger

MOST = 500
COLUMNS = {"a file": "MB", "decoding": "ms", "all but writing": "ms", "heads in a picture": ""}
"""What is known of each picture, in this order."""


def one(tagger: Tagger, path: Path) -> tuple[float, float, float, float]:
    """The ``COLUMNS`` of a picture. Raises BooruTaggerError where it cannot be read."""
    data = read_file(path, Limits())
    started = time.process_time()
    tagger.networks.decode(data, str(path))
    decoded = time.process_time()
    result = tagger.tag_bytes(data, str(path))
    ended = time.process_time()
    return len(data) / 1e6, 1000 * (decoded - started), 1000 * (ended - decoded), len(result.faces)


def measure(sizes: Workload, model: str, folder: Path, report: FigureTable) -> None:
    del folder
    if sizes.library is None:
        raise RuntimeError("no --library is given")
    paths = [path for path in Walk().pictures(sizes.library) if isinstance(path, Path)]
    chosen = paths[:: max(1, -(-len(paths) // MOST))]
    tagger = Tagger(TaggerOptions(model, gallery=None))
    tagger.load()
    report.pictures.clear()
    for path in chosen[:1] + chosen:  # the first one warms up
        try:
            report.pictures.append(tuple(round(value, 4) for value in one(tagger, path)))
        except BooruTaggerError:
            continue
    del report.pictures[:1]
    if not report.pictures:
        raise RuntimeError(f"{sizes.library}: no pictures")
    report.add("pictures measured", len(report.pictures), "", note=f"of {len(paths):,}")
    for name, values in zip(COLUMNS, np.array(report.pictures).T, strict=True):
        half, most = np.quantile(values, [0.5, 0.95])
        report.add(
            f"{name}, on average", values.mean(), COLUMNS[name], note=f"half {half:.3g}, 95 % {most:.3g}"
        )
