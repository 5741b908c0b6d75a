"""Running the real command, in a home of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
from click.testing import CliRunner, Result

MAIN = [sys.executable, "-c", "import sys; from booru_tagger.cli import main; sys.exit(main())"]
TIMEOUT = 300
"""Seconds after which what must end or happen counts as not happening. Generous, as a machine may be busy."""


@dataclass(frozen=True)
class Ended:
    """How a command ended; its output is text with the bytes that are none as surrogates."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Home:
    """A user's home below ``folder``, and the folder ``work`` that commands are run in."""

    folder: Path
    variables: Mapping[str, str] = field(default_factory=dict)

    @property
    def work(self) -> Path:
        return self.folder / "work"

    @property
    def environment(self) -> dict[str, str]:
        inherited = {
            key: value
            for key, value in os.environ.items()
            if not key.startswith(("BOORU_TAGGER", "XDG_", "COLUMNS"))
        }
        home = {
            "HOME": str(self.folder),
            "XDG_CONFIG_HOME": str(self.folder / "config"),
            "XDG_STATE_HOME": str(self.folder / "state"),
            "XDG_CACHE_HOME": str(self.folder / "cache"),
            "APPDATA": str(self.folder),
            "LOCALAPPDATA": str(self.folder),
            "OMP_NUM_THREADS": "1",
        }
        return {**inherited, **home, **self.variables}

    def run(self, *args: str | Path | bytes, stdin: bytes = b"", main: list[str] | None = None) -> Ended:
        """Run `booru-tagger` with ``args`` in the work folder and wait for its end."""
        done = subprocess.run(
            [*(main or MAIN), *args],
            input=stdin,
            capture_output=True,
            cwd=self.work,
            env=self.environment,
            timeout=TIMEOUT,
            check=False,
        )
        return Ended(done.returncode, os.fsdecode(done.stdout), os.fsdecode(done.stderr))

    def start(self, *args: str | Path, **options: Any) -> subprocess.Popen[bytes]:
        """The same, without waiting."""
        return subprocess.Popen([*MAIN, *args], cwd=self.work, env=self.environment, **options)


def make_home(folder: Path, **variables: str) -> Home:
    home = Home(folder, variables)
    home.work.mkdir(parents=True)
    return home


def invoke(command: click.Command, *arguments: object) -> Result:
    """Run a command within this process; what goes wrong in it is raised."""
    return CliRunner().invoke(command, [str(item) for item in arguments], catch_exceptions=False)


def snapshot(*folders: Path) -> dict[str, tuple[bytes, int]]:
    """Bytes and modification time of every file below ``folders``."""
    return {
        str(path): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in sorted(_files(folders), key=os.fsencode)
    }


def _files(folders: tuple[Path, ...]) -> Iterator[Path]:
    for folder in folders:
        yield from (path for path in folder.rglob("*") if path.is_file())
