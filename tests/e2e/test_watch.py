"""`booru-tagger watch`, the real command: nothing is missed and nothing done twice, whatever happens."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from booru_tagger.journal import Journal
from tests.support.bundles import Painted, paint
from tests.support.command import Home, make_home
from tests.support.watcher import Watcher, drop, large_png, png, resident_megabytes, sidecars, wakeups

MIKU_CAPTION = "hatsune_miku, vocaloid, aqua_eyes, aqua_hair, twintails\n"
FEW_WAKEUPS = 100
"""Of all threads in three seconds, for a look now and then; a watch that wakes itself has thousands."""
posix = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
linux = pytest.mark.skipif(sys.platform != "linux", reason="needs Linux")


@pytest.fixture
def home(tmp_path: Path, tiny_bundle: Path) -> Home:
    return make_home(tmp_path, BOORU_TAGGER_MODEL=str(tiny_bundle), BOORU_TAGGER_JOBS="2")


@pytest.fixture
def start(home: Home) -> Iterator[Callable[..., Watcher]]:
    """Starts watchers of the work folder, and sees to it that none survives the test."""
    started: list[Watcher] = []

    def start(*args: str | Path, before: Sequence[str] = ()) -> Watcher:
        started.append(Watcher(home, *(args or (home.work,)), before=before))
        return started[-1]

    yield start
    for watcher in started:
        watcher.process.kill()
        watcher.process.wait()


def assert_tagged_once(watcher: Watcher, home: Home, count: int) -> None:
    names = {str(number) for number in range(count)}
    assert sidecars(home.work) == names
    assert {path.read_text() for path in home.work.glob("*.txt")} == {MIKU_CAPTION}
    twice = [name for name, times in watcher.tagged().items() if times > 1]
    assert not twice
    with Journal.open(home.folder / "state/booru-tagger/journal.sqlite3") as journal:
        for name in names:
            entry = journal.entry(home.work / f"{name}.png")
            assert entry is not None
            assert len(entry.marks) == 2
    left = {path.suffix for path in home.work.iterdir()}
    assert left == {".png", ".txt", ".json"}, "temporary files are left"


@posix
@pytest.mark.parametrize("polling", [[], ["--polling", "--settle", "0.5"]], ids=["events", "polling"])
@pytest.mark.parametrize(("count", "stops"), [(40, 3), pytest.param(2_000, 12, marks=pytest.mark.slow)])
def test_bursts_while_it_is_killed_and_stopped_and_started(
    home: Home, start: Callable[..., Watcher], count: int, stops: int, polling: list[str]
) -> None:
    dice = random.Random(count)
    watcher, dropped = start(*polling, home.work), 0
    burst = count // (2 * stops + 1)
    for stop in range(stops):
        drop(home.work, range(dropped, dropped + burst))
        dropped += burst
        watcher.until_written(home.work, max(1, round(dice.random() * dropped)))
        if stop % 2:
            watcher.until(watcher.has_begun)
            assert watcher.stop(dice.choice([signal.SIGTERM, signal.SIGINT])) == 0
        else:
            watcher.stop(signal.SIGKILL)
        drop(home.work, range(dropped, dropped + burst))
        dropped += burst
        watcher = start(*polling, home.work)
    drop(home.work, range(dropped, count))
    watcher.until_written(home.work, count)
    assert watcher.stop() == 0
    assert home.run("watch", "--once", home.work).code == 0  # whatever a last kill left half done
    assert_tagged_once(watcher, home, count)


@pytest.mark.parametrize(("pause", "settle"), [(0.0, "3"), (1.0, "0.3")], ids=["steadily", "with pauses"])
def test_a_slow_writer_is_waited_for(
    home: Home, start: Callable[..., Watcher], pause: float, settle: str
) -> None:
    """With pauses it is the system's word on closing that tells, which not every system gives."""
    if pause and sys.platform != "linux":
        pytest.skip("needs Linux")
    watcher = start("--settle", settle, home.work)
    watcher.until(watcher.has_begun)
    data = large_png()
    with (home.work / "slow.png").open("wb") as file:
        for begin in range(0, len(data), 1024):
            file.write(data[begin : begin + 1024])
            file.flush()
            time.sleep(pause if begin % 4096 == 0 else 0.01)
        assert watcher.tagged() == {}
    watcher.until(watcher.tagged)
    (home.work / "flush.png").write_bytes(png())
    watcher.until(lambda: watcher.tagged()["flush.png"])
    assert watcher.tagged() == {"slow.png": 1, "flush.png": 1}
    assert not watcher.events("retry")


