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
from pathlib import Path

from booru_export.drawn import draw_scene

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


def memory(process: int) -> float:
    """Megabytes that a process holds (Linux)."""
    status = Path(f"/proc/{process}/status").read_text("ascii")
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    return int(found[1]) / 1024 if found else float("nan")


def main(arguments: Sequence[str]) -> None:
    options = argparse.ArgumentParser("python -m benchmarks experiment serving", description=__doc__)
    options.add_argument("--clients", type=int, default=32)
    options.add_argument("--requests", type=int, default=20)
    options.add_argument("--port", type=int, default=5078)
    options.add_argument("--max-waiting", type=int, default=16)
    given = options.parse_args(arguments)
    command = ["serve", "--port", str(given.port), "--max-waiting", str(given.max_waiting), "--no-gallery"]
    server = subprocess.Popen([sys.executable, "-c", SERVE, *command], stderr=subprocess.PIPE, text=True)
    assert server.stderr is not None
    server.stderr.readline()
    address, data = f"http://127.0.0.1:{given.port}", body()
    answers: Counter[str] = Counter()
    seconds: list[float] = []
    try:
        ask(address, data, answers, seconds, 8)
        before, answers, seconds = memory(server.pid), Counter(), []
        clients = [
            threading.Thread(target=ask, args=(address, data, answers, seconds, given.requests))
            for _ in range(given.clients)
        ]
        began = time.monotonic()
        for client in clients:
            client.start()
        for client in clients:
            client.join()
        took, after = time.monotonic() - began, memory(server.pid)
    finally:
        server.terminate()
        server.wait()
    print(f"answers: {dict(answers)}; {answers['200'] / took:.1f} pictures/s; longest {max(seconds):.2f} s")
    print(f"memory: {before:.0f} MB after 8 requests, {after:.0f} MB after {sum(answers.values())} more")
