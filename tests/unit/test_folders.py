"""Into which folders pictures are sorted, and which files go with them."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from booru_tagger.errors import ConfigError
from booru_tagger.library.companions import Companions, renamed
from booru_tagger.library.folders import FolderTemplate, Several, Sorting
from booru_tagger.library.free_names import FreeNames
from booru_tagger.types import Box, CharacterMatch, FaceResult, ScoredTag, Tag, TagResult

MIKU = FaceResult(
    Box(0, 0, 9, 9), 0.9, CharacterMatch("hatsune_miku", 0.9), hair_color=ScoredTag("aqua_hair", 1)
)
SABER = FaceResult(Box(20, 0, 29, 9), 0.9, CharacterMatch("saber_(fate)", 0.7))
STRANGER = FaceResult(Box(40, 0, 49, 9), 0.9, eye_color=ScoredTag("red_eyes", 1))
SERIES = {"hatsune_miku": "vocaloid", "saber_(fate)": "fate/stay_night"}


def of(*faces: FaceResult) -> TagResult:
    names = [
        Tag(face.character.tag, "character", face.character.score, "recogniser")
        for face in faces
        if face.character
    ]
    return TagResult("", 99, 99, faces, tuple(names))


def folders(
    result: TagResult, template: str = "{series}/{character}", several: Several = "first"
) -> list[str]:
    sorting = Sorting(FolderTemplate(template), several, series_of=SERIES.get)
    return [folder.as_posix() for folder in sorting.folders(Path("art/a.png"), result, 86_400 * 40)]


@pytest.mark.parametrize(
    ("several", "expected"),
    [
        ("first", ["vocaloid/hatsune_miku"]),
        ("each", ["vocaloid/hatsune_miku", "fate_stay_night/saber_(fate)"]),
        ("together", ["fate_stay_night + vocaloid/hatsune_miku + saber_(fate)"]),
        ("apart", ["several/several"]),
        ("skip", []),
    ],
)
def test_several_characters(several: Several, expected: list[str]) -> None:
    assert folders(of(SABER, MIKU), several=several) == expected
    assert folders(of(MIKU, STRANGER), several=several) == ["vocaloid/hatsune_miku"]


def test_what_is_not_known_has_a_name_too() -> None:
    assert folders(of(STRANGER)) == ["unknown"]
    assert folders(of()) == ["no_head"]
    assert folders(of(STRANGER), "{series}/{year}/{character} {hair}") == ["1970/unknown unknown"]
    assert folders(of(STRANGER), "{series}/{year}") == ["unknown/1970"]
    assert folders(of(STRANGER), "all {series}/{character}") == ["all unknown/unknown"]


def test_a_known_series_or_name_keeps_its_place() -> None:
    series = Tag("touhou", "copyright", 0.9, "recogniser")
    assert folders(replace(of(STRANGER), tags=(series,))) == ["touhou/unknown"]
    oc = FaceResult(Box(0, 0, 9, 9), 0.9, CharacterMatch("oc", 0.9))
    assert folders(of(oc)) == ["unknown/oc"]


def test_unknown_people_have_the_name_that_is_asked_for_or_stay() -> None:
    series = Tag("touhou", "copyright", 0.9, "recogniser")
    for unknown, expected in {"nobody": ["nobody"], "a/b": ["a_b"], "skip": []}.items():
        sorting = Sorting(FolderTemplate("{series}/{character}"), unknown=unknown)
        found = sorting.folders(Path("a.png"), of(STRANGER), 0)
        assert [folder.as_posix() for folder in found] == expected
    assert sorting.folders(Path("a.png"), of(), 0) == []
    assert sorting.folders(Path("a.png"), replace(of(), tags=(series,)), 0) == [Path("touhou/no_head")]
    other = replace(
        of(STRANGER), tags=(Tag("my_oc", "character", 1, "tagger"), Tag("oc", "copyright", 1, "tagger"))
    )
    assert folders(other) == ["oc/my_oc"]
    sure = Sorting(FolderTemplate("{character}"), min_score=0.8)
    assert sure.folders(Path("a.png"), of(SABER), 0) == [Path("unknown")]


def test_other_fields() -> None:
    template = "{hair}/{eyes}, {heads} heads/{rating}/{folder}/{year}-{month}"
    assert folders(of(MIKU), template) == ["aqua_hair/unknown, 1 heads/unknown/art/1970-02"]
    assert folders(of(STRANGER), "{eyes}") == ["red_eyes"]


@pytest.mark.parametrize(
    "text", ["", "/", "/x", "../x", "a/../b", "{nobody}", "{character!r}", "{character:9}", "{", "{}"]
)
def test_refuses_what_is_no_template(text: str) -> None:
    with pytest.raises(ConfigError, match="template"):
        FolderTemplate(text)


@example("0\xa0.")
@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=300))
def test_every_name_becomes_one_folder_on_every_system(name: str) -> None:
    (part,) = FolderTemplate("{character}").filled({"character": name}).parts
    assert len(part.encode()) <= 200 and part not in (".", "..")
    assert not set('<>:"/\\|?*\0\n') & set(part) and part == part.strip().rstrip(".")
    assert part.split(".")[0].lower() not in ("con", "nul", "com1")


def test_a_name_is_free_that_nobody_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names, looks, real = FreeNames(lambda path: path), 0, os.path.lexists

    def lexists(path: Path) -> bool:
        nonlocal looks
        looks += 1
        return real(path)

    monkeypatch.setattr(os.path, "lexists", lexists)
    folder, placed = tmp_path / "tree", []
    folder.mkdir()
    for number in range(100):
        picture = tmp_path / str(number) / "a.b.png"
        picture.parent.mkdir()
        picture.write_bytes(b"x" * number)
        target = names.path(picture, folder, lambda path: not real(path))
        assert names.path(picture, folder, lambda path: not real(path)) == target
        target.write_bytes(picture.read_bytes())
        assert names.path(picture, folder, lambda path: False) == target
        placed.append(target.name)
    assert placed[:3] == ["a.b.png", "a.b (2).png", "a.b (3).png"] and len(set(placed)) == 100
    assert looks < 100 * 10
    (folder / "a.b (2).png").unlink()
    names.forget(folder)
    assert names.path(picture.with_name("a.b.png"), folder, lambda path: not real(path)).name == "a.b (2).png"


class TestCompanions:
    def make(self, folder: Path, names: str) -> None:
        for name in names.split():
            (folder / name).write_bytes(b"")

    def test_are_named_after_the_picture(self, tmp_path: Path) -> None:
        self.make(
            tmp_path,
            "a.png a.png.txt a.png.booru.json a.txt a.xmp a.kra a.b.txt ab.png ab.txt metadata.jsonl",
        )
        found = [path.name for path in Companions().of(tmp_path / "a.png")]
        assert found == ["a.png.booru.json", "a.png.txt", "a.txt", "a.xmp"]

    def test_of_a_shared_stem_belong_to_nobody(self, tmp_path: Path) -> None:
        self.make(tmp_path, "a.png a.jpg a.txt a.jpg.txt")
        companions = Companions()
        assert companions.of(tmp_path / "a.png") == []
        assert companions.of(tmp_path / "a.jpg") == [tmp_path / "a.jpg.txt"]

    def test_are_renamed_with_it(self) -> None:
        picture = Path("x/a.png")
        assert renamed(Path("x/a.png.txt"), picture, "a (2).png") == "a (2).png.txt"
        assert renamed(Path("x/a.xmp"), picture, "a (2).png") == "a (2).xmp"
        assert renamed(picture, picture, "a (2).png") == "a (2).png"
