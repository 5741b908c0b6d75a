"""How quick an open review is.

Judges forty faces in a headless Chromium, and takes that back. `--only review` does so with drawn faces,
which it tags first and which all wait; an ADDRESS is that of a review of yours.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import os
import re
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from benchmarks import command
from benchmarks.child import megabytes
from benchmarks.report import FigureTable, Workload
from tests.support.chromium import chromium, programs, until
from tests.support.command import MAIN
from tests.support.drawn_faces import PEOPLE, draw_face

FACES = 40
_PROGRESS = "fetch('/api/progress').then(answer => answer.json()).then(state => arguments[0](state.cut))"
_SCROLL = """
const done = arguments[0], grid = document.getElementById('grid'), times = [];
let last = performance.now();
requestAnimationFrame(function frame(now) {
  times.push(now - last);
  last = now;
  grid.scrollTop += 400;
  if (times.length < 200) requestAnimationFrame(frame);
  else done(times.sort((one, other) => one - other));
});
"""
_FETCH = """
const [path, done] = [arguments[0], arguments[1]], start = performance.now();
fetch(path).then(answer => answer.text()).then(() => done(performance.now() - start));
"""
_POST = """
const [path, body, done] = arguments, start = performance.now();
fetch(path, {method: 'POST', headers: {'content-type': 'application/json'}, body: JSON.stringify(body)})
  .then(answer => answer.text()).then(() => done(performance.now() - start));
"""


def look(window: Any, address: str, report: FigureTable) -> None:
    """Open the page, and wait until all faces are cut out."""
    start = time.perf_counter()
    window.get(address)
    until(lambda: _ready(window), "the first face")
    left = window.execute_script("return document.getElementById('left').innerText")
    report.add("page shown after", time.perf_counter() - start, "s", note=left)
    while True:
        done, total = window.execute_async_script(_PROGRESS)
        if done == total > 0:
            break
        time.sleep(0.1)
    report.add(
        "all faces cut out and compared after", time.perf_counter() - start, "s", note="in the background"
    )


def judge(window: Any, report: FigureTable) -> None:
    """What a person waits for, once all faces are cut out."""
    times = window.execute_async_script(_SCROLL)
    slow = f"95 % within {times[190]:.0f} ms"
    report.add("a frame while scrolling", times[100], "ms", note=slow)
    faces = window.execute_async_script(
        "fetch('/api/session').then(answer => answer.json())"
        ".then(session => arguments[0](session.faces.filter(face => face.w).map(face => face.id)))"
    )

    def tell(what: str, script: str, *given: Callable[[int], Any]) -> None:
        times = [
            float(window.execute_async_script(script, *(make(face) for make in given)))
            for face in faces[:FACES]
        ]
        longest = f"longest {max(times):.0f} ms"
        report.add(what, statistics.median(times), "ms", note=longest)

    tell("a request that asks for nothing", _FETCH, lambda face: "/page/none")
    tell("details of a face", _FETCH, lambda face: f"/api/face/{face}")
    tell("a face cut out", _FETCH, lambda face: f"/face/{face}.jpg")
    tell("a verdict, until it is in the files", _POST, lambda face: "/api/verdict", _unknown)
    for _ in faces[:FACES]:
        window.execute_async_script(_POST, "/api/undo", {})


def _unknown(face: int) -> dict[str, object]:
    return {"faces": [face], "kind": "unknown"}


def drawn(folder: Path, count: int) -> None:
    """So many different faces, a picture each."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, name in zip(range(count), itertools.cycle(PEOPLE), strict=False):
        path = folder / f"{number:05d}.jpg"
        if not path.exists():
            draw_face(name, number).save(path, quality=90)


@contextlib.contextmanager
def reviewing(faces: Path, model: str, journal: Path, cache: Path) -> Iterator[tuple[int, str]]:
    """A review of all faces: its process and its address."""
    arguments = ["--model", model, "--crops", "--journal", str(journal), "--review-band", "0-1", "--no-open"]
    server = subprocess.Popen(
        [*MAIN, "review", str(faces), *arguments],
        env={**os.environ, "XDG_CACHE_HOME": str(cache)},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert server.stderr is not None
    try:
        for line in server.stderr:
            if found := re.search(r"https?://\S+", line):
                yield server.pid, found[0]
                return
        raise RuntimeError("booru-tagger review ended before it began")
    finally:
        server.terminate()
        server.wait()


def measure(sizes: Workload, model: str, folder: Path, report: FigureTable) -> None:
    try:
        programs()
    except pytest.skip.Exception as missing:
        raise RuntimeError(str(missing)) from missing
    faces, journal, cache = folder / f"faces-{sizes.faces}", folder / "faces.sqlite3", folder / "faces-cache"
    drawn(faces, sizes.faces)
    command.forget(faces, journal)
    shutil.rmtree(cache, ignore_errors=True)
    tagging = command.booru_tagger(
        *("tag", "--batch", faces, "--crops", "--model", model, "--journal", journal, "--format", "none")
    )
    report.add(f"tagging {sizes.faces:,} crops", sizes.faces / tagging.wall, "faces/s")
    begun = time.perf_counter()
    with reviewing(faces, model, journal, cache) as (process, address):
        report.add("from the command to the address", time.perf_counter() - begun, "s")
        with tempfile.TemporaryDirectory() as place, chromium(Path(place)) as window:
            look(window, address, report)
            judge(window, report)
        report.add("memory of the review at its fullest", megabytes(process), "MB")
    command.forget(faces, journal)


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser("python -m benchmarks experiment review_page", description=__doc__)
    parser.add_argument("address", help="what booru-tagger review printed")
    address = parser.parse_args(arguments).address
    with tempfile.TemporaryDirectory() as folder, chromium(Path(folder)) as window:
        look(window, address, report := FigureTable({}))
        judge(window, report)


def _ready(window: Any) -> bool:
    return bool(window.execute_script("return document.body.dataset.ready ?? null"))
