"""A watched folder that comes and goes, events that are lost, and folders that have to be polled."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from booru_tagger.watch.inbox import Inbox
from tests.support.watching import FakeObserver, FolderWatch

pytestmark = pytest.mark.usefixtures("fake_observers")


class TestTheFolder:
    def test_one_that_is_missing_is_waited_for(self, folder: Path, caplog: pytest.LogCaptureFixture) -> None:
        folder.rmdir()
        scene = FolderWatch(folder)
        assert scene.run(100) == []
        assert len(caplog.messages) == 1
        assert "waiting for it" in caplog.text
        folder.mkdir()
        (folder / "a.png").write_bytes(b"x")
        assert scene.given(3) == ["a.png"]

    def test_one_that_is_deleted_and_comes_back_is_watched_again(self, folder: Path) -> None:
        scene = FolderWatch(folder)
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
        scene = FolderWatch(folder)
        scene.run(1)
        folder.rename(folder.with_name("other"))
        folder.mkdir()
        scene.write("a.png", told=False)
        assert scene.given(3) == ["a.png"]

    def test_an_observer_that_dies_is_replaced(self, folder: Path) -> None:
        scene = FolderWatch(folder)
        scene.run(1)
        FakeObserver.at[folder].closed = True
        scene.write("a.png", told=False)
        assert scene.given(3) == ["a.png"]
        assert not FakeObserver.at[folder].closed

    def test_a_link_is_watched_where_it_leads(self, folder: Path) -> None:
        link = folder.with_name("link")
        link.symlink_to(folder)
        scene = FolderWatch(link)
        scene.run(1)
        (folder / "a.png").write_bytes(b"x")
        FakeObserver.at[folder].listener.file(str(folder / "a.png"), writing=False)
        scene.time.until = 3.0
        assert [item for item in (next(scene.items) for _ in range(5)) if item] == [link / "a.png"]

    def test_closing_the_stream_ends_the_observing(self, folder: Path) -> None:
        scene = FolderWatch(folder)
        scene.run(1)
        scene.items.close()
        assert FakeObserver.at[folder].closed


class TestLostEvents:
    def test_lost_events_have_everything_given_again(
        self, folder: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        scene = FolderWatch(folder)
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
        scene = FolderWatch(folder)
        scene.write("a.png", told=False)
        assert scene.given(1) == ["a.png"]
        scene.watch.begin_again(60)
        scene.write("b.png")
        assert scene.given(59) == []
        assert scene.given(3) == ["a.png", "b.png"]

    def test_more_news_than_fit_count_as_lost(self, folder: Path) -> None:
        inbox = Inbox(max_paths=2)
        for name in "abc":
            inbox.put_file(name, writing=False)
        news = inbox.take()
        assert len(news.files) == 2
        assert news.events == 3
        assert news.lost
        assert inbox.take().lost is None

    def test_after_a_great_burst_the_folder_is_listed(self, folder: Path) -> None:
        scene = FolderWatch(folder)
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
    def scene(self, request: pytest.FixtureRequest, folder: Path) -> FolderWatch:
        scene = FolderWatch(folder, polling=request.param == "asked for", settle=0.5)
        FakeObserver.limited = request.param == "limit reached"
        scene.run(1)
        if request.param == "limit reached later":
            FakeObserver.limited = True
            (folder / "new").mkdir()
            scene.system.folder(str(folder / "new"))
        return scene

    def test_what_comes_or_changes_is_given_once(self, scene: FolderWatch) -> None:
        scene.write("a.png", told=False)
        assert scene.given(60) == ["a.png"]
        scene.write("new/b.png", told=False)
        assert scene.given(60) == ["b.png"]
        scene.write("a.png", told=False)
        assert scene.given(60) == ["a.png"]

    def test_a_folder_that_comes_back_is_polled_on(self, scene: FolderWatch) -> None:
        scene.write("a.png", told=False)
        scene.run(10)
        shutil.rmtree(scene.folder)
        scene.run(10)
        scene.folder.mkdir()
        scene.write("a.png", told=False)
        assert scene.given(10) == ["a.png"]

    def test_bad_pictures_are_set_aside(self, scene: FolderWatch) -> None:
        path = scene.write("a.png", told=False)
        tries = 0
        while scene.given(100):
            scene.watch.failed(str(path), "damaged")
            tries += 1
        assert tries == 4


class TestOnce:
    def test_all_that_is_there_is_given_when_settled_and_then_it_ends(self, folder: Path) -> None:
        scene = FolderWatch(folder, once=True)
        scene.write("a.png", told=False)
        scene.time.until = 1_000
        assert [item.name for item in scene.items if isinstance(item, Path)] == ["a.png"]
        assert scene.time.now < 5
        assert FakeObserver.at == {}

    def test_a_folder_that_is_not_there_is_a_failure(self, folder: Path) -> None:
        folder.rmdir()
        assert FolderWatch(folder, once=True).given(1) == ["failed fanart"]

    def test_failures_are_not_tried_again(self, folder: Path, caplog: pytest.LogCaptureFixture) -> None:
        scene = FolderWatch(folder, once=True)
        path = scene.write("a.png", told=False)
        scene.watch.failed(str(path), "damaged")
        assert scene.given(100) == ["a.png"]
        assert caplog.messages == ["damaged"]
