"""`booru-tagger sort`: files go where they should, none is lost, and all come back."""

from __future__ import annotations

import errno
import itertools
import json
import os
import random
import shutil
import signal
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from stat import S_ISDIR
from typing import Any

import pytest

from booru_tagger.errors import EXIT_NOTHING_DONE, EXIT_SOME_FAILED, OutputError
from booru_tagger.journal import Journal
from booru_tagger.journal.placements import Placements
from booru_tagger.library import carrying
from booru_tagger.library.companions import Companions
from booru_tagger.library.folders import FolderTemplate
from booru_tagger.types import Verdict
from tests.support.bundles import Painted, paint
from tests.support.command import make_home, snapshot
from tests.support.forking import forks, kills
from tests.support.here import Here, tagged_home
from tests.support.journaling import KilledError

WAYS = ("hardlink", "link", "copy", "move")


def draw(work: Path) -> None:
    art = work / "art"
    (art / "sub").mkdir(parents=True)
    paint([Painted(20, 20, 100), Painted(180, 60, 80, "cirno", "blue", "blue")]).save(art / "two.png")
    paint([Painted(60, 40, 120)]).save(art / "a.png")
    paint([Painted(60, 40, 100)]).save(art / "sub" / "a.png")
    paint([Painted(60, 40, 120, "stranger", "red", "blue")]).save(art / "sub" / "stranger.png")
    paint([]).save(art / "empty.png")
    (art / "a.xmp").write_bytes(b"by hand")
    (art / "a.png.txt").write_bytes(b"by hand\n")


tagged = tagged_home(draw)


@pytest.fixture
def home(tagged: Here) -> Here:
    (tagged.work / "art" / "later.png").write_bytes(b"never tagged")
    return tagged


def sort(home: Here, *args: str | Path, code: int = EXIT_SOME_FAILED) -> str:
    """The tree after sorting, one path a line; one picture of the folder was never tagged."""
    ended = home.run("sort", "art", "--into", "tree", "--format", "none", *args)
    assert ended.code == code, ended.err
    return tree(home)


def tree(home: Here) -> str:
    root = home.work / "tree"
    found = [path for path in sorted(root.rglob("*")) if not path.is_dir()]
    return "\n".join(path.relative_to(root).as_posix() for path in found)


SORTED = """
no_head/empty.png
no_head/empty.png.json
touhou/cirno/two.png
touhou/cirno/two.png.json
touhou/cirno/two.png.txt
unknown/stranger.png
unknown/stranger.png.json
unknown/stranger.png.txt
vocaloid/hatsune_miku/a (2).png
vocaloid/hatsune_miku/a (2).png.json
vocaloid/hatsune_miku/a (2).png.txt
vocaloid/hatsune_miku/a.png
vocaloid/hatsune_miku/a.png.json
vocaloid/hatsune_miku/a.png.txt
vocaloid/hatsune_miku/a.xmp
""".strip()


@pytest.mark.parametrize("way", WAYS)
def test_there_and_back(home: Here, way: str) -> None:
    before = snapshot(home.work)
    assert set(sort(home, "--by", way).splitlines()) | {"touhou/cirno/two.png"} >= {
        line for line in SORTED.splitlines() if "two" not in line
    }
    placed = home.work / "tree/vocaloid/hatsune_miku/a.png"
    assert placed.is_symlink() == (way == "link")
    assert (home.work / "art/a.png").exists() == (way != "move")
    if way == "hardlink":
        assert placed.samefile(home.work / "art/a.png")
    ended = home.run("sort", "--undo", "--into", "tree")
    assert ended.code == 0, ended.err
    assert snapshot(home.work) == before and not (home.work / "tree").exists()
    assert home.run("sort", "--undo", "--into", "tree").code == EXIT_NOTHING_DONE


def test_again_nothing_is_to_be_done(home: Here) -> None:
    first = sort(home)
    ended = home.run("sort", "art", "--into", "tree", "--format", "jsonl")
    assert all(json.loads(line)["files"] == 0 for line in ended.out.splitlines())
    assert tree(home) == first and "0 pictures sorted" in ended.err


