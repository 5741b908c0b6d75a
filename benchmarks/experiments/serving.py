"""Many clients at once against `booru-tagger serve`: nothing may go wrong but "busy", and memory stays flat.

Starts a server on this machine, sends it a drawn picture over and over, and prints how it answered and how
much memory it held after the first and after the last request.
"""

from __future__ import annotations

import argparse
import io
import re
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from booru_export.drawn import draw_scene

from benchmarks.report import FigureTable, Workload

BOUNDARY = "limit-of-parts"
SERVE = "import sys; from booru_tagger.cli import main; sys.exit(main())"


def body() -> bytes:
    """A form with one picture, as Danbooru sends it."""
    stream = io.BytesIO()
    draw_scene(1, size=(800, 600)).image.save(stream, "JPEG", quality=90)
    part = 'Content-Disposition: form-data; name="file"; filename="a.jpg"\r\nContent-Type: image/jpeg'
    wish = 'Content-Disposition: form-data; name="format"\r\n\r\njson'
    start = f"--{BOUNDARY}\r\n{wish}\r\n--{BOUNDARY}\r\n{part}\r\n\r\n".encode()
    return start + stream.getvalue() + f"\r\n--{BOUNDARY}--\r\n".encode()


def ask(address: str, data: bytes, answers: Counter[str], seconds: list[float], requests: int) -> None:
    """One client: the same question again and again, a moment later where the server is busy."""
    kind = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    for _ in range(requests):
        began = time.monotonic()
        try:
            with urllib.request.urlopen(
                urllib.request.Request(f"{address}/evaluate", data, kind), timeout=120
            ) as answer:
                answer.read()
                answers[str(answer.status)] += 1
        except urllib.error.HTTPError as error:
            answers[str(error.code)] += 1
            time.sleep(0.2)
        except OSError as error:
            answers[type(error).__name__] += 1
        seconds.append(time.monotonic() - began)


def load(address: str, clients: int, requests: int) -> tuple[Counter[str], list[float], float]:
    """How clients that ask at once were answered, and the seconds of each answer and of all together."""
    answers: Counter[str] = Counter()
    seconds: list[float] = []
    threads = [
        threading.Thread(target=ask, args=(address, body(), answers, seconds, requests))
        for _ in range(clients)
    ]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers, seconds, time.monotonic() - began


@dataclass(frozen=True, slots=True)
class Load:
    """How many clients ask how often, and how many pictures may wait."""

    clients: int = 32
    requests: int = 20
    max_waiting: int = 16
    port: int = 5078


def serve(asked: Load, model: str, report: FigureTable) -> None:
    """Start a server, and let them ask it."""
    options = ["--port", str(asked.port), "--max-waiting", str(asked.max_waiting), "--no-gallery"]
    server = subprocess.Popen(
        [sys.executable, "-c", SERVE, "serve", "--model", model, *options], stderr=subprocess.PIPE, text=True
    )
    assert server.stderr is not None
    address = f"http://127.0.0.1:{asked.port}"
    try:
        server.stderr.readline()
        load(address, 1, 8)
        before = resident(server.pid)
        alone, _, took_alone = load(address, 1, asked.requests)
        answers, seconds, took = load(address, asked.clients, asked.requests)
        after = resident(server.pid)
    finally:
        server.terminate()
        server.wait()
    report.add("one client", alone["200"] / took_alone, "pictures/s")
    report.add(f"{asked.clients} clients", answers["200"] / took, "pictures/s")
    report.add("answers", answers["200"], "", note=f"of {sum(answers.values())}")
    report.add("busy (503)", answers["503"], "")
    others = sum(answers.values()) - answers["200"] - answers["503"]
    report.add("other answers", others, "", wanted="0")
    report.add("the longest answer", max(seconds), "s")
    report.add("memory after 8 requests", before, "MB")
    report.add("memory after all", after, "MB")


def resident(process: int) -> float:
    """Megabytes that a process holds (Linux)."""
    status = Path(f"/proc/{process}/status").read_text("ascii")
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    return int(found[1]) * 1024 / 1e6 if found else float("nan")


def measure(sizes: Workload, model: str, folder: Path, report: FigureTable) -> None:
    del sizes, folder
    serve(Load(), model, report)


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser("python -m benchmarks experiment serving", description=__doc__)
    usual = Load()
    parser.add_argument("--clients", type=int, default=usual.clients)
    parser.add_argument("--requests", type=int, default=usual.requests)
    parser.add_argument("--port", type=int, default=usual.port)
    parser.add_argument("--max-waiting", type=int, default=usual.max_waiting)
    parser.add_argument("--model", default="default")
    asked = parser.parse_args(arguments)
    serve(Load(asked.clients, asked.requests, asked.max_waiting, asked.port), asked.model, FigureTable({}))
