"""How quick an open review is.

Judges forty faces in a headless Chromium, and takes that back.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tests.support.chromium import chromium, until

FACES = 40
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


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser("python -m benchmarks experiment review_page", description=__doc__)
    parser.add_argument("address", help="what booru-tagger review printed")
    address = parser.parse_args(arguments).address
    with tempfile.TemporaryDirectory() as folder, chromium(Path(folder)) as window:
        start = time.monotonic()
        window.get(address)
        until(lambda: _ready(window), "the first face")
        shown = time.monotonic() - start
        left = window.execute_script("return document.getElementById('left').innerText")
        print(f"{left}; page shown after {shown:.2f} s")
        times = window.execute_async_script(_SCROLL)
        print(f"a frame while scrolling: median {times[100]:.1f} ms, 95 % below {times[190]:.1f} ms")
        faces = window.execute_async_script(
            "fetch('/api/session').then(answer => answer.json())"
            ".then(session => arguments[0](session.faces.filter(face => face.w).map(face => face.id)))"
        )
        _tell("a request that asks for nothing", lambda n: window.execute_async_script(_FETCH, "/page/none"))
        _tell("details of a face", lambda n: window.execute_async_script(_FETCH, f"/api/face/{faces[n]}"))
        _tell("a face cut out", lambda n: window.execute_async_script(_FETCH, f"/face/{faces[n]}.jpg"))

        def judge(number: int) -> float:
            body = {"faces": [faces[number]], "kind": "unknown"}
            return float(window.execute_async_script(_POST, "/api/verdict", body))

        _tell("a verdict, until it is in the files", judge)
        for _ in range(FACES):
            window.execute_async_script(_POST, "/api/undo", {})


def _tell(what: str, once: Callable[[int], Any]) -> None:
    times = [float(once(number)) for number in range(FACES)]
    print(f"{what}: median {statistics.median(times):.0f} ms, longest {max(times):.0f} ms")


def _ready(window: Any) -> bool:
    return bool(window.execute_script("return document.body.dataset.ready ?? null"))
