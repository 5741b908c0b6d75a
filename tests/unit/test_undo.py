"""Tagging and taking it back, with real writers and a real journal."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from booru_tagger.errors import OutputError
from booru_tagger.journal import Journal
from booru_tagger.runner.undo import PictureUndo, untag, written_for
from booru_tagger.sources.listed import Walk
from booru_tagger.writers.naming import Naming, WriterOptions
from tests.support.journaling import KilledError, write_tags


def fates(undoing: PictureUndo) -> dict[str, str]:
    return {undone.target.name: undone.fate for undone in undoing.targets}


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


class TestUntag:
    def test_old_bytes_come_back(self, journal: Journal, picture: Path) -> None:
        caption = picture.with_name("a.png.txt")
        caption.write_bytes(b"\xef\xbb\xbfmine ,  too\r\n\r\n")
        write_tags(journal, picture, ["blue_hair"], "txt", "json")
        write_tags(journal, picture, ["red_hair"], "txt", "json")
        undoing = untag(picture, journal)
        assert caption.read_bytes() == b"\xef\xbb\xbfmine ,  too\r\n\r\n"
        assert fates(undoing) == {"a.png.txt": "restored", "a.png.json": "deleted"}
        assert undoing.targets[1].tags == ("red_hair",)
        assert names(picture.parent) == ["a.png", "a.png.txt"]

    def test_a_picture_is_then_not_done_and_unknown(self, journal: Journal, picture: Path) -> None:
        write_tags(journal, picture, ["blue_hair"])
        assert journal.is_done(picture, "f")
        untag(picture, journal)
        assert not journal.is_done(picture, "f")
        assert journal.entry(picture) is None
        assert untag(picture, journal) == PictureUndo(picture, ())

    def test_an_edited_file_loses_our_tags_alone(self, journal: Journal, picture: Path) -> None:
        write_tags(journal, picture, ["blue_hair", "long_hair"])
        caption = picture.with_name("a.png.txt")
        caption.write_text("blue_hair,\n  by hand, long_hair\n")
        undoing = untag(picture, journal)
        assert caption.read_text().strip() == "by hand"
        assert fates(undoing) == {"a.png.txt": "edited"}
        assert undoing.targets[0].tags == ("blue_hair", "long_hair")

    def test_what_a_person_had_taken_out_stays_out_for_ever(self, journal: Journal, picture: Path) -> None:
        write_tags(journal, picture, ["blue_hair", "long_hair"])
        caption = picture.with_name("a.png.txt")
        caption.write_text("blue_hair\n")
        untag(picture, journal)
        write_tags(journal, picture, ["blue_hair", "long_hair"])
        assert caption.read_text() == "blue_hair\n"

    def test_unless_that_is_to_be_forgotten(self, journal: Journal, picture: Path) -> None:
        write_tags(journal, picture, ["blue_hair", "long_hair"])
        caption = picture.with_name("a.png.txt")
        caption.write_text("blue_hair\n")
        untag(picture, journal)
        untag(picture, journal, forget_deletions=True)
        write_tags(journal, picture, ["blue_hair", "long_hair"])
        assert caption.read_text() == "blue_hair, long_hair\n"

    def test_a_deleted_file_is_not_missed(self, journal: Journal, picture: Path) -> None:
        write_tags(journal, picture, ["blue_hair"], "txt", "json")
        picture.with_name("a.png.txt").unlink()
        assert fates(untag(picture, journal)) == {"a.png.txt": "missing", "a.png.json": "deleted"}
        assert names(picture.parent) == ["a.png"]

    def test_works_for_a_picture_that_is_gone(self, journal: Journal, picture: Path) -> None:
        write_tags(journal, picture, ["blue_hair"])
        picture.unlink()
        untag(picture, journal)
        assert names(picture.parent) == []

    def test_takes_a_picture_out_of_a_shared_list(self, journal: Journal, picture: Path) -> None:
        other = picture.with_name("b.png")
        other.write_bytes(b"other")
        before = b'{"file_name": "c.png", "text": "mine"}\n'
        metadata = picture.with_name("metadata.jsonl")
        metadata.write_bytes(before)
        write_tags(journal, picture, ["blue_hair"], "jsonl")
        write_tags(journal, other, ["red_hair"], "jsonl")
        untag(picture, journal)
        assert [json.loads(line)["file_name"] for line in metadata.read_text().splitlines()] == [
            "c.png",
            "b.png",
        ]
        untag(other, journal)
        assert metadata.read_bytes() == before

    @pytest.mark.parametrize(
        "naming",
        [
            Naming("stem"),
            Naming("full", Path("out")),
            Naming("stem", Path("out"), (Path("art"),)),
        ],
    )
    def test_finds_what_was_named_otherwise(
        self, journal: Journal, picture: Path, naming: Naming, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(picture.parent.parent)
        write_tags(journal, picture, ["blue_hair"], "txt", "jsonl", options=WriterOptions(naming))
        written = [mark.target for mark in journal.entry(picture).marks]  # type: ignore[union-attr]
        for target in written:
            assert "blue_hair" in target.read_text()
            with target.open("a") as handle:  # so that a writer must be found for it
                handle.write('\n{"file_name": "by hand"}\n')
        assert not untag(picture, journal).failed
        for target in written:
            assert "blue_hair" not in target.read_text()
            assert "by hand" in target.read_text()

    def test_a_dry_run_says_so_and_changes_nothing(self, journal: Journal, picture: Path) -> None:
        write_tags(
            journal,
            picture,
            ["blue_hair"],
            "txt",
            "json",
            "hydrus",
            options=WriterOptions(Naming("stem")),
        )
        write_tags(journal, picture, ["blue_hair", "long_hair"], "txt")
        picture.with_name("a.png.txt").write_text("blue_hair, by hand\n")
        picture.with_name("a.json").unlink()
        state = {path: path.read_bytes() for path in picture.parent.iterdir()}
        foreseen = untag(picture, journal, dry_run=True)
        assert {path: path.read_bytes() for path in picture.parent.iterdir()} == state
        assert fates(foreseen) == {"a.json": "missing", "a.png.txt": "edited", "a.txt": "deleted"}
        assert foreseen.targets[1].tags == ("blue_hair",)
        assert fates(untag(picture, journal)) == fates(foreseen)

    def test_what_cannot_be_changed_is_reported_and_can_be_tried_again(
        self, journal: Journal, picture: Path
    ) -> None:
        write_tags(journal, picture, ["blue_hair"], "txt", "json")
        caption = picture.with_name("a.png.txt")
        caption.chmod(0o444)
        undoing = untag(picture, journal)
        assert undoing.failed
        assert fates(undoing) == {"a.png.json": "deleted", "a.png.txt": "failed"}
        caption.chmod(0o644)
        assert fates(untag(picture, journal)) == {"a.png.txt": "deleted"}

    def test_a_kill_in_the_middle_of_it(
        self, journal: Journal, picture: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        caption = picture.with_name("a.png.txt")
        caption.write_bytes(b"mine")
        write_tags(journal, picture, ["blue_hair"])

        def killed(*args: object) -> None:
            raise KilledError

        with monkeypatch.context() as patch:
            patch.setattr(Journal, "record_removal", killed)
            with pytest.raises(KilledError):
                untag(picture, journal)
        assert caption.read_bytes() == b"mine"
        write_tags(journal, picture, ["blue_hair"])
        assert caption.read_bytes() == b"mine, blue_hair", "the tag must not count as deleted by a person"

    def test_a_writer_that_is_not_there_any_more(
        self, journal: Journal, picture: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write_tags(journal, picture, ["blue_hair"])
        picture.with_name("a.png.txt").write_text("blue_hair, by hand\n")

        def gone(*args: object) -> None:
            raise OutputError("no such writer")

        monkeypatch.setattr("booru_tagger.runner.undo.make_writer", gone)
        (undone,) = untag(picture, journal).targets
        assert undone.error is not None
        assert undone.error.message == "no such writer"


class TestWrittenFor:
    def test_a_folder_stands_for_what_was_written_in_it(self, journal: Journal, tmp_path: Path) -> None:
        names = ("art/a.png", "art/below/b.png", "art/gone.png", "art2/c.png", "art/untagged.png")
        pictures = [tmp_path / name for name in names]
        for path in pictures:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"x")
        for path in pictures[:4]:
            write_tags(journal, path, ["blue_hair"])
        pictures[2].unlink()
        folder = tmp_path / "art"
        assert list(written_for([folder], journal, Walk())) == pictures[:3]
        assert list(written_for([folder], journal, Walk(recursive=False))) == [pictures[0], pictures[2]]

    def test_and_for_what_a_killed_run_wrote(self, journal: Journal, picture: Path) -> None:
        with pytest.raises(KilledError):
            write_tags(journal, picture, ["blue_hair"], kill="after")
        assert list(written_for([picture.parent], journal, Walk())) == [picture]
        assert fates(untag(picture, journal)) == {"a.png.txt": "deleted"}

    def test_and_for_what_was_moved_there(self, journal: Journal, picture: Path, tmp_path: Path) -> None:
        write_tags(journal, picture, ["blue_hair"])
        picture.parent.rename(tmp_path / "renamed")
        moved = list(written_for([tmp_path / "renamed"], journal, Walk()))
        assert moved == [tmp_path / "renamed" / "a.png"]
        untag(moved[0], journal)
        assert names(tmp_path / "renamed") == ["a.png"]
