"""Pictures in storage, and results as one data set."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("fsspec", reason="addresses need the extra [cluster]")

import fsspec

from booru_tagger.cli import main
from booru_tagger.errors import OutputError, TooLargeImageError, UnreadableImageError
from booru_tagger.imaging import Limits
from booru_tagger.runner.records import Records
from booru_tagger.sources.storage import is_url, path_of, pictures, read, url_of
from booru_tagger.types import TagResult
from tests.support.bundles import Painted, paint


@pytest.fixture
def storage() -> Iterator[None]:
    system = fsspec.filesystem("memory")
    stream = io.BytesIO()
    paint([Painted(40, 40, 120)], (256, 256)).save(stream, "PNG")
    for name in ("/pics/b.png", "/pics/a.png", "/pics/below/c.png", "/pics/.hidden.png"):
        system.pipe_file(name, stream.getvalue())
    system.pipe_file("/pics/notes.txt", b"no picture")
    system.pipe_file("/pics/bad.png", b"no picture")
    yield
    system.rm("/pics", recursive=True)


@pytest.mark.parametrize("url", ["s3://bucket/a b/c.png", "memory://pics/a.png", "gs://b/x"])
def test_an_address_survives_as_a_path(url: str) -> None:
    assert is_url(url)
    assert url_of(path_of(url)) == url


@pytest.mark.parametrize("text", ["a.png", "/a/b.png", "C:/a.png", "file:///a.png", "re:zero/a.png", "://x"])
def test_what_is_here_is_no_address(text: str) -> None:
    assert not is_url(text)


def listed(url: str, *, batch: bool = True, recursive: bool = True) -> list[str]:
    found = pictures(url, batch=batch, recursive=recursive)
    return [item.error.kind if isinstance(item, TagResult) and item.error else str(item) for item in found]


def test_pictures_are_found_at_addresses(storage: None) -> None:
    every = ["memory:/pics/a.png", "memory:/pics/b.png", "memory:/pics/bad.png", "memory:/pics/below/c.png"]
    assert listed("memory://pics") == every
    assert listed("memory://pics", recursive=False) == every[:3]
    assert listed("memory://pics/*/*.png") == every[3:]
    assert listed("memory://pics/a.png") == every[:1]
    assert listed("memory://pics", batch=False) == ["folder"]


def test_bytes_are_read_within_the_limit(storage: None) -> None:
    assert read("memory://pics/a.png", Limits()).startswith(b"\x89PNG")
    with pytest.raises(TooLargeImageError, match="more than 10 bytes"):
        read("memory://pics/a.png", Limits(file_bytes=10))
    with pytest.raises(UnreadableImageError, match=r"memory://pics/none\.png: cannot be read"):
        read("memory://pics/none.png", Limits())


def command(*arguments: object) -> int:
    return main(["tag", "--no-journal", "--no-gallery", "--format", "none", *map(str, arguments)])


def test_a_run_over_storage_makes_a_data_set_and_goes_on_with_it(
    storage: None, tiny_bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "out" / "tags.jsonl"
    call = ("--batch", "memory://pics", "--records", target, "--model", tiny_bundle)
    assert command(*call) == 3  # one of them is no picture
    lines = [json.loads(line) for line in target.read_text("utf-8").splitlines()]
    assert [line["path"] for line in lines] == [
        f"memory://pics/{name}" for name in ("a.png", "b.png", "below/c.png")
    ]
    assert all(line["schema"] == 1 and len(line["faces"]) == 1 and line["fingerprint"] for line in lines)
    assert "bad.png" in capsys.readouterr().err

    before = target.read_bytes()
    target.write_bytes(before[:-20])  # as a kill leaves it
    assert command(*call) == 3
    assert target.read_bytes() == before
    assert command(*call, "--threshold", "character=0.9") == 3
    assert target.read_bytes().startswith(before)
    assert len(target.read_bytes().splitlines()) == 6


def test_a_list_may_name_both(storage: None, tiny_bundle: Path, tmp_path: Path) -> None:
    paint([Painted(40, 40, 120)], (256, 256)).save(tmp_path / "here.png")
    (tmp_path / "list.txt").write_text("here.png\nmemory://pics/a.png\n", "utf-8")
    target = tmp_path / "tags.jsonl"
    manifest = ("--manifest", tmp_path / "list.txt", "--model", tiny_bundle)
    assert command(*manifest, "--records", target) == 0
    paths = [json.loads(line)["path"] for line in target.read_text("utf-8").splitlines()]
    assert paths == [os.path.abspath(tmp_path / "here.png"), "memory://pics/a.png"]  # noqa: PTH100
    assert not (tmp_path / "here.png.txt").exists()
    assert command(*manifest) == 3, "without a data set only the file here is tagged"
    assert (tmp_path / "here.png.txt").is_file()


def test_pictures_in_storage_need_a_data_set(storage: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert command("memory://pics/a.png") == 2
    assert "--records FILE.jsonl" in capsys.readouterr().err


def test_another_file_is_not_taken_for_a_data_set(tmp_path: Path) -> None:
    other = tmp_path / "other.jsonl"
    other.write_text('{"file_name": "a.png"}\n', "utf-8")
    with pytest.raises(OutputError, match="line 1: not a record"):
        Records(other, "f")
    assert other.read_text("utf-8") == '{"file_name": "a.png"}\n'


def test_a_list_on_standard_input_names_them_too(
    storage: None, tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "tags.jsonl"
    for options, code in ((("--records", target), 0), ((), 4)):  # beside them, nothing can be written
        lines = io.TextIOWrapper(io.BytesIO(b"memory://pics/a.png\nmemory://pics/b.png\n"))
        monkeypatch.setattr("sys.stdin", lines)
        assert command("-", "--model", tiny_bundle, *options) == code
    assert len(target.read_text("utf-8").splitlines()) == 2
