"""`booru-tagger untag` and `booru-tagger show`, on what `booru-tagger tag` wrote."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from booru_tagger.errors import EXIT_NOTHING_DONE, EXIT_SOME_FAILED, OutputError
from tests.support.bundles import Painted, paint
from tests.support.command import Ended, snapshot
from tests.support.here import Here

MIKU = Painted(20, 20, 100)
STRANGER = Painted(180, 60, 80, "stranger", "red", "blue")


@pytest.fixture
def home(
    tmp_path: Path, tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Here:
    work = tmp_path / "work"
    (work / "below").mkdir(parents=True)
    paint([MIKU]).save(work / "a.png")
    paint([MIKU, STRANGER]).save(work / "below" / "b.png")
    return Here(work, tiny_bundle, monkeypatch, capsys)


def tag(home: Here, *args: str) -> None:
    ended = home.run("tag", "--batch", "--format", "none", *args)
    assert ended.code == 0, ended.err


def fates(ended: Ended) -> dict[str, str]:
    lines = [json.loads(line) for line in ended.out.splitlines()]
    return {Path(target["path"]).name: target["fate"] for line in lines for target in line["targets"]}


class TestUntag:
    def test_leaves_a_folder_as_it_was(self, home: Here) -> None:
        (home.work / "a.png.txt").write_bytes(b"mine ,my own\r\n")
        before = {path: data for path, (data, _) in snapshot(home.work).items()}
        tag(home, "--writer", "txt", "--writer", "json", "--writer", "jsonl", "--writer", "xmp")
        rehearsed = home.run("untag", "--batch", "--dry-run", "--format", "jsonl")
        tagged = snapshot(home.work)
        assert len(tagged) > len(before)
        ended = home.run("untag", "--batch", "--format", "jsonl")
        assert ended.code == rehearsed.code == 0, ended.err
        assert {path: data for path, (data, _) in snapshot(home.work).items()} == before
        assert fates(ended)["a.png.txt"] == fates(rehearsed)["a.png.txt"] == "restored"
        assert fates(ended)["b.png.txt"] == fates(rehearsed)["b.png.txt"] == "deleted"
        assert "2 pictures untagged" in ended.err
        assert "dry run" in rehearsed.err
        again = home.run("untag", "--batch")
        assert (again.code, again.out) == (EXIT_NOTHING_DONE, "")
        assert "nothing to untag" in again.err

    def test_a_dry_run_changes_no_byte(self, home: Here) -> None:
        tag(home)
        before = snapshot(home.work)
        home.run("untag", "--batch", "--dry-run")
        assert snapshot(home.work) == before

    def test_one_picture_and_not_the_others(self, home: Here) -> None:
        tag(home, "--writer", "txt")
        ended = home.run("untag", "below/b.png")
        assert ended.code == 0, ended.err
        assert "b.png.txt: deleted, as there was none before" in ended.out
        assert (home.work / "a.png.txt").exists()
        assert not (home.work / "below" / "b.png.txt").exists()

    def test_a_folder_and_not_those_below(self, home: Here) -> None:
        tag(home, "--writer", "txt")
        home.run("untag", "--batch", "--no-recursive", ".")
        assert not (home.work / "a.png.txt").exists()
        assert (home.work / "below" / "b.png.txt").exists()

    def test_what_a_person_took_out_is_not_written_again(self, home: Here) -> None:
        tag(home, "--writer", "txt")
        caption = home.work / "a.png.txt"
        caption.write_text(caption.read_text().replace("twintails, ", "").replace(", twintails", ""))
        home.run("untag", "a.png")
        tag(home, "--writer", "txt")
        assert "hatsune_miku" in caption.read_text()
        assert "twintails" not in caption.read_text()
        home.run("untag", "--forget-deletions", "a.png")
        tag(home, "--writer", "txt")
        assert "twintails" in caption.read_text()

    def test_unless_the_run_is_told_to_write_it_again(self, home: Here) -> None:
        tag(home, "--writer", "txt")
        caption = home.work / "a.png.txt"
        before = caption.read_text()
        caption.write_text(before.replace(", twintails", ""))
        tag(home, "--writer", "txt", "--force")
        assert "twintails" not in caption.read_text()
        tag(home, "--writer", "txt", "--no-respect-deletions")
        assert caption.read_text() == before
        tag(home, "--writer", "txt", "--respect-deletions")
        assert caption.read_text() == before

    def test_an_unknown_picture_is_said_to_be_one(self, home: Here) -> None:
        ended = home.run("untag", "a.png")
        assert ended.code == EXIT_NOTHING_DONE
        assert ended.err.startswith("a.png: no tags of this program are known")

    def test_a_file_that_cannot_be_changed_fails_and_the_rest_goes_on(self, home: Here) -> None:
        tag(home, "--writer", "txt")
        (home.work / "a.png.txt").chmod(0o444)
        ended = home.run("untag", "--batch", "--format", "jsonl")
        assert ended.code == EXIT_SOME_FAILED
        assert fates(ended) == {"a.png.txt": "failed", "b.png.txt": "deleted"}
        assert "read-only" in ended.err and "1 failed" in ended.err

    @pytest.mark.parametrize(
        ("args", "words"),
        [([], "--batch"), (["below"], "untag --batch below"), (["a.png", "--no-journal"], "journal")],
    )
    def test_what_cannot_be_meant_is_refused(self, home: Here, args: list[str], words: str) -> None:
        ended = home.run("untag", *args)
        assert ended.code == 2
        assert words in ended.err


class TestShow:
    def show(self, home: Here, *args: str) -> dict[str, Any]:
        ended = home.run("show", "--format", "json", *args)
        assert ended.code == 0, ended.err
        shown: dict[str, Any] = json.loads(ended.out)
        return shown

    def test_says_of_every_tag_where_it_comes_from(self, home: Here) -> None:
        caption = home.work / "below" / "b.png.txt"
        caption.write_text("my own")
        tag(home, "--writer", "txt")
        caption.write_text(caption.read_text().replace("twintails", "typed"))
        shown = self.show(home, "below/b.png")
        sources = {(tag["tag"], tag["source"]): tag["writers"] for tag in shown["tags"]}
        assert sources["hatsune_miku", "recogniser"] == ["txt"]
        assert sources["aqua_hair", "implied"] == ["txt"]
        assert sources["red_hair", "measured"] == ["txt"]
        assert sources["my own", "person"] == ["txt"]
        assert sources["typed", "person"] == ["txt"]
        assert sources["twintails", "deleted by a person"] == ["txt"]
        miku = next(tag for tag in shown["tags"] if tag["tag"] == "hatsune_miku")
        assert miku["category"] == "character" and miku["score"] > 0.9
        assert [face["box"] for face in shown["result"]["faces"]] == [list(MIKU.box), list(STRANGER.box)]
        assert shown["tagged_at"] is not None

    def test_knows_tags_in_every_spelling(self, home: Here) -> None:
        tag(home, "--writer", "hydrus", "--writer", "json")
        sources = {tag["tag"]: (tag["source"], tag["writers"]) for tag in self.show(home, "a.png")["tags"]}
        assert sources["hatsune_miku"] == ("recogniser", ["json", "hydrus"])
        assert sources["vocaloid"] == ("implied", ["json", "hydrus"])

    def test_says_what_became_of_each_file(self, home: Here) -> None:
        tag(home, "--writer", "txt", "--writer", "json", "--writer", "xmp")
        (home.work / "a.png.json").unlink()
        (home.work / "a.png.xmp").write_bytes(b"\x00 noise")
        files = {file["writer"]: file for file in self.show(home, "a.png")["files"]}
        assert {name: file["state"] for name, file in files.items()} == {
            "txt": "as written",
            "json": "missing",
            "xmp": "unreadable",
        }
        assert "a.png.xmp" in files["xmp"]["error"]
        assert files["txt"]["written_at"] is not None

    def test_says_what_the_picture_says_of_itself(self, home: Here) -> None:
        exif = Image.Exif()
        exif[0x9C9E], exif[0x13B], exif[0x4746] = "red hair;mine".encode("utf-16-le"), "Ann", 4
        paint([MIKU]).save(home.work / "c.jpg", exif=exif)
        tag(home, "--writer", "txt")
        shown = self.show(home, "c.jpg")
        sources = {(tag["tag"], tag["source"]): tag["writers"] for tag in shown["tags"]}
        assert sources["mine", "person"] == sources["red hair", "person"] == ["exif"]
        assert (shown["exif"]["artist"], shown["exif"]["rating"]) == ("Ann", 4)
        assert "artist" in home.run("show", "c.jpg").out

    def test_prints_tables(self, home: Here) -> None:
        tag(home)
        ended = home.run("show", "below/b.png")
        assert ended.code == 0, ended.err
        lines = [" ".join(line.split()) for line in ended.out.splitlines()]
        assert "hatsune_miku character 1.00 recogniser json, txt" in lines
        assert any(line.startswith("180,60 80x80") and "unknown" in line for line in lines)
        assert any(line.startswith("b.png.txt txt") and "as written" in line for line in lines)
        assert any("hatsune_miku 1.00 aqua 1.00" in line for line in lines), "no candidate beside one so sure"

    def test_of_a_picture_that_was_never_tagged_all_tags_are_a_persons(self, home: Here) -> None:
        (home.work / "a.png.txt").write_text("mine, hatsune_miku")
        shown = self.show(home, "a.png")
        assert [(tag["tag"], tag["source"]) for tag in shown["tags"]] == [
            ("hatsune_miku", "person"),
            ("mine", "person"),
        ]
        assert shown["result"] is None

    def test_after_untag_nothing_is_ours(self, home: Here) -> None:
        (home.work / "a.png.txt").write_text("mine")
        tag(home, "--writer", "txt")
        home.run("untag", "a.png")
        assert [tag["source"] for tag in self.show(home, "a.png")["tags"]] == ["person"]

    def test_a_name_that_leads_nowhere(self, home: Here) -> None:
        ended = home.run("show", "nowhere.png")
        assert ended.code == EXIT_NOTHING_DONE
        assert "nowhere.png" in ended.err
        assert home.run("show", "below").code == 2


class TestDraw:
    def test_frames_the_heads(self, home: Here) -> None:
        tag(home)
        ended = home.run("show", "below/b.png", "--draw", "heads.png")
        assert ended.code == 0, ended.err
        with (
            Image.open(home.work / "below" / "b.png") as before,
            Image.open(home.work / "heads.png") as after,
        ):
            assert after.size == before.size
            changed = (np.asarray(before.convert("RGB")) != np.asarray(after.convert("RGB"))).any(axis=2)
        for x0, y0, x1, y1 in (MIKU.box, STRANGER.box):
            assert changed[y0, x0:x1].all() and changed[y0:y1, x0].all(), "along its frame"
            assert not changed[y0 + 10 : (y0 + y1) // 2, x0 + 10 : x1 - 10].any(), "and not inside it"
        assert home.run("show", "below/b.png", "--draw", "heads.png").code == 0, "an older drawing may go"

    def test_overwrites_nobodys_picture(self, home: Here) -> None:
        tag(home)
        before = (home.work / "a.png").read_bytes()
        ended = home.run("show", "a.png", "--draw", "a.png")
        assert ended.code == OutputError.exit_code and "left alone" in ended.err
        assert (home.work / "a.png").read_bytes() == before
        assert home.run("show", "a.png", "--draw", "heads.jpg").code == 2

    def test_draws_nothing_that_is_not_so(self, home: Here) -> None:
        ended = home.run("show", "a.png", "--draw", "heads.png")
        assert ended.code == OutputError.exit_code and "not tagged yet" in ended.err
        tag(home)
        paint([MIKU], size=(400, 300)).save(home.work / "a.png")
        ended = home.run("show", "a.png", "--draw", "heads.png")
        assert ended.code == OutputError.exit_code and "has changed" in ended.err
        assert not (home.work / "heads.png").exists()
