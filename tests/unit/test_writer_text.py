"""Captions and hydrus lists: their spelling, and the layouts that people give them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from booru_tagger.errors import OutputError
from booru_tagger.types import Tag, TagResult
from booru_tagger.writers.base import CREATED, Job
from booru_tagger.writers.hydrus import HydrusWriter
from booru_tagger.writers.naming import Naming, WriterOptions
from booru_tagger.writers.txt import TxtWriter
from tests.support.writing import remove, tags, write


def caption(folder: Path, before: bytes | None, *names: str, options: WriterOptions | None = None) -> bytes:
    """The caption of ``a.png`` after those tags were written into it."""
    target = folder / "a.png.txt"
    if before is not None:
        target.write_bytes(before)
    write(TxtWriter(options or WriterOptions()), folder / "a.png", *names)
    return target.read_bytes()


def test_new_caption_is_one_line(tmp_path: Path) -> None:
    assert caption(tmp_path, None, "hatsune_miku", "aqua_hair") == b"hatsune_miku, aqua_hair\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"1girl, solo\n", b"1girl, solo, a, b\n"),
        (b"1girl, solo", b"1girl, solo, a, b"),
        (b"1girl,solo,", b"1girl,solo,a,b,"),
        (b"1girl\nsolo\n", b"1girl\nsolo\na\nb\n"),
        (b"1girl\r\nsolo\r\n", b"1girl\r\nsolo\r\na\r\nb\r\n"),
        (b"\xef\xbb\xbf1girl, solo", b"\xef\xbb\xbf1girl, solo, a, b"),
        (b"", b"a, b"),
        (b"\n", b"a, b\n"),
        (b"A girl in the rain, at night.\n", b"A girl in the rain, at night., a, b\n"),
        (b"trigger,\n1girl, solo\n", b"trigger,\n1girl, solo, a, b\n"),
    ],
)
def test_a_persons_layout_is_kept(tmp_path: Path, before: bytes, after: bytes) -> None:
    assert caption(tmp_path, before, "a", "b") == after


@given(text=st.text(alphabet=st.sampled_from("ab ,\n\r\t_月\ufeff"), max_size=30))
def test_any_text_is_taken_apart_and_put_together(text: str) -> None:
    for writer in (TxtWriter, HydrusWriter):
        layout = writer.dialect.parse(text)
        assert str(layout) == text
        for item in layout.items:
            assert item.strip()
            assert not re.search(f"[\n{writer.dialect.separators}]", item)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("1girl，solo", "1girl，solo，a，b"),
        ("1girl，\u3000solo\n", "1girl，\u3000solo，\u3000a，\u3000b\n"),
        ("1girl, solo, A girl in the rain.\n", "1girl, solo, a, b, A girl in the rain.\n"),
        ("1girl, solo\nShe smiles, waving.\n", "1girl, solo, a, b\nShe smiles, waving.\n"),
        (
            "1girl, She sits. Behind her, Tokyo Tower glows.",
            "1girl, a, b, She sits. Behind her, Tokyo Tower glows.",
        ),
        ("Hatsune Miku, A girl stands there!", "Hatsune Miku, a, b, A girl stands there!"),
        (
            "solo, a girl is standing in the rain, at night",
            "solo, a girl is standing in the rain, at night, a, b",
        ),
        ("solo, a girl with long hair in the rain", "solo, a, b, a girl with long hair in the rain"),
        ("solo, a girl in the rain.", "solo, a, b, a girl in the rain."),
        ("1girl，solo，她站在海边，看着你。", "1girl，solo，a，b，她站在海边，看着你。"),
        ("1girl, love live!, k-on!", "1girl, love live!, k-on!, a, b"),
        ("Hatsune Miku, 1girl, Love Live!", "Hatsune Miku, 1girl, Love Live!, a, b"),
        ("1girl, solo.", "1girl, solo., a, b"),
        ("1girl, :d, ...", "1girl, :d, ..., a, b"),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_captions_from_elsewhere(tmp_path: Path, before: str, after: str, encoding: str) -> None:
    target, writer = tmp_path / "a.png.txt", TxtWriter(WriterOptions())
    target.write_bytes(before.encode(encoding))
    first = write(writer, tmp_path / "a.png", "a")
    second = write(writer, tmp_path / "a.png", "a", "b", after=first)
    assert target.read_bytes() == after.encode(encoding)
    assert not write(writer, tmp_path / "a.png", "a", "b", after=second).changed
    assert not write(writer, tmp_path / "a.png", "a", "b").changed
    remove(writer, tmp_path / "a.png", second.owned)
    assert target.read_bytes() == before.encode(encoding)


def test_what_stands_last_stands_behind_sentences(tmp_path: Path) -> None:
    (tmp_path / "a.png.txt").write_text("1girl, A girl in the rain.")
    write(TxtWriter(WriterOptions()), tmp_path / "a.png", "a", first="x", last="y")
    assert (tmp_path / "a.png.txt").read_text() == "x, 1girl, a, A girl in the rain., y"


@pytest.mark.parametrize("content", [b"\x00\x01\x02", b"\xff\xfe\x00", b"caf\xe9", b"a\x00b\x00c"])
def test_what_is_not_text_is_left_alone(tmp_path: Path, content: bytes) -> None:
    target = tmp_path / "a.png.txt"
    target.write_bytes(content)
    with pytest.raises(OutputError, match=r"a\.png\.txt: is not"):
        write(TxtWriter(WriterOptions()), tmp_path / "a.png", "a")
    assert target.read_bytes() == content


def test_long_runs_of_blanks_are_read_once() -> None:
    """Quadratic reading would take hours here."""
    layout = TxtWriter.dialect.parse("a" + " " * 2_000_000 + "b" + "\n " * 1_000_000 + "c")
    assert layout.items[1:] == ["c"]


def test_spelling_options(tmp_path: Path) -> None:
    options = WriterOptions(spaces=True, escape_brackets=True)
    written = caption(tmp_path, None, "saber_(fate)", "^_^", "long_hair", options=options)
    assert written == rb"saber \(fate\), ^_^, long hair" + b"\n"


def test_what_stands_at_the_ends_is_literal(tmp_path: Path) -> None:
    options = WriterOptions(spaces=True, escape_brackets=True)
    write(TxtWriter(options), tmp_path / "a.png", "long_hair", first="My_Trigger (v2)", last="_end_")
    assert (tmp_path / "a.png.txt").read_text() == "My_Trigger (v2), long hair, _end_\n"
    write(HydrusWriter(options), tmp_path / "b.png", "long_hair", first="My_Trigger (v2)")
    assert (tmp_path / "b.png.txt").read_text() == "My_Trigger (v2)\nlong hair\n"


def test_changed_spelling_respells_our_own_tags(tmp_path: Path) -> None:
    target = tmp_path / "a.png.txt"
    target.write_text("by_hand\n")
    first = write(TxtWriter(WriterOptions()), tmp_path / "a.png", "long_hair")
    write(TxtWriter(WriterOptions(spaces=True)), tmp_path / "a.png", "long_hair", after=first)
    assert target.read_text() == "by_hand, long hair\n"


def test_hydrus_namespaces(tmp_path: Path) -> None:
    categories = ["character", "copyright", "artist", "rating", "meta", "general"]
    found = tuple(Tag(f"Tag_{name}", name, 0.9, "m") for name in categories)
    HydrusWriter(WriterOptions()).write(Job(tmp_path / "a.png", tmp_path / "a.png.txt", TagResult(""), found))
    assert (tmp_path / "a.png.txt").read_text().splitlines() == [
        "character:tag character",
        "series:tag copyright",
        "creator:tag artist",
        "rating:tag rating",
        "meta:tag meta",
        "tag general",
    ]


def test_commas_do_not_separate_in_hydrus_lists(tmp_path: Path) -> None:
    (tmp_path / "a.png.txt").write_text("title:well, hello\n")
    write(HydrusWriter(WriterOptions()), tmp_path / "a.png", "aqua_hair")
    assert (tmp_path / "a.png.txt").read_text() == "title:well, hello\naqua hair\n"


@pytest.mark.parametrize("name", ["a,b", "a\nb", " a", ""])
def test_tag_that_would_not_be_read_back(tmp_path: Path, name: str) -> None:
    with pytest.raises(OutputError, match="would not be read back"):
        caption(tmp_path, None, name)
    assert not (tmp_path / "a.png.txt").exists()


def test_empty_file_of_a_person_comes_back(tmp_path: Path) -> None:
    target = tmp_path / "a.png.txt"
    target.touch()
    writer = TxtWriter(WriterOptions())
    written = write(writer, tmp_path / "a.png", "aqua_hair")
    assert CREATED not in written.owned
    remove(writer, tmp_path / "a.png", written.owned)
    assert target.read_bytes() == b""


def test_mirrored_folders_are_made(tmp_path: Path) -> None:
    picture = tmp_path / "in/deep/a.png"
    options = WriterOptions(naming=Naming("stem", tmp_path / "out/tree", (tmp_path / "in",)))
    TxtWriter(options).write(Job(picture, tmp_path / "out/tree/deep/a.txt", TagResult(""), tags("aqua_hair")))
    assert (tmp_path / "out/tree/deep/a.txt").read_text() == "aqua_hair\n"
