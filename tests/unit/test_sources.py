"""Where pictures come from: files, folders, lists on standard input."""

from __future__ import annotations

import io
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from booru_tagger.sources.listed import (
    Walk,
    failure,
    from_list,
    from_manifest,
    from_paths,
    from_pattern,
    is_picture_name,
    suffixes,
)
from booru_tagger.types import TagResult
from tests.support.pictures import grow

posix = pytest.mark.skipif(sys.platform == "win32", reason="needs links, pipes and byte names")


def walked(folder: Path, **how: Any) -> list[str]:
    found = list(Walk(**how).pictures(folder))
    assert all(isinstance(item, Path) for item in found)
    return [item.relative_to(folder).as_posix() for item in found if isinstance(item, Path)]


def listed(data: bytes, walk: Walk | None = None, **how: Any) -> list[Path | TagResult]:
    return [item for item in from_list(io.BytesIO(data), walk, **how) if item is not None]


def test_formats_that_art_comes_in() -> None:
    wanted = "avif webp jpg jpeg jfif png apng gif bmp tif tiff tga psd jp2 j2k qoi ppm"
    assert {f".{name}" for name in wanted.split()} <= suffixes()
    assert not {".txt", ".json", ".xmp", ".ico", ".pdf", ".mpg", ".eps", ".py", ""} & suffixes()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.png", True),
        ("A.JPG", True),
        ("初音.webp", True),
        (".a.png", False),
        (".png", False),
        ("a.png.txt", False),
        ("a.png.json", False),
        ("a.png.part", False),
        ("a", False),
        (".booru-tagger-0123.tmp", False),
    ],
)
def test_names_that_are_tried_in_a_folder(name: str, expected: bool) -> None:
    assert is_picture_name(name) is expected


def test_a_folder_is_sorted_and_its_files_come_before_the_folders_below(tmp_path: Path) -> None:
    grow(tmp_path, "b.png", "a.JPG", "z/c.gif", "m/n/d.webp", "m/a.png", "a.txt", ".hidden/e.png", ".e.png")
    assert walked(tmp_path) == ["a.JPG", "b.png", "m/a.png", "m/n/d.webp", "z/c.gif"]
    assert walked(tmp_path, recursive=False) == ["a.JPG", "b.png"]


def test_folders_are_listed_only_when_they_are_come_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    grow(tmp_path, "a/1.png", "b/2.png")
    opened: list[str] = []
    scandir = os.scandir

    def listing(path: str) -> Iterator[os.DirEntry[str]]:
        opened.append(Path(path).name)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", listing)
    found = Walk().pictures(tmp_path)
    next(found)
    assert opened == [tmp_path.name, "a"]


@posix
def test_links_and_loops(tmp_path: Path) -> None:
    tree, other = grow(tmp_path / "tree", "a.png", "sub/b.png"), grow(tmp_path / "other", "c.png")
    (tree / "sub" / "up").symlink_to(tree)
    (tree / "to_other").symlink_to(other)
    (tree / "file.png").symlink_to(other / "c.png")
    (tree / "broken.png").symlink_to(tmp_path / "nowhere.png")
    files = ["a.png", "broken.png", "file.png", "sub/b.png"]
    assert walked(tree) == files
    assert walked(tree, follow_links=True) == [*files, "to_other/c.png"]
    assert walked(tree, file_links=False) == ["a.png", "sub/b.png"]


@posix
def test_a_folder_that_is_a_link_is_gone_through_when_named(tmp_path: Path) -> None:
    grow(tmp_path / "real", "a.png")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert list(from_paths([tmp_path / "link"], Walk())) == [tmp_path / "link" / "a.png"]


def test_a_folder_named_twice_is_gone_through_once(tmp_path: Path) -> None:
    grow(tmp_path, "a.png", "sub/b.png")
    found = list(from_paths([tmp_path, tmp_path / "sub", tmp_path], Walk()))
    assert found == [tmp_path / "a.png", tmp_path / "sub" / "b.png"]


@posix
def test_what_is_no_regular_file_is_passed_over_in_a_folder(tmp_path: Path) -> None:
    grow(tmp_path, "a.png")
    (tmp_path / "folder.png").mkdir()
    os.mkfifo(tmp_path / "pipe.png")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.path.relpath(tmp_path / "s.png"))
        (tmp_path / "link.png").symlink_to(tmp_path / "folder.png")
        assert walked(tmp_path) == ["a.png"]


def test_excluded_paths_are_left_out(tmp_path: Path) -> None:
    grow(tmp_path, "a.png", "sheet.png")
    assert walked(tmp_path, exclude=frozenset({(tmp_path / "sheet.png").resolve()})) == ["a.png"]


def test_an_unreadable_folder_is_a_failure_and_the_rest_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    grow(tmp_path, "a/1.png", "locked/2.png", "z/3.png")
    scandir = os.scandir

    def guarded(path: Path) -> Iterator[os.DirEntry[str]]:
        if Path(path).name == "locked":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", guarded)
    first, failed, last = Walk().pictures(tmp_path)
    assert (first, last) == (tmp_path / "a" / "1.png", tmp_path / "z" / "3.png")
    assert isinstance(failed, TagResult) and failed.error is not None
    assert failed.path == str(tmp_path / "locked")
    assert failed.error.kind == "unreadable"
    assert "locked" in failed.error.message and "Permission denied" in failed.error.message


