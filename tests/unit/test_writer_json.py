"""The json sidecar, and JSON edited in place."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from booru_tagger.errors import OutputError
from booru_tagger.types import TagResult
from booru_tagger.writers.json_sidecar import JsonWriter
from booru_tagger.writers.json_text import array_layout, dumps, object_layout
from booru_tagger.writers.naming import Naming, WriterOptions
from tests.support.writing import job, read, remove, write

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.text(max_size=5), VALUES, max_size=5)
FORMATS = st.sampled_from(
    [{}, {"indent": 2}, {"indent": "\t"}, {"separators": (",", ":")}, {"separators": (" , ", " :\n")}]
)


@given(whole=OBJECTS, form=FORMATS, value=VALUES, blanks=st.sampled_from(["", " ", "\n\t"]))
def test_member_goes_in_and_out_without_a_trace(
    whole: dict[str, Any], form: dict[str, Any], value: Any, blanks: str
) -> None:
    text = blanks + json.dumps(whole, **form) + blanks
    edited = object_layout(text)
    assert str(edited) == text
    assert dict(zip(edited.keys, edited.values, strict=True)) == whole
    whole.pop("our_own", None)
    edited.set("our_own", dumps(value, indent=2))
    assert json.loads(str(edited)) == whole | {"our_own": value}
    edited.set("our_own", "[1, 2]")
    assert json.loads(edited.raw("our_own")) == edited.get("our_own") == [1, 2]
    edited.drop("our_own")
    assert str(edited) == text


@given(values=st.lists(VALUES, max_size=5), form=FORMATS)
def test_arrays_are_taken_apart(values: list[Any], form: dict[str, Any]) -> None:
    text = json.dumps(values, **form)
    layout = array_layout(text)
    assert str(layout) == text
    assert [json.loads(item) for item in layout.items] == values


def test_sidecar_is_the_stable_form(tmp_path: Path) -> None:
    writer = JsonWriter(WriterOptions())
    writing = job(writer, tmp_path / "a.png", "hatsune_miku", "aqua_hair")
    writer.write(writing)
    whole = json.loads((tmp_path / "a.png.json").read_text())
    assert whole == writing.result.to_json() | {"path": "a.png"}
    assert TagResult.from_json(whole).faces == writing.result.faces


def test_tags_are_those_of_the_policy(tmp_path: Path) -> None:
    writer = JsonWriter(WriterOptions())
    writing = job(writer, tmp_path / "a.png", "hatsune_miku", "aqua_hair")
    writer.write(replace(writing, tags=writing.tags[:1]))
    whole = json.loads((tmp_path / "a.png.json").read_text())
    assert [entry["tag"] for entry in whole["tags"]] == ["hatsune_miku"]


def test_path_is_seen_from_the_mirrored_folder(tmp_path: Path) -> None:
    naming = Naming(output=tmp_path / "out", roots=(tmp_path / "in",))
    write(JsonWriter(WriterOptions(naming=naming)), tmp_path / "in/x/a.png")
    assert json.loads((tmp_path / "out/x/a.png.json").read_text())["path"] == "../../in/x/a.png"


def test_keys_and_tags_of_people_stay_in_ours(tmp_path: Path) -> None:
    writer, target = JsonWriter(WriterOptions()), tmp_path / "a.png.json"
    first = write(writer, tmp_path / "a.png", "aqua_hair")
    whole = json.loads(target.read_text())
    whole["tags"][0]["note"] = "sure"
    whole["tags"] += ["by_hand", {"tag": "better", "by": "me"}, 5]
    whole |= {"tags_by_person": ["listed"], "rating": 1.0}
    target.write_text(json.dumps(whole))
    second = write(writer, tmp_path / "a.png", "aqua_hair", "aqua_eyes", after=first)
    now = json.loads(target.read_text())
    assert now["tags"][0] == {**whole["tags"][0]}
    assert now["tags"][2:] == ["by_hand", {"tag": "better", "by": "me"}, 5]
    assert (now["tags_by_person"], now["rating"]) == (["listed"], 1.0)
    assert read(writer, tmp_path / "a.png") == ("aqua_hair", "aqua_eyes", "by_hand", "better", "5", "listed")
    remove(writer, tmp_path / "a.png", second.owned)
    assert json.loads(target.read_text()) == {
        "schema": 1,
        "tags": ["by_hand", {"tag": "better", "by": "me"}, 5],
        "tags_by_person": ["listed"],
        "rating": 1.0,
    }


def test_new_scores_are_written(tmp_path: Path) -> None:
    writer = JsonWriter(WriterOptions())
    first = write(writer, tmp_path / "a.png", "aqua_hair")
    better = job(writer, tmp_path / "a.png", after=first)
    tag = job(writer, tmp_path / "a.png", "aqua_hair").tags[0]
    sure = type(tag)(tag.tag, tag.category, 0.99, tag.source)
    writer.write(replace(better, tags=(sure,)))
    assert json.loads((tmp_path / "a.png.json").read_text())["tags"][0]["score"] == 0.99


FOREIGN = [
    b'{"category": "danbooru", "tags": ["a", "b"], "width": 5}',
    b'{\n    "tags" : "a b",\n    "id":\t1e2\n}\n',
    b'\xef\xbb\xbf{"id": 1}',
    b"{}",
    b'{"tag_string": "\\u6708 \xe6\x9c\x88", "tags": {"artist": []}}  ',
]


@pytest.mark.parametrize("before", FOREIGN)
def test_foreign_file_gets_a_guest_and_keeps_its_bytes(tmp_path: Path, before: bytes) -> None:
    writer, target = JsonWriter(WriterOptions()), tmp_path / "a.png.json"
    target.write_bytes(before)
    first = write(writer, tmp_path / "a.png", "blue_hair")
    second = write(writer, tmp_path / "a.png", "aqua_hair", "aqua_eyes", after=first)
    whole = json.loads(target.read_bytes().decode("utf-8-sig"))
    assert [entry["tag"] for entry in whole.pop("booru_tagger")["tags"]] == ["aqua_hair", "aqua_eyes"]
    assert whole == json.loads(before.decode("utf-8-sig"))
    assert read(writer, tmp_path / "a.png") == ("aqua_hair", "aqua_eyes")
    assert not write(writer, tmp_path / "a.png", "aqua_hair", "aqua_eyes", after=second).changed
    remove(writer, tmp_path / "a.png", second.owned)
    assert target.read_bytes() == before


def test_guest_that_a_person_edited_keeps_their_tags(tmp_path: Path) -> None:
    writer, target = JsonWriter(WriterOptions()), tmp_path / "a.png.json"
    target.write_bytes(FOREIGN[0])
    first = write(writer, tmp_path / "a.png", "aqua_hair")
    whole = json.loads(target.read_text())
    whole["booru_tagger"]["tags"].append("by_hand")
    target.write_text(json.dumps(whole))
    remove(writer, tmp_path / "a.png", first.owned)
    assert json.loads(target.read_text())["booru_tagger"]["tags"] == ["by_hand"]


@pytest.mark.parametrize(
    ("before", "message"),
    [
        (b"[1, 2]", "a JSON list, not an object"),
        (b'{"a": ', "not valid JSON"),
        (b"[" * 100_000, "not valid JSON"),
        (b'{"schema": 1, "faces": [], "tags": "a b"}', "'tags' are not a list"),
        ("月".encode("utf-16"), "not UTF-8"),
    ],
)
def test_file_that_cannot_be_merged_into(tmp_path: Path, before: bytes, message: str) -> None:
    target = tmp_path / "a.png.json"
    target.write_bytes(before)
    with pytest.raises(OutputError, match=message):
        write(JsonWriter(WriterOptions()), tmp_path / "a.png", "aqua_hair")
    assert target.read_bytes() == before
