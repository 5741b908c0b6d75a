"""Text that other programs wrote is read the same in every encoding that they use."""

from __future__ import annotations

import codecs
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from booru_tagger.config import load
from booru_tagger.errors import ConfigError
from booru_tagger.files.text import Utf8Reader, decoded, open_text, read_text, utf8
from booru_tagger.sources.listed import from_list, from_manifest
from booru_tagger.types import TagResult

ENCODINGS = {
    "plain": (b"", "utf-8"),
    "mark": (codecs.BOM_UTF8, "utf-8"),
    "utf-16-le": (codecs.BOM_UTF16_LE, "utf-16-le"),
    "utf-16-be": (codecs.BOM_UTF16_BE, "utf-16-be"),
    "utf-16 without a mark": (b"", "utf-16-le"),
}


def written(text: str, kind: str) -> bytes:
    mark, encoding = ENCODINGS[kind]
    return mark + text.encode(encoding)


class Dripping(io.BytesIO):
    """Gives one byte at a time, as a slow pipe may."""

    def read1(self, size: int | None = -1, /) -> bytes:
        return self.read(1)


@given(st.text("a,= é初\U0001f600\r\n"), st.sampled_from(sorted(ENCODINGS)))
def test_every_encoding_gives_the_same_text(rest: str, kind: str) -> None:
    text = "a" + rest
    data = written(text, kind)
    assert decoded(data) == text
    assert b"".join(utf8(Dripping(data))) == text.encode()


def test_texts_that_are_nearly_empty() -> None:
    assert [decoded(data) for data in (b"", b"a", codecs.BOM_UTF8, codecs.BOM_UTF16_LE)] == ["", "a", "", ""]


def test_a_short_line_is_passed_on_before_more_comes() -> None:
    class Pipe(io.BytesIO):
        def read1(self, size: int | None = -1, /) -> bytes:
            assert self.tell() == 0, "read on, though there was a line"
            return self.read(2)

    assert io.BufferedReader(Utf8Reader(Pipe(b"a\nb\n"))).read1(100) == b"a\n"


def test_newlines_and_errors_are_as_in_open(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(written("a\r\nb", "utf-16-le"))
    assert read_text(path) == "a\nb"
    with open_text(path, newline="") as text:
        assert text.read() == "a\r\nb"
    path.write_bytes(b"\xff\xfea")
    with pytest.raises(UnicodeDecodeError):
        read_text(path)
    path.write_bytes(b"a\xff")
    with pytest.raises(UnicodeDecodeError):
        read_text(path)
    assert read_text(path, "replace") == "a�"


@pytest.mark.parametrize("kind", ENCODINGS)
def test_lists_and_manifests_name_the_same_paths(kind: str, tmp_path: Path) -> None:
    names = ["a.png", "初音.png"]
    data = written("".join(f"{name}\r\n" for name in names), kind)
    found = [item for item in from_list(io.BytesIO(data), None) if item is not None]
    assert found == [Path(name) for name in names]
    (tmp_path / "list.txt").write_bytes(data)
    assert list(from_manifest(tmp_path / "list.txt", None)) == [tmp_path / name for name in names]
    (tmp_path / "list.jsonl").write_bytes(written('{"path": "初音.png"}\r\n', kind))
    assert list(from_manifest(tmp_path / "list.jsonl", None)) == [tmp_path / "初音.png"]


def test_a_list_separated_by_null_bytes_is_not_taken_for_utf_16() -> None:
    found = from_list(io.BytesIO(b"a\0b\0"), None, separator=b"\0")
    assert [item for item in found if item is not None] == [Path("a"), Path("b")]


@pytest.mark.parametrize("line", [b"a.png\0b.png\n", b'{"path": "a\\u0000b"}\n'])
def test_a_null_byte_in_a_manifest_is_said(line: bytes, tmp_path: Path) -> None:
    manifest = tmp_path / ("list.jsonl" if line.startswith(b"{") else "list.txt")
    manifest.write_bytes(line)
    (failed,) = from_manifest(manifest, None)
    assert isinstance(failed, TagResult) and failed.error is not None
    assert failed.error.kind == "input" and "a null byte in a path" in failed.error.message


@pytest.mark.parametrize("kind", ENCODINGS)
def test_a_configuration_may_come_from_any_editor(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_bytes(written("spaces = true\r\n", kind))
    assert load(config=path, environ={}).settings.writing.spaces
    path.write_bytes(written("spaces = \r\n", kind))
    with pytest.raises(ConfigError, match="not a TOML file"):
        load(config=path, environ={})
