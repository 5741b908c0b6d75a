"""Who is said to be in a picture, by all that may say it."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest
from PIL import Image

from booru_tagger.enrol.labelled.labels import (
    Embedded,
    LabelReader,
    Ours,
    Posts,
    Said,
    journalled,
    listed,
    read_embedded,
)
from booru_tagger.enrol.labelled.names import CharacterNames, read_names
from booru_tagger.errors import ConfigError
from booru_tagger.journal import Journal
from booru_tagger.journal.values import RawResult
from booru_tagger.models.bundle import Label
from booru_tagger.types import Box, CharacterMatch, FaceResult, Tag, TagResult, Verdict
from booru_tagger.writers.base import Job, Writer
from booru_tagger.writers.embed import EmbedWriter
from booru_tagger.writers.json_sidecar import JsonWriter
from booru_tagger.writers.naming import WriterOptions
from booru_tagger.writers.regions import stored, upright
from booru_tagger.writers.xmp import XmpWriter
from tests.support.person_regions import packet

NAMES = CharacterNames(
    [Label("hatsune_miku", series="vocaloid"), Label("saber", series="fate_(series)")], ["jinx"]
)


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("Hatsune Miku", "hatsune_miku"),
        ("jinx", "jinx"),
        ("blue hair", None),
        ("character:some one", "some_one"),
        ("People|Some One", "some_one"),
        ("series:hatsune miku", None),
        (r"rem \(re:zero\)", "rem_(re:zero)"),
        ("rem_(re:zero)", "rem_(re:zero)"),
        ("bow_(weapon)", None),
        ("fate_(series)", None),
        ("hatsune_miku_(cosplay)", None),
        ("character:hatsune_miku_(cosplay)", None),
        ("", None),
        ("character:", None),
    ],
)
def test_a_character_is_told_from_other_tags(text: str, tag: str | None) -> None:
    assert NAMES.found(text) == tag


def test_folders_are_called_after_characters() -> None:
    assert NAMES.of_folder("000_hatsune_miku") == ["hatsune_miku"]
    assert NAMES.of_folder("Hatsune Miku & Rem_(re:zero)") == ["hatsune_miku", "rem_(re:zero)"]
    assert NAMES.of_folder("holiday 2020") == []
    assert NAMES.of_folder("my oc, jinx", all_of_them=True) == ["my_oc", "jinx"]


def test_a_name_may_tell_its_series() -> None:
    assert [NAMES.series_of(tag) for tag in ("x_(vocaloid)", "x_(fate)", "x_(other)", "x")] == [
        "vocaloid",
        "fate_(series)",
        "",
        "",
    ]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("my oc\n# a comment\nRem (Re:Zero)\n", ["my_oc", "rem_(re:zero)"]),
        ("1girl,0,999,\nmy_oc,4,5,other\n", ["my_oc"]),
        ("tag_id,name,category,count\n1,1girl,0,9\n2,my_oc,4,9\n", ["my_oc"]),
    ],
)
def test_names_come_from_lists_and_tables(tmp_path: Path, text: str, names: list[str]) -> None:
    (tmp_path / "names.csv").write_text(text, "utf-8")
    assert read_names(tmp_path / "names.csv") == names


def test_a_list_of_names_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    for name in ("empty", "missing"):
        with pytest.raises(ConfigError, match=name):
            read_names(tmp_path / name)


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        ("1girl, hatsune miku,  smile\n", ["1girl", "hatsune miku", "smile"]),
        ("1girl hatsune_miku smile", ["1girl", "hatsune_miku", "smile"]),
        ("character:hatsune miku\n\nblue hair\n", ["character:hatsune miku", "blue hair"]),
        ("hatsune miku", ["hatsune miku"]),
    ],
)
def test_tags_are_listed_in_many_ways(text: str, tags: list[str]) -> None:
    assert listed(text) == tags


def picture(folder: Path, name: str = "a.png") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 8)).save(path)
    return path


def names(path: Path, reader: LabelReader | None = None) -> set[str]:
    return set((reader or LabelReader(NAMES)).read(path, path.parent).names)


@pytest.mark.parametrize(
    ("file", "content", "found"),
    [
        ("a.png.txt", "character:some one\nblue hair", {"some_one"}),
        ("a.txt", "1girl, hatsune miku", {"hatsune_miku"}),
        ("a.caption", "1girl, hatsune_miku", {"hatsune_miku"}),
        ("a.png.json", {"tag_string_character": "one two", "tag_string_general": "jinx"}, {"one", "two"}),
        ("a.json", {"tags_character": ["one"], "tags": ["jinx"]}, {"one"}),
        ("a.json", {"tags": {"character": ["one"], "general": ["jinx"]}}, {"one"}),
        ("a.json", {"tags": "1girl jinx"}, {"jinx"}),
        (
            "a.json",
            {"tags": ["1girl", "jinx"], "booru_tagger": {"tags_by_person": ["saber"]}},
            {"jinx", "saber"},
        ),
        ("a.json", ["jinx"], set()),
    ],
)
def test_sidecars_say_who_is_there(tmp_path: Path, file: str, content: object, found: set[str]) -> None:
    path = picture(tmp_path)
    (tmp_path / file).write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
    assert names(path) == found


def test_a_sidecar_that_two_pictures_may_have_is_nobody_s(tmp_path: Path) -> None:
    path = picture(tmp_path)
    picture(tmp_path, "a.jpg")
    (tmp_path / "a.txt").write_text("jinx", "utf-8")
    assert names(path) == set()


def test_a_damaged_sidecar_is_told_and_the_others_count(tmp_path: Path) -> None:
    path, told = picture(tmp_path), list[str]()
    (tmp_path / "a.png.json").write_text("{", "utf-8")
    (tmp_path / "a.png.xmp").write_text("<x", "utf-8")
    (tmp_path / "a.png.txt").write_text("jinx", "utf-8")
    assert names(path, LabelReader(NAMES, problem=told.append)) == {"jinx"}
    assert len(told) == 2 and all(str(tmp_path) in line for line in told)


def job(path: Path, target: Path) -> Job:
    tags = Tag("new_one", "character", 1, "review"), Tag("jinx", "general", 1, "recogniser")
    return Job(path, target, TagResult(str(path), 8, 8), tags)


def write(writer: Writer, path: Path) -> None:
    target = writer.target(path)
    assert target is not None
    writer.write(job(path, target))


def test_keywords_in_trees_say_what_they_are(tmp_path: Path) -> None:
    path = picture(tmp_path)
    write(XmpWriter(WriterOptions()), path)
    assert names(path) == {"new_one", "jinx"}
    inside = picture(tmp_path, "b.png")
    write(EmbedWriter(WriterOptions()), inside)
    found = read_embedded(inside.read_bytes())
    assert LabelReader(NAMES).embedded(found, inside).names == {"new_one", "jinx"}
    assert LabelReader(NAMES).embedded(found, None) == Said(), "perhaps our own guesses"
    assert read_embedded(b"no picture") == Embedded([])


def named_face(turned: int, name: str = "Jinx") -> tuple[str, Box]:
    """XMP about a picture of 8 by 4 pixels as it is stored; and where the face is upright."""
    box = Box(1, 1, 3, 4)
    width, height = (4, 8) if turned >= 5 else (8, 4)
    return packet(box, name, 8, 4), upright(stored(box, 8, 4, 1), width, height, turned)


@pytest.mark.parametrize("turned", [1, 6])
def test_a_name_at_a_face_says_where_somebody_is(tmp_path: Path, turned: int) -> None:
    text, box = named_face(turned)
    exif = Image.Exif()
    exif[0x0112] = turned
    for number, inside in enumerate((False, True)):
        path = tmp_path / f"{number}.jpg"
        Image.new("RGB", (8, 4)).save(path, exif=exif, xmp=text.encode() if inside else b"")
        if not inside:
            path.with_suffix(".xmp").write_text(text)
        reader = LabelReader(NAMES)
        embedded = read_embedded(path.read_bytes())
        assert Embedded.from_json(embedded.to_json()) == embedded
        said = reader.read(path, tmp_path) | reader.embedded(embedded, path)
        assert not inside or reader.embedded(embedded, None) == said, "the same of one that was fetched"
        ((tag, found),) = said.regions
        assert tag == "jinx" and said.names == {"jinx"} and not said.heads
        assert found == pytest.approx(box)


def test_a_name_at_a_face_needs_a_picture_and_a_tag(tmp_path: Path) -> None:
    path = picture(tmp_path)
    path.with_suffix(".xmp").write_text(named_face(1, " ")[0])
    assert LabelReader(NAMES).read(path, tmp_path) == Said()
    path.with_suffix(".xmp").write_text(named_face(1)[0])
    path.write_bytes(b"no picture")
    assert LabelReader(NAMES).read(path, tmp_path) == Said()


def test_a_region_of_ours_is_no_news_and_a_person_s_name_there_is(tmp_path: Path) -> None:
    path, writer = picture(tmp_path), XmpWriter(WriterOptions())
    face = FaceResult(Box(1, 1, 5, 5), 0.9, CharacterMatch("hatsune_miku", 0.9))
    target = writer.target(path)
    assert target is not None
    tag = Tag("hatsune_miku", "character", 0.9, "recogniser")
    written = writer.write(Job(path, target, TagResult(str(path), 8, 8, (face,)), (tag,)))
    ours = Ours(owned={os.path.realpath(target): written.owned})
    reader = LabelReader(NAMES, ours=lambda _: ours)
    assert reader.read(path, tmp_path) == Said()
    named = re.sub("<mwg-rs:Name>[^<]*", "<mwg-rs:Name>Jinx", target.read_text("utf-8"))
    target.write_text(named, "utf-8")
    assert reader.read(path, tmp_path).names == {"jinx"}


def test_of_our_own_files_only_what_people_said_counts(tmp_path: Path) -> None:
    path = picture(tmp_path)
    told = CharacterMatch("new_one", 1.0, "review")
    guessed = CharacterMatch("hatsune_miku", 0.9)
    faces = FaceResult(Box(1, 1, 5, 5), 0.9, told), FaceResult(Box(5, 1, 8, 5), 0.9, guessed)
    writer = JsonWriter(WriterOptions())
    tags = Tag("new_one", "character", 1, "review"), Tag("hatsune_miku", "character", 0.9, "recogniser")
    writer.write(Job(path, writer.target(path), TagResult(str(path), 8, 8, faces), tags))
    said = LabelReader(NAMES).read(path, tmp_path)
    assert said == Said(frozenset({"new_one"}), (("new_one", Box(1, 1, 5, 5)),))


def test_what_this_program_wrote_is_no_news(tmp_path: Path) -> None:
    path = picture(tmp_path)
    sidecar = tmp_path / "a.png.txt"
    sidecar.write_text("hatsune miku, jinx", "utf-8")
    ours = Ours(Said(frozenset({"saber"})), {os.path.realpath(sidecar): frozenset({"hatsune miku"})})
    assert names(path, LabelReader(NAMES, ours=lambda _: ours)) == {"jinx", "saber"}


def test_the_journal_knows_verdicts_and_other_taggers(tmp_path: Path) -> None:
    path = picture(tmp_path)
    raw = TagResult(
        str(path),
        8,
        8,
        whole_picture=(Tag("jinx", "character", 0.9, "tagger"), Tag("sky", "general", 1, "tagger")),
    )
    with Journal.open(tmp_path / "journal.sqlite3") as journal:
        assert journalled(journal)(path) == Ours()
        journal.record(path, "f", raw, [], RawResult(raw, "r"))
        face = FaceResult(Box(1, 1, 5, 5), 0.9)
        journal.reviews.decide(
            path, [Verdict("named", "new_one", face, 8, 8), Verdict("unknown", "", face, 8, 8)]
        )
        said = journalled(journal)(path).said
    assert said == Said(frozenset({"jinx", "new_one"}), (("new_one", Box(1, 1, 5, 5)),))


def test_folders_and_posts_say_it_too(tmp_path: Path) -> None:
    path = picture(tmp_path, f"Hatsune Miku/my oc/{'ab' * 16}.png")
    posts = tmp_path / "posts.jsonl"
    posts.write_text(json.dumps({"md5": "ab" * 16, "tag_string_character": "one"}) + "\nnonsense\n", "utf-8")
    told = list[str]()
    reader = LabelReader(NAMES, posts=Posts([posts], told.append), all_folders=True)
    assert reader.read(path, tmp_path).names == {"hatsune_miku", "my_oc", "one"}
    assert LabelReader(NAMES).read(path, tmp_path).names == {"hatsune_miku"}
    assert LabelReader(NAMES).read(path, path.parent).names == set() and told == ["a line that is not JSON"]
    with pytest.raises(ConfigError, match=r"no \.json"):
        Posts([path.parent], told.append)
