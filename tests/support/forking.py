"""Commands in forks of a process that has imported everything: a start is quick, and kill -9 is real.

:class:`Forks` is the test's side; run as a script, this file is the process that forks.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from tests.support.command import Home


@dataclass(frozen=True)
class CommandRun:
    """How a command ended: its exit code (-9: killed), how long it ran in seconds, and what it printed."""

    code: int
    seconds: float
    out: bytes
    err: str


class Forks:
    """Runs `booru-tagger` commands in the work folder of a home."""

    def __init__(self, process: subprocess.Popen[str], home: Home) -> None:
        self._process = process
        self._home = home

    def run(self, *args: str | Path, kill_after: float | None = None) -> CommandRun:
        """Run to the end, or kill it with SIGKILL after so many seconds if it still runs then."""
        assert self._process.stdin is not None and self._process.stdout is not None
        out, err = self._home.folder / "out", self._home.folder / "err"
        order = {"args": list(map(str, args)), "kill": kill_after, "out": str(out), "err": str(err)}
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        return CommandRun(answer["code"], answer["seconds"], out.read_bytes(), err.read_text())


@contextlib.contextmanager
def forks(home: Home) -> Iterator[Forks]:
    with subprocess.Popen(
        [sys.executable, "-m", "tests.support.forking"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
        env={**home.environment, "WORK": str(home.work)},
        text=True,
    ) as process:
        yield Forks(process, home)
        assert process.stdin is not None
        process.stdin.close()


def _serve() -> None:
    for module in ("app.untagging", "cli.tag", "cli.untag", "writers.registry"):
        import_module(f"booru_tagger.{module}")
    os.chdir(os.environ["WORK"])
    for line in sys.stdin:
        order = json.loads(line)
        start = time.monotonic()
        child = os.fork()
        if child == 0:
            _be(order["args"], order["out"], order["err"])
        if order["kill"] is not None:
            time.sleep(order["kill"])
            os.kill(child, signal.SIGKILL)  # the child is not waited for yet, so the number is still its own
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        print(json.dumps({"code": code, "seconds": time.monotonic() - start}), flush=True)


def _be(args: Sequence[str], out: str, err: str) -> None:
    """Become the command."""
    from booru_tagger.cli import main

    for path, number in ((os.devnull, 0), (out, 1), (err, 2)):
        os.dup2(os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o666), number)
    code = 1
    try:
        code = main(args)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    _serve()