def test_a_folder_that_vanishes_is_a_failure(tmp_path: Path) -> None:
    [failed] = Walk().pictures(tmp_path / "gone")
    assert isinstance(failed, TagResult) and failed.error is not None


def test_what_is_named_is_tried_whatever_it_is_called(tmp_path: Path) -> None:
    grow(tmp_path, "drawing", ".hidden.png", "notes.txt")
    named = [tmp_path / "drawing", tmp_path / ".hidden.png", tmp_path / "notes.txt", tmp_path / "missing.png"]
    assert list(from_paths(named, None)) == named


def test_a_folder_without_walk_is_a_failure(tmp_path: Path) -> None:
    [failed] = from_paths([tmp_path], None)
    assert isinstance(failed, TagResult) and failed.error is not None
    assert failed.error.kind == "folder" and "--batch" in failed.error.message


def test_a_list_by_lines() -> None:
    data = 'a.png\n\nb c\'s "d".png\r\n初音ミク.png\nlast'.encode()
    assert listed(data) == [Path("a.png"), Path('b c\'s "d".png'), Path("初音ミク.png"), Path("last")]


def test_a_list_by_null_bytes_takes_any_name() -> None:
    assert listed(b"new\nline.png\0end\r\0\0", separator=b"\0") == [Path("new\nline.png"), Path("end\r")]


@posix
def test_names_that_are_no_text_survive() -> None:
    [path] = listed(b"caf\xe9.png\n")
    assert isinstance(path, Path) and os.fsencode(path) == b"caf\xe9.png"


def test_a_null_byte_in_a_list_by_lines_is_explained() -> None:
    [failed] = listed(b"a.png\0b.png\0")
    assert isinstance(failed, TagResult) and failed.error is not None
    assert "--null" in failed.error.message


def test_something_endless_that_is_no_list_ends_and_says_so() -> None:
    class Zeros(io.RawIOBase):
        def read(self, size: int = -1) -> bytes:
            return b"z" * size

    found = [item for item in from_list(Zeros(), None) if item is not None]  # type: ignore[arg-type]
    assert len(found) == 1
    assert isinstance(found[0], TagResult) and found[0].error is not None
    assert "not a list of paths" in found[0].error.message


def test_folders_in_a_list_are_walked_where_that_was_asked_for(tmp_path: Path) -> None:
    grow(tmp_path, "a.png")
    line = os.fsencode(tmp_path) + b"\n"
    assert listed(line, Walk()) == [tmp_path / "a.png"]
    [failed] = listed(line)
    assert isinstance(failed, TagResult)


def test_a_list_says_when_it_is_about_to_wait() -> None:
    reads: list[bytes] = [b"a.png\nb.p", b"ng\n", b""]

    class Slow(io.RawIOBase):
        def read1(self, size: int) -> bytes:
            events.append("read")
            return reads.pop(0)

    events: list[Any] = []
    for item in from_list(Slow(), None):  # type: ignore[arg-type]
        events.append(item)  # noqa: PERF402 - the stream adds to it meanwhile
    assert events == [None, "read", Path("a.png"), None, "read", Path("b.png"), None, "read"]


def test_a_failure_names_its_path() -> None:
    result = failure(Path("x/y"), "kind", "reason")
    assert result.error is not None
    assert (result.path, result.error.message) == (os.path.join("x", "y"), f"{Path('x/y')}: reason")  # noqa: PTH118


def test_a_pattern_gives_what_it_matches_sorted_and_a_name_with_brackets_itself(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    paths = [tmp_path / name for name in ("b.png", "deep/a.png", "[1].png")]
    for path in paths:
        path.touch()
    assert list(from_pattern(str(tmp_path / "**" / "[ab].png"), None)) == paths[:2]
    assert list(from_pattern(str(paths[2]), None)) == paths[2:]
    nothing = list(from_pattern(str(tmp_path / "*.gif"), None))
    assert [item.error.kind for item in nothing if isinstance(item, TagResult) and item.error] == [
        "unreadable"
    ]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("list.txt", "a.png\n\nb c.png\r\n"),
        ("list.jsonl", '{"path": "a.png"}\n{"path": "b c.png", "id": 2}\n'),
    ],
)
def test_a_manifest_names_pictures_relative_to_itself(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text, "utf-8", newline="")
    assert list(from_manifest(tmp_path / name, None)) == [tmp_path / "a.png", tmp_path / "b c.png"]


def test_a_line_of_a_manifest_that_names_nothing_fails_alone(tmp_path: Path) -> None:
    (tmp_path / "list.jsonl").write_text('["a.png"]\n{"path": "b.png"}\n', "utf-8")
    wrong, right = from_manifest(tmp_path / "list.jsonl", None)
    assert isinstance(wrong, TagResult) and wrong.error and "line 1" in wrong.error.message
    assert right == tmp_path / "b.png"
