"""A watched folder, with the clock, the system's events and its limits in the test's hands."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from booru_tagger.types import PictureError, TagResult
from booru_tagger.watch import Names, Retries, Watch
from booru_tagger.watch.inbox import Inbox
from booru_tagger.watch.observer import LimitError, Listener

LONG_AGO = 1_000_000_000
DEALT_WITH = "-"


class Time(Inbox):
    """An inbox whose waiting is all that takes time."""

    def __init__(self) -> None:
        super().__init__()
        self.now = self.until = 0.0

    def clock(self) -> float:
        return self.now

    def wait(self, timeout: float) -> None:
        if self._bell.empty():
            self.now = min(self.now + max(timeout, 0.001), self.until)


class FakeObserver:
    """What stands for the system. Events are made by calling ``listener``."""

    at: dict[Path, FakeObserver]
    limited: bool

    def __init__(self, folder: str, listener: Listener, *, recursive: bool) -> None:
        self.listener, self.closed = listener, False
        self.check_limit()
        FakeObserver.at[Path(folder)] = self

    def check_limit(self) -> None:
        if FakeObserver.limited:
            raise LimitError("no more watches")

    def is_alive(self) -> bool:
        return not self.closed

    def close(self) -> None:
        self.closed = True


class Scene:
    """A watch over one folder."""

    def __init__(self, folder: Path, **options: Any) -> None:
        self.folder, self.time = folder, Time()
        self.watch = Watch(
            [folder], walk, Names(is_picture, ("skip*",)), inbox=self.time, clock=self.time.clock, **options
        )
        self.items = iter(self.watch)

    def run(self, seconds: float) -> list[str]:
        """Names given within so many seconds, with ``-`` where what was given has to be dealt with."""
        given: list[str] = []
        self.time.until = self.time.now + seconds
        for item in self.items:
            if item is not None:
                given.append(item.name if isinstance(item, Path) else f"failed {Path(item.path).name}")
            elif given and given[-1] != DEALT_WITH:
                given.append(DEALT_WITH)
            if item is None and self.time.now >= self.time.until:
                break
        return given

    def given(self, seconds: float) -> list[str]:
        return [name for name in self.run(seconds) if name != DEALT_WITH]

    @property
    def system(self) -> Listener:
        return FakeObserver.at[self.folder].listener

    def write(self, name: str, *, writing: bool = False, data: bytes = b"x", told: bool = True) -> Path:
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        with path.open("ab") as file:
            file.write(data)
        if told:
            self.system.file(str(path), writing=writing)
        return path


def is_picture(name: str) -> bool:
    return name.endswith(".png") and not name.startswith(".")


def walk(folder: Path) -> Iterator[Path | TagResult]:
    if not folder.is_dir() or folder.name == "closed":
        yield TagResult(str(folder), error=PictureError("unreadable", "the folder cannot be read"))
        return
    for path in sorted(folder.iterdir()):
        if path.is_dir():
            yield from walk(path)
        elif is_picture(path.name):
            yield path


@pytest.fixture(autouse=True)
def system(monkeypatch: pytest.MonkeyPatch) -> None:
    FakeObserver.at, FakeObserver.limited = {}, False
    monkeypatch.setattr("booru_tagger.watch.root.Observer", FakeObserver)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path.resolve() / "fanart"
    folder.mkdir()
    return folder


def test_old_pictures_are_given_at_once_and_recent_ones_when_they_have_settled(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a.png", "b.png", "b.txt", ".c.png", "skip.png"):
        (folder / name).write_bytes(b"x")
    assert Scene(folder).given(0.4) == []
    assert Scene(folder).given(0.6) == ["a.png", "b.png"]
    monkeypatch.setattr("booru_tagger.watch.listing.OLD_SECONDS", 0.0)
    assert Scene(folder).given(0.1) == ["a.png", "b.png"]


def test_a_file_whose_clock_was_set_back_still_has_to_settle(folder: Path) -> None:
    (folder / "a.png").write_bytes(b"x")
    os.utime(folder / "a.png", (LONG_AGO, LONG_AGO))
    assert Scene(folder).given(0.4) == []


def test_a_new_picture_is_given_once_when_it_has_stopped_changing(folder: Path) -> None:
    scene = Scene(folder)
    assert scene.run(5) == []
    scene.write("a.png")
    assert scene.given(0.4) == []
    scene.write("a.png", told=False)  # no event is needed to see that it still grows
    assert scene.given(0.4) == []
    assert scene.run(2) == ["a.png", DEALT_WITH]
    assert scene.run(60) == []


def test_a_picture_is_not_given_before_its_writer_closes_it(folder: Path) -> None:
    scene = Scene(folder)
    scene.run(1)
    for _ in range(5):
        scene.write("a.png", writing=True)
        assert scene.run(20) == []
    scene.write("a.png", writing=False)
    assert scene.given(0.6) == ["a.png"]


def test_a_writer_that_never_closes_is_not_waited_for_forever(folder: Path) -> None:
    scene = Scene(folder)
    scene.run(1)
    scene.write("a.png", writing=True)
    assert scene.given(29) == []
    assert scene.given(2) == ["a.png"]


def test_an_empty_file_is_taken_for_a_beginning(folder: Path) -> None:
    scene = Scene(folder)
    scene.run(1)
    scene.write("a.png", data=b"")
    assert scene.given(20) == []
    scene.write("a.png", data=b"x")
    assert scene.given(0.6) == ["a.png"]


def test_a_picture_that_goes_away_again_is_not_given(folder: Path) -> None:
    scene = Scene(folder)
    scene.run(1)
    scene.write("a.png").unlink()
    scene.system.file(str(folder / "never.png"), writing=False)
    assert scene.run(60) == []


def test_what_changes_while_it_is_worked_on_is_given_after_that(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("booru_tagger.watch.listing.OLD_SECONDS", 0.0)
    scene = Scene(folder)
    path = scene.write("a.png", told=False)
    assert next(scene.items) == path
    scene.watch.begin_again()
    assert [next(scene.items) for _ in range(2)] == [None, path]


def test_ten_thousand_events_are_one_picture(folder: Path) -> None:
    scene = Scene(folder)
    scene.run(1)
    path = scene.write("a.png")
    for _ in range(10_000):
        scene.system.file(str(path), writing=True)
    scene.system.file(str(path), writing=False)
    assert scene.given(1) == ["a.png"]


def test_our_own_sidecars_and_what_is_ignored_wake_nobody(folder: Path) -> None:
    scene = Scene(folder)
    scene.run(1)
    for name in ("a.png.txt", ".booru-tagger-0123.tmp", ".hidden/a.png", "skipped/a.png", "a.png.part"):
        scene.write(name)
    scene.system.folder(str(folder / ".hidden"))
    scene.system.folder(str(folder / "skipped"))
    assert scene.time._bell.empty()
    assert scene.run(10) == []


def test_a_folder_that_is_moved_in_brings_its_pictures(folder: Path) -> None:
    scene = Scene(folder)
    scene.run(1)
    for name in ("new/a.png", "new/deep/b.png"):
        (folder / name).parent.mkdir(exist_ok=True)
        scene.write(name, told=False)
    scene.system.folder(str(folder / "new"))
    scene.system.folder(str(folder / "new/deep"))
    assert scene.given(2) == ["a.png", "b.png"]


def test_a_flat_watch_does_not_look_into_new_folders(folder: Path) -> None:
    scene = Scene(folder, recursive=False)
    scene.run(1)
    scene.write("new/a.png", told=False)
    scene.system.folder(str(folder / "new"))
    assert scene.given(2) == []


class TestFailures:
    def test_a_bad_picture_is_tried_later_and_later_then_set_aside_until_it_changes(
        self, folder: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO)
        scene = Scene(folder, retries=Retries((2.0, 10.0)))
        scene.run(1)
        path = scene.write("a.png")
        for wait in (1, 3, 11):
            assert scene.given(wait) == ["a.png"]
            scene.watch.failed(str(path), "a.png: damaged")
        assert scene.given(1_000) == []
        assert caplog.messages[-1] == "a.png: damaged; set aside until it changes"
        scene.watch.begin_again()
        assert scene.given(10) == []
        scene.write("a.png")
        assert scene.given(1) == ["a.png"]
        scene.watch.failed(str(path), "a.png: damaged")
        assert scene.given(3) == ["a.png"]

    def test_a_picture_that_is_made_readable_is_tried_again(self, folder: Path) -> None:
        scene = Scene(folder, retries=Retries(()))
        scene.run(1)
        path = scene.write("a.png")
        scene.run(1)
        scene.watch.failed(str(path), "permission denied")
        path.chmod(0o600)
        scene.system.file(str(path), writing=False)
        assert scene.given(1) == ["a.png"]

    def test_a_picture_that_went_away_while_it_was_read_is_no_failure(
        self, folder: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        scene = Scene(folder)
        scene.watch.failed(str(folder / "gone.png"), "no such file")
        assert scene.run(100) == []
        assert caplog.messages == []

    def test_a_folder_that_cannot_be_read_is_told_of_once(self, folder: Path) -> None:
        (folder / "closed").mkdir()
        scene = Scene(folder)
        assert scene.given(1) == ["failed closed"]
        scene.watch.begin_again()
        assert scene.given(10) == []

    def test_broken_links_are_given_so_that_they_fail_visibly(
        self, folder: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        (folder / "a.png").symlink_to("nowhere")
        scene = Scene(folder)
        assert scene.given(1) == ["a.png"]
        scene.watch.failed(str(folder / "a.png"), "no such file")
        assert scene.given(100) == []
        assert "no such file" in caplog.text


class TestTheFolder:
    def test_one_that_is_missing_is_waited_for(self, folder: Path, caplog: pytest.LogCaptureFixture) -> None:
        folder.rmdir()
        scene = Scene(folder)
        assert scene.run(100) == []
        assert len(caplog.messages) == 1
        assert "waiting for it" in caplog.text
        folder.mkdir()
        (folder / "a.png").write_bytes(b"x")
        assert scene.given(3) == ["a.png"]

    def test_one_that_is_deleted_and_comes_back_is_watched_again(self, folder: Path) -> None:
        scene = Scene(folder)
        scene.run(1)
        first = FakeObserver.at[folder]
        shutil.rmtree(folder)
        assert scene.run(10) == []
        assert first.closed
        folder.mkdir()
        scene.write("a.png", told=False)
        assert scene.given(3) == ["a.png"]
        scene.write("b.png")
        assert scene.given(1) == ["b.png"]

    def test_another_one_in_its_place_is_listed(self, folder: Path) -> None:
        """As when a disk is mounted there."""
        scene = Scene(folder)
        scene.run(1)
        folder.rename(folder.with_name("other"))
        folder.mkdir()
        scene.write("a.png", told=False)
        assert scene.given(3) == ["a.png"]

    def test_an_observer_that_dies_is_replaced(self, folder: Path) -> None:
        scene = Scene(folder)
        scene.run(1)
        FakeObserver.at[folder].closed = True
        scene.write("a.png", told=False)
        assert scene.given(3) == ["a.png"]
        assert not FakeObserver.at[folder].closed

    def test_a_link_is_watched_where_it_leads(self, folder: Path) -> None:
        link = folder.with_name("link")
        link.symlink_to(folder)
        scene = Scene(link)
        scene.run(1)
        (folder / "a.png").write_bytes(b"x")
        FakeObserver.at[folder].listener.file(str(folder / "a.png"), writing=False)
        scene.time.until = 3.0
        assert [item for item in (next(scene.items) for _ in range(5)) if item] == [link / "a.png"]

    def test_closing_the_stream_ends_the_observing(self, folder: Path) -> None:
        scene = Scene(folder)
        scene.run(1)
        scene.items.close()  # type: ignore[attr-defined]
        assert FakeObserver.at[folder].closed


class TestLostEvents:
    def test_lost_events_have_everything_given_again(
        self, folder: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        scene = Scene(folder)
        scene.write("a.png", told=False)
        assert scene.given(1) == ["a.png"]
        scene.write("b.png", told=False)
        before = FakeObserver.at[folder]
        scene.system.lost("queue overflow")
        assert scene.given(3) == ["a.png", "b.png"]
        assert "events were lost (queue overflow)" in caplog.text
        assert before.closed, "folders that came meanwhile are watched by a new observer only"

    def test_after_a_pause_all_is_given_again(self, folder: Path) -> None:
        """For the caller, where what was given could not be dealt with: a full disk."""
        scene = Scene(folder)
        scene.write("a.png", told=False)
        assert scene.given(1) == ["a.png"]
        scene.watch.begin_again(60)
        scene.write("b.png")
        assert scene.given(59) == []
        assert scene.given(3) == ["a.png", "b.png"]

    def test_more_news_than_fit_count_as_lost(self, folder: Path) -> None:
        inbox = Inbox(most=2)
        for name in "abc":
            inbox.put_file(name, writing=False)
        news = inbox.take()
        assert len(news.files) == 2
        assert news.events == 3
        assert news.lost
        assert inbox.take().lost is None

    def test_after_a_great_burst_the_folder_is_listed(self, folder: Path) -> None:
        scene = Scene(folder)
        scene.run(601)
        scene.write("a.png", told=False)
        for number in range(5_000):
            scene.system.file(str(folder / f"{number}.txt"), writing=False)
        assert scene.given(5) == ["a.png"]
        for number in range(5_000):
            scene.system.file(str(folder / f"{number}.txt"), writing=False)
        assert scene.given(500) == [], "not time and again in a folder that never rests"


class TestPolling:
    @pytest.fixture(params=["asked for", "limit reached", "limit reached later"])
    def scene(self, request: pytest.FixtureRequest, folder: Path) -> Scene:
        scene = Scene(folder, polling=request.param == "asked for", settle=0.5)
        FakeObserver.limited = request.param == "limit reached"
        scene.run(1)
        if request.param == "limit reached later":
            FakeObserver.limited = True
            (folder / "new").mkdir()
            scene.system.folder(str(folder / "new"))
        return scene

    def test_what_comes_or_changes_is_given_once(self, scene: Scene) -> None:
        scene.write("a.png", told=False)
        assert scene.given(60) == ["a.png"]
        scene.write("new/b.png", told=False)
        assert scene.given(60) == ["b.png"]
        scene.write("a.png", told=False)
        assert scene.given(60) == ["a.png"]

    def test_a_folder_that_comes_back_is_polled_on(self, scene: Scene) -> None:
        scene.write("a.png", told=False)
        scene.run(10)
        shutil.rmtree(scene.folder)
        scene.run(10)
        scene.folder.mkdir()
        scene.write("a.png", told=False)
        assert scene.given(10) == ["a.png"]

    def test_bad_pictures_are_set_aside(self, scene: Scene) -> None:
        path = scene.write("a.png", told=False)
        tries = 0
        while scene.given(100):
            scene.watch.failed(str(path), "damaged")
            tries += 1
        assert tries == 4


class TestOnce:
    def test_all_that_is_there_is_given_when_settled_and_then_it_ends(self, folder: Path) -> None:
        scene = Scene(folder, once=True)
        scene.write("a.png", told=False)
        scene.time.until = 1_000
        assert [item.name for item in scene.items if isinstance(item, Path)] == ["a.png"]
        assert scene.time.now < 5
        assert FakeObserver.at == {}

    def test_a_folder_that_is_not_there_is_a_failure(self, folder: Path) -> None:
        folder.rmdir()
        assert Scene(folder, once=True).given(1) == ["failed fanart"]

    def test_failures_are_not_tried_again(self, folder: Path, caplog: pytest.LogCaptureFixture) -> None:
        scene = Scene(folder, once=True)
        path = scene.write("a.png", told=False)
        scene.watch.failed(str(path), "damaged")
        assert scene.given(100) == ["a.png"]
        assert caplog.messages == ["damaged"]