def test_a_dry_run_changes_nothing(home: Here) -> None:
    before = snapshot(home.work)
    ended = home.run("sort", "art", "--into", "tree", "--dry-run")
    assert "dry run" in ended.err
    target = Path("tree", "vocaloid", "hatsune_miku", "a.png")
    assert any(line.endswith(f" -> {target}") for line in ended.out.splitlines()), "as it was named"
    counts = "5 pictures sorted (15 files hard-linked)"
    assert counts in ended.err
    assert snapshot(home.work) == before and not (home.work / "tree").exists()
    assert counts in home.run("sort", "art", "--into", "tree").err
    before = snapshot(home.work)
    assert "0 pictures sorted" in home.run("sort", "art", "--into", "tree", "--dry-run").err
    assert home.run("sort", "--undo", "--dry-run", "--into", "tree").code == 0
    assert snapshot(home.work) == before


def test_a_tree_that_cannot_be_made_is_told_once(home: Here) -> None:
    (home.work / "file").write_bytes(b"")
    ended = home.run("sort", "art", "--into", "file/tree")
    assert ended.code == OutputError.exit_code and len(ended.err.splitlines()) == 1
    home.run("sort", "nowhere", "--into", "tree")
    assert not (home.work / "tree").exists()


def test_several_characters_and_other_folders(home: Here) -> None:
    lines = sort(home, "--several", "each", "--template", "{character}").splitlines()
    assert "cirno/two.png" in lines and "hatsune_miku/two.png.txt" in lines
    assert home.run("sort", "art/two.png", "--into", "pairs", "--several", "together").code == 0
    assert (home.work / "pairs/touhou + vocaloid/cirno + hatsune_miku/two.png").exists()


def test_nothing_is_overwritten(home: Here) -> None:
    mine = home.work / "tree/vocaloid/hatsune_miku/a.png"
    mine.parent.mkdir(parents=True)
    mine.write_bytes(b"mine")
    lines = sort(home).splitlines()
    assert mine.read_bytes() == b"mine"
    assert {"vocaloid/hatsune_miku/a (2).png", "vocaloid/hatsune_miku/a (3).png"} <= set(lines)
    assert home.run("sort", "--undo", "--into", "tree").code == 0
    assert tree(home) == "vocaloid/hatsune_miku/a.png" and mine.read_bytes() == b"mine"


def test_what_was_changed_in_the_tree_stays(home: Here) -> None:
    sort(home, "--by", "copy")
    caption = home.work / "tree/vocaloid/hatsune_miku/a.png.txt"
    caption.write_bytes(b"edited there")
    sort(home, "--by", "copy")
    assert caption.read_bytes() == b"edited there"
    ended = home.run("sort", "--undo", "--into", "tree")
    assert "1 changed since" in ended.err and caption.read_bytes() == b"edited there"


@pytest.mark.parametrize("way", ["hardlink", "copy"])
def test_a_file_that_was_the_last_one_is_given_back(home: Here, way: str) -> None:
    sort(home, "--by", way)
    picture = home.work / "art" / "a.png"
    data = picture.read_bytes()
    picture.unlink()
    assert home.run("sort", "--undo", "--into", "tree").code == 0
    assert picture.read_bytes() == data and not (home.work / "tree").exists()


def test_a_new_name_is_a_new_place_and_new_tags_come_along(home: Here) -> None:
    sort(home)
    picture = home.work / "art/sub/stranger.png"
    with Journal.open(home.journal) as journal:
        entry = journal.entry(picture)
        assert entry is not None and entry.result is not None
        result = entry.result
        said = Verdict("named", "kagamine_rin", result.faces[0], result.width, result.height)
        journal.reviews.decide(picture, [said])
    assert home.run("tag", "--batch", "art/sub", "--format", "none").code == 0
    lines = sort(home).splitlines()
    assert "vocaloid/kagamine_rin/stranger.png" in lines
    assert not any(line.startswith("unknown") for line in lines)
    assert not (home.work / "tree/unknown").exists()
    assert "kagamine_rin" in (home.work / "tree/vocaloid/kagamine_rin/stranger.png.txt").read_text()