def test_downloads_saves_by_rename_and_folders_moved_in(home: Home, start: Callable[..., Watcher]) -> None:
    watcher = start()
    watcher.until(watcher.has_begun)
    work, outside = home.work, home.folder / "outside"
    (work / "a.png").touch()  # as Firefox does
    (work / "a.png.part").write_bytes(png()[:50])
    (outside / "deep").mkdir(parents=True)
    for name in ("b.png", "deep/c.png", "deep/c.png.crdownload", "deep/note.txt"):
        (outside / name).write_bytes(png())
    outside.rename(work / "inside")
    (work / ".d.png.swp").write_bytes(png())
    (work / ".d.png.swp").rename(work / "d.png")
    with (work / "a.png.part").open("ab") as file:
        file.write(png()[50:])
    (work / "a.png.part").rename(work / "a.png")
    watcher.until(lambda: len(watcher.tagged()) == 4)
    assert watcher.tagged() == {"a.png": 1, "b.png": 1, "c.png": 1, "d.png": 1}
    assert not watcher.events("retry")
    (work / "inside/deep/e.png").write_bytes(png())  # a folder that came is watched like any other
    watcher.until(lambda: watcher.tagged()["e.png"])


@linux
def test_no_name_is_too_odd(home: Home, start: Callable[..., Watcher]) -> None:
    watcher = start()
    watcher.until(watcher.has_begun)
    names = [b"new\nline.png", b'"quoted".png', b"caf\xe9.png", "\N{PILE OF POO}.png".encode(), b"-.png"]
    for name in names:
        Path(os.fsdecode(os.fsencode(home.work) + b"/" + name)).write_bytes(png())
    watcher.until(lambda: len(watcher.tagged()) == len(names))
    assert {os.fsencode(name) for name in watcher.tagged()} == set(names)


def test_a_picture_that_changes_is_tagged_again(home: Home, start: Callable[..., Watcher]) -> None:
    watcher = start()
    (home.work / "a.png").write_bytes(png())
    watcher.until(lambda: watcher.tagged()["a.png"] == 1)
    paint([Painted(8, 8, 40, who="cirno", hair="blue", eyes="blue")], size=(64, 64)).save(home.work / "a.png")
    watcher.until(lambda: watcher.tagged()["a.png"] == 2)
    assert (home.work / "a.png.txt").read_text().startswith("cirno")


@linux
def test_what_it_does_itself_does_not_wake_it(home: Home, start: Callable[..., Watcher]) -> None:
    drop(home.work, range(10))
    writers = ["txt", "json", "jsonl", "xmp", "embed"]
    watcher = start(home.work, *(word for name in writers for word in ("--writer", name)))
    watcher.until(lambda: len(watcher.tagged()) == 10)

    def rests() -> bool:
        before, log = wakeups(watcher.process.pid), watcher.log.read_bytes()
        time.sleep(3)
        return watcher.log.read_bytes() == log and wakeups(watcher.process.pid) - before < FEW_WAKEUPS

    watcher.until(rests)
    assert set(watcher.tagged().values()) == {1}


@linux
def test_pictures_whose_events_the_system_dropped_are_found(
    home: Home, start: Callable[..., Watcher]
) -> None:
    room = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    if room > 50_000:
        pytest.skip("the system's queue is too long to be filled in a test")
    watcher = start()
    watcher.until(watcher.has_begun)
    watcher.process.send_signal(signal.SIGSTOP)
    chaff = [home.work / f"{number}.txt" for number in range(2)]
    for number in range(2 * room):  # more than there is room for: it may have read some before it stopped
        chaff[number % 2].touch()  # two in turn, for the same event twice in a row counts as one
    drop(home.work, range(3))
    watcher.process.send_signal(signal.SIGCONT)
    watcher.until(lambda: len(watcher.tagged()) == 3)
    watcher.until(lambda: watcher.events("lost"))


