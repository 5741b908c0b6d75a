"""`booru-tagger watch` as a running process, and pictures to drop in front of it."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tests.support.bundles import Painted, paint
from tests.support.command import MAIN, TIMEOUT, Home


class Watcher:
    """The running command, and all that it has logged."""

    def __init__(self, home: Home, *args: str | Path, before: Sequence[str] = ()) -> None:
        """``before`` is a command that runs the one behind it."""
        self.log = home.folder / "log"
        self.former = len(self.events("watching")) if self.log.exists() else 0
        command = [*before, *MAIN, "watch", "--log-format", "json", *args]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, cwd=home.work, env=home.environment, stderr=log)

    def lines(self) -> list[dict[str, Any]]:
        """What this and all former watchers of the home logged. A kill may have cut a line short."""
        lines = []
        for line in self.log.read_text("utf-8").splitlines():
            try:
                lines.append(json.loads(line))
            except json.JSONDecodeError:
                assert "{" in line, line
        return lines

    def events(self, name: str) -> list[dict[str, Any]]:
        return [line for line in self.lines() if line.get("event") == name]

    def has_begun(self) -> bool:
        """Before that, a signal ends it as it ends any program: nothing is being written yet."""
        return len(self.events("watching")) > self.former

    def tagged(self) -> Counter[str]:
        """How often each picture was tagged, by name."""
        return Counter(Path(line["path"]).name for line in self.events("tagged"))

    def until(self, condition: Callable[[], Any]) -> None:
        """Wait for it, and fail after long enough without a word in the log."""
        size, end = 0, time.monotonic() + TIMEOUT
        while not condition():
            if self.log.stat().st_size > size:
                size, end = self.log.stat().st_size, time.monotonic() + TIMEOUT
            assert self.process.poll() is None, self.log.read_text()[-2000:]
            assert time.monotonic() < end, self.log.read_text()[-2000:]
            time.sleep(0.1)

    def until_written(self, folder: Path, count: int) -> None:
        self.until(lambda: sum(path.suffix == ".txt" for path in folder.iterdir()) >= count)

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(TIMEOUT)


def png(**options: Any) -> bytes:
    file = io.BytesIO()
    paint([Painted(8, 8, 40)], size=(64, 64)).save(file, "PNG", **options)
    return file.getvalue()


def large_png() -> bytes:
    """Some ten kilobytes: noise around a face."""
    noise = np.random.default_rng(0).integers(0, 100, (64, 64, 3), dtype=np.uint8)
    image = Image.fromarray(noise)
    image.paste(paint([Painted(0, 0, 40)], size=(40, 40)).crop((0, 0, 40, 40)), (12, 12))
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def drop(folder: Path, names: range) -> None:
    """A burst of pictures, each different from all others."""
    for number in names:
        (folder / f"{number}.png").write_bytes(png(dpi=(72 + number, 72)))


def sidecars(folder: Path) -> set[str]:
    return {path.name.removesuffix(".png.txt") for path in folder.rglob("*.txt")}


def cpu_seconds(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def wakeups(process: int) -> int:
    """How often its threads have gone to sleep so far."""
    word = "\nvoluntary_ctxt_switches:"
    texts = [path.read_text() for path in Path(f"/proc/{process}/task").glob("*/status")]
    return sum(int(text.partition(word)[2].split()[0]) for text in texts)


def resident_megabytes(process: int) -> float:
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20