def test_unknown_people_stay_where_an_earlier_version_put_them(
    home: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        filled = FolderTemplate.filled
        patch.setattr(FolderTemplate, "filled", lambda self, values, short=False: filled(self, values))
        sort(home)
    before = snapshot(home.work)
    assert "unknown/unknown/stranger.png" in sort(home).splitlines()
    assert snapshot(home.work) == before, "not sorted anew by a rule that nobody asked for"
    (home.work / "art/another.png").write_bytes((home.work / "art/sub/stranger.png").read_bytes())
    assert home.run("tag", "art/another.png", "--format", "none").code == 0
    assert "unknown/unknown/another.png" in sort(home).splitlines()
    lines = sort(home, "--unknown", "unknown").splitlines()
    assert {"unknown/another.png", "unknown/stranger.png", "no_head/empty.png"} <= set(lines)
    assert not (home.work / "tree/unknown/unknown").exists()
    assert sort(home).splitlines() == lines
    ended = home.run("sort", "art", "--into", "tree", "--unknown", "skip")
    assert "3 left out, with nobody known" in ended.err and "unknown" not in tree(home)
    assert home.run("sort", "--undo", "--into", "tree").code == 0
    assert not (home.work / "tree").exists()


def test_what_was_moved_is_still_known(home: Here) -> None:
    sort(home, "--by", "move")
    ended = home.run("tag", "--batch", "tree", "--format", "none")
    assert "0 pictures tagged, 5 unchanged" in ended.err
    assert len(home.run("find").out.splitlines()) == 5 and "more" not in home.run("find").err
    assert home.run("untag", "--batch", "tree", "--format", "none").code == 0
    assert (home.work / "tree/vocaloid/hatsune_miku/a.png.txt").read_bytes() == b"by hand\n"


def test_what_came_back_is_known_where_it_stands(home: Here) -> None:
    before = known(home.journal)
    sort(home, "--by", "move")
    assert {path for path, _ in known(home.journal)}.isdisjoint(path for path, _ in before)
    picture = home.work / "tree/unknown/stranger.png"
    with Journal.open(home.journal) as journal:
        entry = journal.entry(picture)
        assert entry is not None and entry.result is not None
        said = Verdict(
            "named", "kagamine_rin", entry.result.faces[0], entry.result.width, entry.result.height
        )
        journal.reviews.decide(picture, [said])
    assert home.run("tag", "--batch", "tree", "--format", "none").code == 0
    assert home.run("sort", "--undo", "--into", "tree").code == 0
    assert {path for path, _ in known(home.journal)} == {path for path, _ in before}
    assert home.run("tag", "--batch", "art/sub", "--format", "none").err.startswith(
        "0 pictures tagged, 2 unch"
    )
    assert home.run("find", "kagamine_rin").out.splitlines() == [str(home.work / "art/sub/stranger.png")]
    with Journal.open(home.journal) as journal:
        assert journal.reviews.verdicts(home.work / "art/sub/stranger.png") == (said,)


def test_a_list_left_behind_is_written_anew(home: Here) -> None:
    tag = ("tag", "--batch", "--writer", "jsonl", "--format", "none")
    home.run(*tag, "art")
    sort(home, "--by", "move")
    assert home.run(*tag, "tree").err.startswith("5 pictures tagged")


def known(journal: Path) -> set[tuple[bytes, str]]:
    """What the journal knows: pictures and tag files, and of pictures whether they are done."""
    with closing(sqlite3.connect(journal)) as connection:
        rows = connection.execute("SELECT path, fingerprint FROM pictures UNION SELECT path, '' FROM targets")
        return set(rows)


def test_a_moved_picture_s_place_may_be_taken_by_another(home: Here) -> None:
    sort(home, "--by", "move")
    paint([Painted(50, 40, 110)]).save(home.work / "art/a.png")
    assert home.run("tag", "art/a.png", "--format", "none").code == 0
    lines = sort(home, "--by", "move").splitlines()
    assert "vocaloid/hatsune_miku/a (3).png" in lines and not (home.work / "art/a.png").exists()


@pytest.mark.parametrize(
    "args",
    [
        ("--undo", "art", "--into", "tree"),
        ("--into", "tree"),
        ("art",),
        ("art", "--null", "--into", "tree"),
        ("art", "--by", "move", "--several", "each", "--into", "tree"),
        ("art", "--no-journal", "--into", "tree"),
    ],
)
def test_what_cannot_be_meant_is_refused(home: Here, args: tuple[str, ...]) -> None:
    assert home.run("sort", *args).code == 2


class TestCopies:
    """They are flushed to the disk together, and no name stands for what a power failure could take."""

    COPY = ("art", "--by", "copy", "--into", "tree", "--template", "{character}", "--format", "jsonl")

    def test_flushed_together_then_named_then_journalled(
        self, home: Here, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        steps: list[str] = []

        def noting(owner: object, name: str, step: Callable[..., str]) -> None:
            real = getattr(owner, name)

            def wrapped(*args: Any, **options: Any) -> object:
                steps.append(step(*args))
                return real(*args, **options)

            monkeypatch.setattr(owner, name, wrapped)

        noting(os, "fsync", lambda handle: "folder" if S_ISDIR(os.fstat(handle).st_mode) else "file")
        noting(os, "link", lambda source, target: f"name{target.suffix}")
        noting(Placements, "finish", lambda _, placements: "done")
        ended = home.run("sort", *self.COPY)
        files = tree(home).splitlines()
        order = [step for step, _ in itertools.groupby(step.split(".")[0] for step in steps)]
        assert order == ["file", "name", "folder", "done"], ended.err
        names = [step for step in steps if step.startswith("name")]
        assert steps.count("file") == len(files) == len(names)
        assert names[:4] == ["name.xmp", "name.txt", "name.json", "name.png"]
        assert steps.count("folder") == len({Path(file).parent for file in files})

    @pytest.mark.parametrize(
        ("of_folder", "failed", "left"), [(False, 1, 11), (True, 2, 15)], ids=["a file", "a folder's names"]
    )
    def test_what_cannot_be_flushed_is_not_done(
        self, home: Here, of_folder: bool, failed: int, left: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        before, real, asked = snapshot(home.work), os.fsync, list[int]()

        def fails_once(handle: int) -> None:
            if not asked and S_ISDIR(os.fstat(handle).st_mode) == of_folder:
                asked.append(handle)
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            real(handle)

        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", fails_once)
            ended = home.run("sort", *self.COPY)
        assert ended.code == EXIT_SOME_FAILED and ended.err.count(os.strerror(errno.EIO)) == failed
        assert sum(bool(json.loads(line)["targets"]) for line in ended.out.splitlines()) == 5 - failed
        assert len(tree(home).splitlines()) == left
        again = f"{1 - of_folder:d} picture{'s' * of_folder} sorted ({15 - left} files copied)"
        assert again in home.run("sort", *self.COPY).err
        assert len(tree(home).splitlines()) == 15
        home.run("sort", "--undo", "--into", "tree")
        assert snapshot(home.work) == before

    def test_a_name_that_somebody_takes_meanwhile_is_left(
        self, home: Here, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        real, taken = os.fsync, home.work / "tree/cirno/two.png.json"

        def fsync(handle: int) -> None:
            taken.write_bytes(b"mine")
            real(handle)

        before = snapshot(home.work)
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", fsync)
            patch.setattr(carrying, "_BATCH", 100)
            ended = home.run("sort", *self.COPY, "--several", "each")
        assert f"{taken}: stands there already and was left alone" in ended.err
        assert taken.read_bytes() == b"mine" and not (home.work / "tree/cirno/two.png").exists()
        home.run("sort", "--undo", "--into", "tree")
        taken.unlink()
        taken.parent.rmdir()
        taken.parent.parent.rmdir()
        assert snapshot(home.work) == before

    def test_the_same_picture_once_more_in_a_batch(self, home: Here) -> None:
        (home.work / "art/twice").mkdir()
        shutil.copy(home.work / "art/sub/stranger.png", home.work / "art/twice/stranger.png")
        assert home.run("tag", "art/twice/stranger.png", "--format", "none").code == 0
        ended = home.run("sort", *self.COPY)
        assert "5 pictures sorted (15 files copied), 1 there already" in ended.err
        assert "(2)" not in tree(home).replace("a (2)", "a")

    def test_an_interrupted_batch_is_done_to_the_end(
        self, home: Here, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        real, seen = Companions.of, list[Path]()

        def of(self: Companions, picture: Path) -> list[Path]:
            seen.append(picture)
            if len(seen) == 2:
                os.kill(os.getpid(), signal.SIGTERM)
            return real(self, picture)

        monkeypatch.setattr(Companions, "of", of)
        ended = home.run("sort", *self.COPY)
        assert ended.code == 128 + signal.SIGTERM
        targets = [target for line in ended.out.splitlines() for target in json.loads(line)["targets"]]
        assert len(targets) == 2 and all(Path(target).exists() for target in targets)
        with Journal.open(home.journal) as journal:
            assert not journal.placements(home.work / "tree").open()

    def test_power_lost_at_every_step(self, home: Here, monkeypatch: pytest.MonkeyPatch) -> None:
        (home.work / "art/later.png").unlink()
        shutil.rmtree(home.work / "art/sub")
        monkeypatch.setattr(carrying, "_BATCH", 5)
        before = snapshot(home.work)
        assert home.run("sort", *self.COPY).code == 0
        whole = snapshot(home.work)
        for step in itertools.count():
            home.run("sort", "--undo", "--into", "tree")
            assert snapshot(home.work) == before, step
            with monkeypatch.context() as patch:
                flushed = flushing(patch)
                kill_at(step, patch)
                try:
                    home.run("sort", *self.COPY)
                    break
                except KilledError:
                    pass
            for path in (home.work / "tree").rglob("*"):
                if path.is_file() and path.stat().st_ino not in flushed:
                    path.write_bytes(b"")  # as after a power failure
            if step % 2:
                assert home.run("sort", *self.COPY).code == 0
                assert snapshot(home.work) == whole, step
        assert step > 30


def flushing(patch: pytest.MonkeyPatch) -> set[int]:
    """The files that are on the disk, by their inodes."""
    flushed, real = set[int](), os.fsync

    def fsync(handle: int) -> None:
        real(handle)
        flushed.add(os.fstat(handle).st_ino)

    patch.setattr(os, "fsync", fsync)
    return flushed


class TestKilled:
    """At every single step; and for real, at random moments."""

    @pytest.mark.parametrize("way", WAYS)
    def test_at_every_step(self, home: Here, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
        art = home.work / "art"
        (art / "later.png").unlink()
        for path in (art / "sub", art / "two.png", art / "empty.png"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        before, facts = snapshot(home.work), known(home.journal)
        done = sort(home, "--by", way, code=0)
        sorted_facts = known(home.journal)
        assert home.run("sort", "--undo", "--into", "tree").code == 0
        for undo in (False, True):
            step, ended = 0, False
            while not ended:
                if undo:
                    sort(home, "--by", way, code=0)
                with monkeypatch.context() as patch:
                    kill_at(step, patch)
                    try:
                        home.run("sort", *(["--undo"] if undo else ["art", "--by", way]), "--into", "tree")
                        ended = True
                    except KilledError:
                        pass
                step += 1
                if not undo:
                    assert home.run("sort", "art", "--by", way, "--into", "tree").code in (
                        0,
                        EXIT_NOTHING_DONE,
                    )
                    assert tree(home) == done, step
                    assert known(home.journal) == sorted_facts, step
                home.run("sort", "--undo", "--into", "tree")
                assert snapshot(home.work) == before, (undo, step)
                assert known(home.journal) == facts, (undo, step)
            assert step > 5

    @pytest.mark.skipif(not hasattr(os, "fork"), reason="needs POSIX processes")
    def test_at_random_moments(self, tmp_path: Path, tiny_bundle: Path) -> None:
        home, chance = make_home(tmp_path / "home", BOORU_TAGGER_MODEL=str(tiny_bundle)), random.Random(7)
        art = home.work / "art"
        art.mkdir()
        for number in range(30):
            who = chance.choice(["hatsune_miku", "cirno", "stranger"])
            paint([Painted(10, 10, 60, who)], size=(96, 80)).save(art / f"{number}.png")
        with forks(home) as commands:
            assert commands.run("tag", "--batch", "--format", "none").code == 0
            before = snapshot(home.work)
            ways = [
                [*way, "--into", "tree", "--format", "none"] for way in (["art", "--by", "move"], ["--undo"])
            ]
            undisturbed = [commands.run("sort", *way).steps for way in ways]
            for way, whole in zip(ways, undisturbed, strict=True):
                for kill in kills(chance, 12, whole):
                    assert commands.run("sort", *way, kill=kill).code == -9
                assert commands.run("sort", *way).code == 0
            assert snapshot(home.work) == before
            assert commands.run("tag", "--batch", "--format", "none").err.startswith("0 pictures tagged, 30")


def kill_at(step: int, patch: pytest.MonkeyPatch) -> None:
    """Kill the command before it takes the step of this number: a change to the journal or to a file."""
    steps = iter(range(step, -1, -1))

    def dying(owner: object, name: str) -> None:
        real = getattr(owner, name)

        def wrapped(*args: object, **options: object) -> object:
            if next(steps, 0) == 0:
                raise KilledError
            return real(*args, **options)

        patch.setattr(owner, name, wrapped)

    for name in ("announce", "announce_folders", "finish", "forget"):
        dying(Placements, name)
    dying(Journal, "moved")
    dying(os, "fsync")
    dying(os, "link")
    dying(Path, "unlink")
    dying(Path, "mkdir")
    dying(Path, "symlink_to")
    dying(shutil, "copystat")
