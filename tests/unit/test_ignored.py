"""What nobody means who names a folder is left out of every walk, and what the user's patterns say."""

from __future__ import annotations

from pathlib import Path, PurePath

import click
import pytest

from booru_tagger.cli import cli
from booru_tagger.config import load
from booru_tagger.files.ignored import NEVER_MEANT, Ignored
from booru_tagger.sources.listed import Walk, from_pattern
from booru_tagger.sources.storage import pictures
from booru_tagger.watch.watched_names import WatchedNames
from tests.support.pictures import grow


@pytest.mark.parametrize(
    ("patterns", "path", "hidden"),
    [
        ((), "a.png", False),
        ((), "b/@eaDir/a.png/SYNOPHOTO_THUMB_XL.jpg", True),
        ((), "$Recycle.Bin/a.png", True),
        ((), ".thumbnails/a.png", True),
        ((), "recycle/a.png", False),
        (("sketches",), "b/sketches/c/a.png", True),
        (("sketches/",), "sketches/a.png", True),
        (("2019/*",), "2019/b/a.png", True),
        (("2019/*",), "b/2019/a.png", False),
        (("b/c",), "b/c/d/a.png", True),
        (("*.bak.png",), "b/a.bak.png", True),
        (("Sketches",), "sketches2/a.png", False),
    ],
)
def test_what_is_left_out(patterns: tuple[str, ...], path: str, hidden: bool) -> None:
    ignored = Ignored(patterns)
    assert ignored.hides(PurePath(path)) is hidden
    assert WatchedNames(lambda name: True, ignored).wants(PurePath(path)) is not hidden
    assert ignored.names(PurePath(path)) is (hidden and bool(patterns))


def test_a_walk_a_pattern_and_a_watch_agree(tmp_path: Path) -> None:
    grow(tmp_path, *(f"{name}/a.png" for name in NEVER_MEANT))
    grow(tmp_path, "a.png", "b/a.png", "b/@eaDir/a.png/t.jpg", "b/sketches/a.png", "b/a.bak.png")
    ignored = Ignored(("sketches", "b/*.bak.png"))
    wanted = [tmp_path / "a.png", tmp_path / "b" / "a.png"]
    assert list(Walk(ignored=ignored).pictures(tmp_path)) == wanted
    assert list(from_pattern(f"{tmp_path}/**/*.*", None, ignored)) == wanted
    names = WatchedNames(lambda name: True, ignored)
    every = sorted(path for path in tmp_path.rglob("*") if path.is_file())
    assert [path for path in every if names.wants(path.relative_to(tmp_path))] == wanted


def test_what_is_named_itself_is_meant(tmp_path: Path) -> None:
    folder = grow(tmp_path / "@eaDir", "a.png")
    assert list(Walk().pictures(folder)) == [folder / "a.png"]
    assert list(from_pattern(f"{folder}/*.png", None)) == [folder / "a.png"]


def test_storage_is_looked_through_in_the_same_way() -> None:
    fsspec = pytest.importorskip("fsspec")
    system = fsspec.filesystem("memory")
    for name in ("/ig/a.png", "/ig/@eaDir/a.png", "/ig/old/a.png", "/ig/.b/a.png"):
        system.pipe(name, b"x")
    ignored = Ignored(("old",))
    try:
        assert [str(item) for item in pictures("memory://ig", batch=True, ignored=ignored)] == [
            "memory:/ig/a.png"
        ]
        assert [str(item) for item in pictures("memory://ig/**/*.png", batch=False, ignored=ignored)] == [
            "memory:/ig/a.png"
        ]
    finally:
        system.rm("/ig", recursive=True)


WALKING = ["tag", "watch", "report", "untag", "review", "push szurubooru", "characters add"]


@pytest.mark.parametrize("name", WALKING)
def test_every_command_that_walks_can_be_told(name: str) -> None:
    command: click.Command | None = cli
    for word in name.split():
        assert isinstance(command, click.Group)
        command = command.get_command(click.Context(command), word)
    assert command is not None
    assert "--ignore" in {option for parameter in command.params for option in parameter.opts}


def test_patterns_come_from_the_file_and_the_environment_too(tmp_path: Path) -> None:
    config = tmp_path / "c.toml"
    config.write_text('ignore = ["sketches/*"]\n')
    assert load(config=config, environ={}).settings.reading.ignore == ("sketches/*",)
    environ = {"BOORU_TAGGER_IGNORE": "a,b*"}
    assert load(config=config, environ=environ).settings.reading.ignore == ("a", "b*")
