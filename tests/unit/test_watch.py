"""When a watched picture is given: once it has settled, and again when it failed or changed."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

from booru_tagger.watch import Retries
from tests.support.watching import DEALT_WITH, FakeObserver, FolderWatch

LONG_AGO = 1_000_000_000


pytestmark = pytest.mark.usefixtures("fake_observers")


def test_old_pictures_are_given_at_once_and_recent_ones_when_they_have_settled(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a.png", "b.png", "b.txt", ".c.png", "skip.png"):
        (folder / name).write_bytes(b"x")
    assert FolderWatch(folder).given(0.4) == []
    assert FolderWatch(folder).given(0.6) == ["a.png", "b.png"]
    monkeypatch.setattr("booru_tagger.watch.listing.OLD_SECONDS", 0.0)
    assert FolderWatch(folder).given(0.1) == ["a.png", "b.png"]


def test_a_file_whose_clock_was_set_back_still_has_to_settle(folder: Path) -> None:
    (folder / "a.png").write_bytes(b"x")
    os.utime(folder / "a.png", (LONG_AGO, LONG_AGO))
    assert FolderWatch(folder).given(0.4) == []


def test_a_new_picture_is_given_once_when_it_has_stopped_changing(folder: Path) -> None:
    scene = FolderWatch(folder)
    assert scene.run(5) == []
    scene.write("a.png")
    assert scene.given(0.4) == []
    scene.write("a.png", told=False)  # no event is needed to see that it still grows
    assert scene.given(0.4) == []
    assert scene.run(2) == ["a.png", DEALT_WITH]
    assert scene.run(60) == []


def test_a_picture_is_not_given_before_its_writer_closes_it(folder: Path) -> None:
    scene = FolderWatch(folder)
    scene.run(1)
    for _ in range(5):
        scene.write("a.png", writing=True)
        assert scene.run(20) == []
    scene.write("a.png", writing=False)
    assert scene.given(0.6) == ["a.png"]


def test_a_writer_that_never_closes_is_not_waited_for_forever(folder: Path) -> None:
    scene = FolderWatch(folder)
    scene.run(1)
    scene.write("a.png", writing=True)
    assert scene.given(29) == []
    assert scene.given(2) == ["a.png"]


def test_an_empty_file_is_taken_for_a_beginning(folder: Path) -> None:
    scene = FolderWatch(folder)
    scene.run(1)
    scene.write("a.png", data=b"")
    assert scene.given(20) == []
    scene.write("a.png", data=b"x")
    assert scene.given(0.6) == ["a.png"]


def test_a_picture_that_goes_away_again_is_not_given(folder: Path) -> None:
    scene = FolderWatch(folder)
    scene.run(1)
    scene.write("a.png").unlink()
    scene.system.file(str(folder / "never.png"), writing=False)
    assert scene.run(60) == []


def test_what_changes_while_it_is_worked_on_is_given_after_that(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("booru_tagger.watch.listing.OLD_SECONDS", 0.0)
    scene = FolderWatch(folder)
    scene.run(1)
    path = scene.write("a.png")
    scene.run(0.1)
    scene.time.now = scene.time.until = scene.time.until + 1
    scene.watch.begin_again()  # so that it is listed in the moment in which it has settled
    assert [item for _, item in zip(range(3), scene.items, strict=False)] == [path, None, path]


def test_ten_thousand_events_are_one_picture(folder: Path) -> None:
    scene = FolderWatch(folder)
    scene.run(1)
    path = scene.write("a.png")
    for _ in range(10_000):
        scene.system.file(str(path), writing=True)
    scene.system.file(str(path), writing=False)
    assert scene.given(1) == ["a.png"]


def test_our_own_sidecars_and_what_is_ignored_wake_nobody(folder: Path) -> None:
    scene = FolderWatch(folder)
    scene.run(1)
    for name in ("a.png.txt", ".booru-tagger-0123.tmp", ".hidden/a.png", "skipped/a.png", "a.png.part"):
        scene.write(name)
    scene.system.folder(str(folder / ".hidden"))
    scene.system.folder(str(folder / "skipped"))
    assert scene.time._bell.empty()
    assert scene.run(10) == []


def test_a_folder_that_is_moved_in_brings_its_pictures(folder: Path) -> None:
    scene = FolderWatch(folder)
    scene.run(1)
    for name in ("new/a.png", "new/deep/b.png"):
        (folder / name).parent.mkdir(exist_ok=True)
        scene.write(name, told=False)
    scene.system.folder(str(folder / "new"))
    scene.system.folder(str(folder / "new/deep"))
    assert scene.given(2) == ["a.png", "b.png"]


def test_a_flat_watch_does_not_look_into_new_folders(folder: Path) -> None:
    scene = FolderWatch(folder, recursive=False)
    scene.run(1)
    scene.write("new/a.png", told=False)
    scene.system.folder(str(folder / "new"))
    assert scene.given(2) == []


class TestFailures:
    def test_a_bad_picture_is_tried_later_and_later_then_set_aside_until_it_changes(
        self, folder: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO)
        scene = FolderWatch(folder, retries=Retries((2.0, 10.0)))
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
        scene = FolderWatch(folder, retries=Retries(()))
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
        scene = FolderWatch(folder)
        scene.watch.failed(str(folder / "gone.png"), "no such file")
        assert scene.run(100) == []
        assert caplog.messages == []

    def test_a_folder_that_cannot_be_read_is_told_of_once(self, folder: Path) -> None:
        (folder / "closed").mkdir()
        scene = FolderWatch(folder)
        assert scene.given(1) == ["failed closed"]
        scene.watch.begin_again()
        assert scene.given(10) == []

    def test_a_folder_that_is_made_readable_is_gone_through(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Its permissions are stood for by its name, as the superuser may read everything."""
        closed, opened = folder / "closed", folder / "opened"
        closed.mkdir()
        (closed / "a.png").write_bytes(b"x")
        monkeypatch.setattr("booru_tagger.watch.stream._is_open", lambda path: opened.is_dir())
        scene = FolderWatch(folder)
        assert scene.given(10) == ["failed closed"]
        before = FakeObserver.at[folder]
        closed.rename(opened)
        assert scene.given(10) == ["a.png"]
        assert before.closed, "what could not be read could not be watched, either"
        assert scene.given(100) == []

    def test_links_are_left_out_where_that_is_asked_for(self, folder: Path) -> None:
        (folder / "a.png").symlink_to("elsewhere")
        scene = FolderWatch(folder, file_links=False)
        scene.run(1)
        (folder / "b.png").symlink_to("elsewhere")
        scene.system.file(str(folder / "b.png"), writing=False)
        scene.write("c.png")
        assert "b.png" not in scene.given(10)

    def test_broken_links_are_given_so_that_they_fail_visibly(
        self, folder: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        (folder / "a.png").symlink_to("nowhere")
        scene = FolderWatch(folder)
        assert scene.given(1) == ["a.png"]
        scene.watch.failed(str(folder / "a.png"), "no such file")
        assert scene.given(100) == []
        assert "no such file" in caplog.text
