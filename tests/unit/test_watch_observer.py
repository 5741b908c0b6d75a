"""The system's own events, as they come through the door to watchdog."""

from __future__ import annotations

import errno
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from watchdog.observers.api import BaseObserver

from booru_tagger.watch import observer
from booru_tagger.watch.observer import LimitError, Observer
from tests.support.command import TIMEOUT


class Heard:
    """Keeps what it is told, as names below the watched folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.files: list[tuple[str, bool]] = []
        self.folders: list[str] = []
        self.losses: list[str] = []

    def file(self, path: str, *, writing: bool) -> None:
        self.files.append((str(Path(path).relative_to(self._folder)), writing))

    def folder(self, path: str) -> None:
        self.folders.append(str(Path(path).relative_to(self._folder)))

    def lost(self, reason: str) -> None:
        self.losses.append(reason)

    def names(self) -> set[str]:
        return {name for name, _ in self.files}


@pytest.fixture
def heard(folder: Path) -> Iterator[Heard]:
    heard = Heard(folder)
    with closing(Observer(str(folder), heard, recursive=True)):
        yield heard


def until(condition: Any) -> None:
    end = time.monotonic() + TIMEOUT
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


def flush(folder: Path, heard: Heard) -> None:
    """Wait until all that was done before has been heard of: events keep their order."""
    (folder / "flush").touch()
    until(lambda: "flush" in heard.names())
    heard.files = [event for event in heard.files if event[0] != "flush"]


def test_a_file_that_is_written_moved_or_made_readable_is_heard_of(folder: Path, heard: Heard) -> None:
    (folder / "a.png").write_bytes(b"x")
    until(lambda: ("a.png", False) in heard.files)
    (folder / "a.png").rename(folder / "b.png")
    until(lambda: "b.png" in heard.names())
    heard.files.clear()
    (folder / "b.png").chmod(0o600)
    until(lambda: ("b.png", False) in heard.files)


@pytest.mark.skipif(not observer.TELLS_CLOSING, reason="the system does not tell of closing")
def test_a_file_that_is_being_written_is_told_apart_from_one_that_is_closed(
    folder: Path, heard: Heard
) -> None:
    with (folder / "a.png").open("wb") as file:
        file.write(b"x")
        file.flush()
        until(lambda: heard.files and heard.files[-1] == ("a.png", True))
    until(lambda: heard.files[-1] == ("a.png", False))


def test_reading_is_not_heard_of(folder: Path, heard: Heard) -> None:
    (folder / "a.png").write_bytes(b"x")
    flush(folder, heard)
    heard.files.clear()
    for _ in range(10):
        (folder / "a.png").read_bytes()
        list(folder.iterdir())
    flush(folder, heard)
    assert heard.files == []


def test_folders_that_come_are_heard_of(folder: Path, heard: Heard) -> None:
    outside = folder.with_name("outside")
    (outside / "deep").mkdir(parents=True)
    (outside / "deep/a.png").write_bytes(b"x")
    outside.rename(folder / "new")
    until(lambda: "new" in heard.folders)
    until(lambda: "new/deep/a.png" in heard.names())
    (folder / "new/deep/b.png").write_bytes(b"x")
    until(lambda: "new/deep/b.png" in heard.names())
    (folder / "new").rename(folder / "old")
    until(lambda: "old" in heard.folders)


def test_it_dies_with_its_folder(folder: Path) -> None:
    with closing(Observer(str(folder), Heard(folder), recursive=True)) as one:
        assert one.is_alive()
        folder.rmdir()
        until(lambda: not one.is_alive())


def test_nothing_is_left_of_it_when_it_is_closed(folder: Path) -> None:
    before, handlers = threading.active_count(), list(logging.getLogger("watchdog").handlers)
    one = Observer(str(folder), Heard(folder), recursive=True)
    assert threading.active_count() > before
    one.close()
    assert threading.active_count() == before
    assert logging.getLogger("watchdog").handlers == handlers


def test_what_watchdog_complains_of_counts_as_lost_events(heard: Heard) -> None:
    logging.getLogger("watchdog.observers.inotify_c").warning("Inotify queue overflowed")
    assert heard.losses == ["Inotify queue overflowed"]


def test_a_missing_folder_is_an_os_error(folder: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Observer(str(folder / "missing"), Heard(folder), recursive=True)


@pytest.mark.parametrize(
    ("number", "advice"), [(errno.ENOSPC, "max_user_watches"), (errno.EMFILE, "max_user_instances")]
)
def test_a_limit_of_the_system_is_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch, number: int, advice: str
) -> None:
    def start(self: BaseObserver) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(BaseObserver, "start", start)
    with pytest.raises(LimitError, match=advice):
        Observer(str(folder), Heard(folder), recursive=True)


_IN_A_SMALL_WORLD = """
import itertools, pathlib, sys, time
limit, folders = pathlib.Path(f"/proc/sys/user/{sys.argv[2]}"), pathlib.Path(sys.argv[1])
limit.write_text("5")
from booru_tagger.watch.observer import LimitError, Observer
class Deaf:
    def file(self, path, *, writing): pass
    def folder(self, path): pass
    def lost(self, reason): pass
try:
    one = Observer(str(folders), Deaf(), recursive=True)
except LimitError as error:
    print("at first:", error)
else:
    try:
        for number in itertools.count():
            (folders / str(number)).mkdir()
            one.check_limit()
            time.sleep(0.05)
    except LimitError as error:
        print("later:", error)
    one.close()
"""


@pytest.mark.parametrize("found", ["at first", "later"])
def test_the_limit_is_noticed_though_watchdog_says_nothing(folder: Path, found: str) -> None:
    """In a user namespace of its own, where the limit is ours to set."""
    for number in range(10 if found == "at first" else 0):
        (folder / f"folder{number}").mkdir()
    command = ["unshare", "--user", "--map-root-user", sys.executable, "-c", _IN_A_SMALL_WORLD]
    try:
        subprocess.run([*command[:3], "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("user namespaces are not to be had here")
    done = subprocess.run(
        [*command, str(folder), "max_inotify_watches"],
        check=False,
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
    )
    if "Permission" in done.stderr:
        pytest.skip("the limit cannot be set here")
    assert done.stdout.startswith(f"{found}: "), done
    assert "max_user_watches" in done.stdout
