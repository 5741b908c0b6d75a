"""Commands in forks of a process that has imported everything: a start is quick, and kill -9 is real.

:class:`Forks` is the test's side; run as a script, this file is the process that forks. When a command is
killed is told in steps, not in seconds, so that it has come equally far on any machine, however busy.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import random
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from tests.support.command import Home

MODULES = frozenset({"posix", "_io", "sqlite3"})
CALLS = frozenset(
    (
        *("write", "flush", "fsync", "chmod", "utime", "replace", "rename", "link", "symlink", "unlink"),
        *("remove", "mkdir", "rmdir", "execute", "executemany", "executescript", "commit", "rollback"),
    )
)
"""What a command leaves behind changes in these only: before each call and after it, a step is counted."""


@dataclass(frozen=True)
class CommandRun:
    """How a command ended: its exit code (-9: killed), its steps (0 where killed), and what it printed."""

    code: int
    steps: int
    out: bytes
    err: str


@dataclass(frozen=True)
class Kill:
    """SIGKILL from outside as soon as the command has taken ``step`` steps, wherever it is by then.

    However late that comes, the command does not take more than ``slack`` steps meanwhile: it kills itself.
    """

    step: int
    slack: int = 0


def kills(chance: random.Random, count: int, whole: int) -> Iterator[Kill]:
    """Kills that all find at work a command that takes ``whole`` steps where nobody disturbs it.

    Each run is to go on where the one before was killed. Every other kill comes early in its run; the
    others come late enough for something to be done, and all of them together leave work over.
    """
    share = whole // count
    for number in range(count):
        step = share + chance.randrange(share) if number % 2 else chance.randrange(10 + share // 10)
        yield Kill(step, chance.randrange(20))


class Forks:
    """Runs `booru-tagger` commands in the work folder of a home."""

    def __init__(self, process: subprocess.Popen[str], home: Home) -> None:
        self._process = process
        self._home = home

    def run(self, *args: str | Path, kill: Kill | None = None) -> CommandRun:
        """Run to the end, or to the kill if it comes so far."""
        assert self._process.stdin is not None and self._process.stdout is not None
        out, err = self._home.folder / "out", self._home.folder / "err"
        moments = None if kill is None else (kill.step, kill.step + kill.slack)
        order = {"args": list(map(str, args)), "kill": moments, "out": str(out), "err": str(err)}
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        return CommandRun(answer["code"], answer["steps"], out.read_bytes(), err.read_text())


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
        hearing, telling = os.pipe()
        child = os.fork()
        if child == 0:
            steps = Steps(telling, *(order["kill"] or (None, None)))
            _be(order["args"], order["out"], order["err"], steps)
        os.close(telling)
        with os.fdopen(hearing) as told:
            word = told.readline()
            if word == KILL:
                os.kill(child, signal.SIGKILL)  # not waited for yet, so the number is still its own
                word = told.readline()
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        print(json.dumps({"code": code, "steps": int(word or 0)}), flush=True)


KILL = "kill\n"


class Steps:
    """Counts the steps of this process, asks ``telling`` for death at ``first``, and dies at ``last``."""

    def __init__(self, telling: int, first: int | None, last: int | None) -> None:
        self._numbers = itertools.count()
        self._telling = telling
        self._first = first
        self._last = last

    def tell(self, word: str) -> None:
        os.write(self._telling, word.encode())

    def end(self) -> None:
        self.tell(f"{next(self._numbers)}\n")

    def __call__(self, frame: object, event: str, function: Any) -> None:
        """See :func:`sys.setprofile`."""
        if not event.startswith("c_") or function.__name__ not in CALLS:
            return
        if (function.__module__ or type(function.__self__).__module__) not in MODULES:
            return
        if not getattr(function.__self__, "in_transaction", True):  # it asks a database something
            return
        number = next(self._numbers)
        if number == self._first:
            self.tell(KILL)
        if number == self._last:
            os.kill(os.getpid(), signal.SIGKILL)


def _be(args: Sequence[str], out: str, err: str, steps: Steps) -> None:
    """Become the command."""
    from booru_tagger.cli import main

    for path, number in ((os.devnull, 0), (out, 1), (err, 2)):
        os.dup2(os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o666), number)
    code = 1
    threading.setprofile(steps)
    sys.setprofile(steps)
    try:
        code = main(args)
    except BaseException:  # nobody above would say what it was
        traceback.print_exc()
    finally:
        sys.setprofile(None)
        sys.stdout.flush()
        sys.stderr.flush()
        steps.end()
        os._exit(code)


if __name__ == "__main__":
    _serve()