@linux
def test_more_folders_than_the_system_watches_are_polled(home: Home, start: Callable[..., Watcher]) -> None:
    """In a user namespace of its own, where the limit is ours to set."""
    for number in range(10):
        (home.work / f"folder{number}").mkdir()
    limit = "echo 5 > /proc/sys/user/max_inotify_watches"
    alone = ["unshare", "--user", "--map-root-user", "sh", "-c"]
    if subprocess.run([*alone, limit], capture_output=True, check=False).returncode:
        pytest.skip("user namespaces, or their limits, are not to be had here")
    watcher = start(home.work, before=[*alone, f'{limit} && exec "$@"', "sh"])
    watcher.until(lambda: watcher.events("polling"))
    assert "max_user_watches" in watcher.events("polling")[0]["message"]
    (home.work / "folder9/a.png").write_bytes(png())
    watcher.until(lambda: watcher.tagged()["a.png"])
    assert watcher.stop() == 0


def test_a_bad_picture_is_tried_again_and_stops_nothing(home: Home, start: Callable[..., Watcher]) -> None:
    (home.work / "bad.png").write_bytes(png()[:100])
    (home.work / "text.png").write_text("no picture")
    (home.work / "good.png").write_bytes(png())
    watcher = start()
    watcher.until(lambda: len(watcher.events("retry")) >= 3)  # one of them has been tried twice
    assert watcher.tagged() == {"good.png": 1}
    assert all(line["path"] in line["reason"] for line in watcher.events("retry"))
    (home.work / "bad.png").write_bytes(png())
    watcher.until(lambda: watcher.tagged()["bad.png"])


def test_a_folder_that_goes_and_comes_back_is_watched_on(home: Home, start: Callable[..., Watcher]) -> None:
    folder = home.work / "fanart"
    watcher = start(folder)
    watcher.until(lambda: watcher.events("missing"))
    folder.mkdir()
    (folder / "a.png").write_bytes(png())
    watcher.until(lambda: watcher.tagged()["a.png"])
    shutil.rmtree(folder)
    watcher.until(lambda: len(watcher.events("missing")) == 2)
    folder.mkdir()
    (folder / "b.png").write_bytes(png())
    watcher.until(lambda: watcher.tagged()["b.png"])
    assert watcher.stop() == 0


@posix
def test_only_one_watches_a_folder_and_a_dead_one_does_not_count(
    home: Home, start: Callable[..., Watcher]
) -> None:
    link = home.folder / "link"
    link.symlink_to(home.work)
    watcher = start()
    watcher.until(watcher.has_begun)
    second = home.run("watch", link)
    assert second.code == 7
    assert "another booru-tagger is watching it already" in second.err
    watcher.stop(signal.SIGKILL)
    assert home.run("watch", "--once", link).code == 0


class TestOnce:
    def test_it_tags_what_is_there_and_ends(self, home: Home) -> None:
        drop(home.work, range(3))
        (home.work / "ignored").mkdir()
        (home.work / "ignored/a.png").write_bytes(png())
        ended = home.run("watch", "--once", "--ignore", "ignored", ".")
        assert ended.code == 0
        assert "3 pictures tagged" in ended.err
        assert sidecars(home.work) == {"0", "1", "2"}
        again = home.run("watch", "--once", "--ignore", "ignored", ".")
        assert again.code == 0
        assert "0 pictures tagged, 3 unchanged" in again.err

    def test_the_exit_code_tells_of_failures(self, home: Home) -> None:
        assert home.run("watch", "--once", ".").code == 0
        (home.work / "bad.png").write_text("no picture")
        assert home.run("watch", "--once", ".").code == 4
        drop(home.work, range(1))
        ended = home.run("watch", "--once", ".")
        assert ended.code == 3
        assert "bad.png" in ended.err
        assert home.run("watch", "--once", "missing").code == 4


def test_what_cannot_be_watched_is_refused(home: Home) -> None:
    (home.work / "a.png").write_bytes(png())
    assert home.run("watch", "a.png").code == 2
    assert home.run("watch").code == 2
    ended = home.run("watch", "--no-journal", ".")
    assert ended.code == 2
    assert "journal" in ended.err


@linux
@pytest.mark.slow
def test_memory_stays_flat_over_ten_thousand_events(home: Home, start: Callable[..., Watcher]) -> None:
    drop(home.work, range(200))
    watcher = start()
    watcher.until(lambda: len(watcher.tagged()) == 200)
    before = resident_megabytes(watcher.process.pid)
    for number in range(10_000):
        (home.work / f"{number % 200}.png").touch()
        (home.work / f"note{number % 50}.txt").write_text(str(number))
    (home.work / "last.png").write_bytes(png())
    watcher.until(lambda: watcher.tagged()["last.png"])
    assert resident_megabytes(watcher.process.pid) - before < 20
    assert len(watcher.events("tagged")) == 201
