"""What the journal remembers of pictures and of the files that were written for them."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from booru_tagger.journal import Journal, Original, Ownership, default_path
from booru_tagger.journal.paths import PathKeys
from booru_tagger.types import Content
from booru_tagger.writers.base import Written
from tests.support.journaling import account, result_for, sha256, tag, write


@given(st.lists(st.sampled_from(["a", "b.png", "..", ".", "", "c..d", ".e"]), max_size=5), st.booleans())
def test_a_key_is_the_absolute_path_however_it_is_spelled(parts: list[str], absolute: bool) -> None:
    path = Path("/" * absolute + "/".join(parts))
    folder, name = os.path.split(os.path.abspath(path))  # noqa: PTH100
    assert PathKeys()(path) == os.fsencode(os.path.join(os.path.realpath(folder), name))  # noqa: PTH118


def test_a_key_at_the_root_of_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    if os.sep == "/":
        monkeypatch.chdir("/")
        assert [PathKeys()(Path(path)) for path in ("a.png", "/a.png", "/no such/a.png")] == [
            *(b"/a.png", b"/a.png", b"/no such/a.png")
        ]


def test_a_key_follows_a_folder_s_link_when_patience_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr("booru_tagger.journal.paths.time.monotonic", lambda: now[0])
    old, new, link = tmp_path / "old", tmp_path / "new", tmp_path / "link"
    old.mkdir()
    new.mkdir()
    link.symlink_to(old)
    keys, path = PathKeys(), link / "a.png"
    assert keys(path, 0.1) == os.fsencode(old.resolve() / "a.png")
    link.unlink()
    link.symlink_to(new)
    assert keys(path) == os.fsencode(new.resolve() / "a.png"), "without patience it is seen at once"
    link.unlink()
    link.symlink_to(old)
    now[0] += 0.1
    assert keys(path, 0.1) == os.fsencode(old.resolve() / "a.png")
    assert keys(new / "a.png", 0.1) == os.fsencode(new.resolve() / "a.png"), "another folder is looked up"


class TestDone:
    def test_only_after_it_was_recorded_under_that_fingerprint(self, journal: Journal, picture: Path) -> None:
        assert not journal.is_done(picture, "f")
        tag(journal, picture)
        assert journal.is_done(picture, "f")
        assert not journal.is_done(picture, "another model")

    def test_is_known_to_the_next_process(self, place: Path, picture: Path) -> None:
        with Journal.open(place) as journal:
            tag(journal, picture)
        with Journal.open(place) as journal:
            assert journal.is_done(picture, "f")
            assert journal.warnings == ()

    def test_a_changed_picture_is_done_again(self, journal: Journal, picture: Path) -> None:
        tag(journal, picture)
        picture.write_bytes(b"PICTURE")  # of the same size
        os.utime(picture, ns=(0, 1))
        assert not journal.is_done(picture, "f")

    def test_a_touched_picture_is_not(
        self, journal: Journal, picture: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        tag(journal, picture)
        os.utime(picture, ns=(0, 1))
        assert journal.is_done(picture, "f")
        monkeypatch.setattr("booru_tagger.journal.store.sha256_of", lambda _: pytest.fail("read once more"))
        assert journal.is_done(picture, "f")

    def test_a_deleted_sidecar_is_made_anew(self, journal: Journal, picture: Path) -> None:
        target = tag(journal, picture)
        target.write_bytes(b"blue_hair, by hand\n")
        assert journal.is_done(picture, "f"), "an edit is no reason to write again"
        target.unlink()
        assert not journal.is_done(picture, "f")

    @pytest.mark.parametrize("missing", ["a.txt", "a.json", "a.xmp"])
    def test_each_of_several_sidecars_counts(self, journal: Journal, picture: Path, missing: str) -> None:
        targets = [picture.with_name(name) for name in ("a.txt", "a.json", "a.xmp")]
        written = [(target.suffix[1:], write(target, b"{}", {"blue_hair"})) for target in targets]
        journal.record(picture, "f", result_for(picture), written)
        assert journal.is_done(picture, "f")
        picture.with_name(missing).rename(picture.with_name("elsewhere"))
        assert not journal.is_done(picture, "f")
        picture.with_name(missing).symlink_to("nowhere")
        assert not journal.is_done(picture, "f"), "a link that leads nowhere is no file"

    def test_a_sidecar_of_an_earlier_setting_may_be_missing(self, journal: Journal, picture: Path) -> None:
        target = tag(journal, picture, "with txt")
        other = picture.with_suffix(".json")
        journal.record(
            picture, "with json", result_for(picture), [("json", write(other, b"{}", {"blue_hair"}))]
        )
        target.unlink()
        assert journal.is_done(picture, "with json")

    def test_a_picture_without_tags_has_no_sidecar_and_is_done(self, journal: Journal, picture: Path) -> None:
        journal.record(
            picture,
            "f",
            result_for(picture),
            [("txt", account(picture.with_suffix(".txt"), None, None, set()))],
        )
        assert journal.is_done(picture, "f")

    def test_a_missing_picture_is_not(self, journal: Journal, tmp_path: Path) -> None:
        assert not journal.is_done(tmp_path / "gone.png", "f")

    def test_a_picture_replaced_while_it_was_tagged_is_done_again(
        self, journal: Journal, picture: Path
    ) -> None:
        assert not journal.is_done(picture, "f")
        picture.write_bytes(b"another picture")
        tag(journal, picture)
        assert not journal.is_done(picture, "f")
        tag(journal, picture)
        assert journal.is_done(picture, "f")

    def test_tags_embedded_in_the_picture_do_not_make_it_a_changed_one(
        self, journal: Journal, picture: Path
    ) -> None:
        assert not journal.is_done(picture, "f")
        with journal.turn(picture, [picture]):
            report = write(picture, b"picture with tags", {"blue_hair"}, restorable=False)
            journal.record(picture, "f", result_for(picture), [("embed", report)])
        assert journal.is_done(picture, "f")

    def test_a_picture_is_hashed_where_it_is_read(
        self, journal: Journal, picture: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        content = Content(sha256(picture.read_bytes()), may_name_faces=False)
        result = replace(result_for(picture), content=content)
        assert not journal.is_done(picture, "f")
        with monkeypatch.context() as patch:
            patch.setattr("booru_tagger.journal.seen.sha256_of", lambda path: pytest.fail("is read again"))
            journal.record(picture, "f", result, [])
        os.utime(picture, (1, 1))
        assert journal.is_done(picture, "f"), "it was merely touched"
        picture.write_bytes(b"another picture")
        journal.record(picture, "f", result, [])
        assert not journal.is_done(picture, "f")

    def test_nor_do_they_hide_that_it_was_replaced_before(self, journal: Journal, picture: Path) -> None:
        assert not journal.is_done(picture, "f")
        picture.write_bytes(b"another picture")
        with journal.turn(picture, [picture]):
            report = write(picture, b"another picture with tags", {"blue_hair"}, restorable=False)
            journal.record(picture, "f", result_for(picture), [("embed", report)])
        assert not journal.is_done(picture, "f")

    @pytest.mark.skipif(os.name == "nt", reason="names there are always Unicode")
    def test_names_that_are_not_utf8(self, journal: Journal, tmp_path: Path) -> None:
        picture = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xfe\n'\".png"))
        try:
            picture.write_bytes(b"x")
        except OSError:
            pytest.skip("this file system takes no such names")
        target = tag(journal, picture)
        assert journal.is_done(picture, "f")
        assert journal.ownership(target, picture).owned == {"blue_hair"}
        entry = journal.entry(picture)
        assert entry is not None
        assert entry.picture == picture
        assert entry.result == result_for(picture)

    def test_a_file_has_one_name_however_it_is_reached(
        self, journal: Journal, picture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        tag(journal, picture)
        (tmp_path / "link").symlink_to(picture.parent)
        monkeypatch.chdir(picture.parent)
        assert journal.is_done(tmp_path / "link" / "a.png", "f")
        assert journal.is_done(Path("a.png"), "f")
        assert journal.is_done(Path("../art/a.png"), "f")


class TestMoves:
    def copy(self, path: Path, folder: Path) -> Path:
        folder.mkdir(exist_ok=True)
        return Path(shutil.copy2(path, folder / path.name))

    def test_a_renamed_folder_keeps_its_history(
        self, journal: Journal, picture: Path, tmp_path: Path
    ) -> None:
        tag(journal, picture)
        picture.parent.rename(tmp_path / "renamed")
        moved = tmp_path / "renamed" / "a.png"
        sidecar = Path(f"{moved}.txt")
        sidecar.write_bytes(b"blue_hair, typed since\n")
        assert journal.is_done(moved, "f")
        assert journal.ownership(sidecar, moved).owned == {"blue_hair"}

    def test_so_does_a_copy_with_its_sidecars(self, journal: Journal, picture: Path, tmp_path: Path) -> None:
        sidecar = tag(journal, picture)
        copy, beside = self.copy(picture, tmp_path / "copy"), self.copy(sidecar, tmp_path / "copy")
        assert journal.is_done(copy, "f")
        assert journal.ownership(beside, copy).owned == {"blue_hair"}
        assert journal.is_done(picture, "f")
        assert journal.ownership(sidecar, picture).owned == {"blue_hair"}

    def test_a_picture_that_left_its_sidecars_behind_is_done_again(
        self, journal: Journal, picture: Path, tmp_path: Path
    ) -> None:
        tag(journal, picture)
        assert not journal.is_done(self.copy(picture, tmp_path / "copy"), "f")
        (tmp_path / "moved").mkdir()
        assert not journal.is_done(picture.rename(tmp_path / "moved" / "a.png"), "f")

    def test_another_sidecar_beside_a_copy_is_a_persons(
        self, journal: Journal, picture: Path, tmp_path: Path
    ) -> None:
        tag(journal, picture)
        copy = self.copy(picture, tmp_path / "copy")
        beside = Path(f"{copy}.txt")
        beside.write_bytes(b"blue_hair, typed\n")
        assert not journal.is_done(copy, "f")
        assert journal.ownership(beside, copy) == Ownership()

    def test_a_shared_list_comes_along(self, journal: Journal, picture: Path, tmp_path: Path) -> None:
        other, shared = picture.with_name("b.png"), picture.with_name("metadata.jsonl")
        other.write_bytes(b"other")
        for path in (picture, other):
            report = write(shared, b"1\n2\n", {path.name}, restorable=False)
            journal.record(path, "f", result_for(path), [("jsonl", report)])
        picture.parent.rename(tmp_path / "renamed")
        for name in ("a.png", "b.png"):
            moved = tmp_path / "renamed" / name
            assert journal.is_done(moved, "f")
            assert journal.ownership(moved.with_name("metadata.jsonl"), moved).owned == {name}

    def test_another_picture_of_the_same_name_size_and_time_has_no_part_in_it(
        self, journal: Journal, picture: Path, tmp_path: Path
    ) -> None:
        sidecar = tag(journal, picture)
        other, beside = self.copy(picture, tmp_path / "other"), self.copy(sidecar, tmp_path / "other")
        stamp = picture.stat().st_mtime_ns
        other.write_bytes(b"PICTURE")
        os.utime(other, ns=(0, stamp))
        picture.unlink()
        assert not journal.is_done(other, "f")
        assert journal.ownership(beside, other) == Ownership()


class TestOwnership:
    def test_nothing_is_ours_at_first(self, journal: Journal, picture: Path) -> None:
        assert journal.ownership(picture.with_suffix(".txt"), picture) == Ownership()

    def test_is_what_the_writer_said_last(self, journal: Journal, picture: Path) -> None:
        target = tag(journal, picture)
        report = write(target, b"red_hair\n", {"red_hair"}, {"blue_hair"})
        journal.record(picture, "g", result_for(picture), [("txt", report)])
        assert journal.ownership(target, picture) == Ownership(
            frozenset({"red_hair"}), frozenset({"blue_hair"})
        )

    def test_is_kept_apart_for_pictures_that_share_a_file(self, journal: Journal, picture: Path) -> None:
        target, other = picture.with_name("metadata.jsonl"), picture.with_name("b.png")
        other.write_bytes(b"other")
        for path, tags in ((picture, {"blue_hair"}), (other, {"red_hair"})):
            report = write(target, b"x", tags, restorable=False)
            journal.record(path, "f", result_for(path), [("jsonl", report)])
        assert journal.ownership(target, picture).owned == {"blue_hair"}
        assert journal.ownership(target, other).owned == {"red_hair"}

    def test_of_a_deleted_file_is_none_and_nothing_counts_as_taken_out(
        self, journal: Journal, picture: Path
    ) -> None:
        target = tag(journal, picture)
        report = write(target, b"red_hair\n", {"red_hair"}, {"blue_hair"})
        journal.record(picture, "f", result_for(picture), [("txt", report)])
        target.unlink()
        assert journal.ownership(target, picture) == Ownership(deleted=frozenset({"blue_hair"}))


class TestOriginal:
    """What is known of a target before our first write decides how it can be undone."""

    def original(self, journal: Journal, picture: Path) -> tuple[Original, bytes | None]:
        entry = journal.entry(picture)
        assert entry is not None
        (mark,) = entry.marks
        return mark.original, mark.content

    def record(self, journal: Journal, picture: Path, *reports: Written) -> None:
        for report in reports:
            journal.record(picture, "f", result_for(picture), [("txt", report)])

    def test_there_was_no_file(self, journal: Journal, picture: Path) -> None:
        tag(journal, picture)
        assert self.original(journal, picture) == (Original.ABSENT, None)

    def test_stays_the_first_one_while_nobody_else_writes(self, journal: Journal, picture: Path) -> None:
        target = picture.with_name("a.txt")
        self.record(
            journal,
            picture,
            account(target, b"mine\n", b"mine, a\n", {"a"}),
            account(target, b"mine, a\n", b"mine, b\n", {"b"}),
            account(target, b"mine, b\n", b"mine, b\n", {"b"}),
        )
        assert self.original(journal, picture) == (Original.KEPT, b"mine\n")

    def test_is_given_up_once_a_person_edits_what_we_wrote(self, journal: Journal, picture: Path) -> None:
        target = picture.with_name("a.txt")
        self.record(
            journal,
            picture,
            account(target, b"mine\n", b"mine, a\n", {"a"}),
            account(target, b"mine, a, typed\n", b"mine, b, typed\n", {"b"}),
        )
        assert self.original(journal, picture) == (Original.UNKNOWN, None)

    def test_is_kept_from_the_first_change_on(self, journal: Journal, picture: Path) -> None:
        target = picture.with_name("a.txt")
        self.record(journal, picture, account(target, b"a\n", b"a\n", set()))
        assert self.original(journal, picture) == (Original.UNTOUCHED, None)
        self.record(journal, picture, account(target, b"typed\n", b"typed, b\n", {"b"}))
        assert self.original(journal, picture) == (Original.KEPT, b"typed\n")

    def test_is_kept_where_a_change_brought_no_tags(self, journal: Journal, picture: Path) -> None:
        self.record(journal, picture, account(picture.with_name("a.json"), b"{}", b'{"faces": []}', set()))
        assert self.original(journal, picture) == (Original.KEPT, b"{}")

    def test_is_absent_again_where_a_person_deleted_the_file(self, journal: Journal, picture: Path) -> None:
        target = picture.with_name("a.txt")
        self.record(
            journal,
            picture,
            account(target, b"mine\n", b"mine, a\n", {"a"}),
            account(target, None, b"a\n", {"a"}),
        )
        assert self.original(journal, picture) == (Original.ABSENT, None)

    def test_is_not_kept_where_it_is_large_or_shared(self, journal: Journal, picture: Path) -> None:
        large = b"x" * ((1 << 20) + 1)
        self.record(journal, picture, account(picture.with_name("a.txt"), large, large + b", a", {"a"}))
        assert self.original(journal, picture) == (Original.UNKNOWN, None)
        other = picture.with_name("b.png")
        self.record(
            journal, other, account(picture.with_name("m.jsonl"), b"1", b"2", {"a"}, restorable=False)
        )
        assert self.original(journal, other) == (Original.UNKNOWN, None)


def test_the_default_place_is_the_users_state_folder() -> None:
    assert default_path().name == "journal.sqlite3"
    assert default_path().parent.name == "booru-tagger"
