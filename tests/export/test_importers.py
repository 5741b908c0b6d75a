"""Data sets as people have them become one table."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from booru_export.cli.dataset import PRESETS, dataset
from booru_export.data.layouts import DataLayout, FaceColors, guess_layout, read_colors, read_moeimouto
from booru_export.data.tables import read_faces
from click.testing import CliRunner, Result
from PIL import Image

from booru_tagger.errors import DataError, ModelError
from booru_tagger.sources.booru_posts import characters
from tests.support.bundles import Painted, paint
from tests.support.drawn_faces import draw_face, make_folders


def run(*arguments: object) -> Result:
    return CliRunner().invoke(dataset, ["import", *map(str, arguments)], catch_exceptions=False)


def rows(table: Path) -> list[dict[str, str]]:
    with table.open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


@pytest.fixture
def moeimouto(tmp_path: Path) -> Path:
    """Three characters with 3, 2 and 1 pictures; the last one is to be ignored."""
    folder = tmp_path / "moeimouto-faces"
    for number, (name, count) in enumerate({"hatsune_miku": 3, "shana": 2, "akiyama_mio": 1}.items()):
        here = folder / f"{number * 450:03}_{name}"
        here.mkdir(parents=True)
        for index in range(count):
            draw_face(name, index).save(here / f"face_{index // 2}_{index}_7.png")
        (here / "color.csv").write_text(
            "file,hair_r,hair_g,hair_b,skin_r,skin_g,skin_b\nface_0_0_7.png,10,20,255,250,240\n", "utf-8"
        )
    (folder / "900_akiyama_mio" / "ignore").touch()
    return folder


def test_moeimouto_gives_labels_sources_and_groups(moeimouto: Path, tmp_path: Path) -> None:
    result = run(moeimouto, "-o", tmp_path / "out")
    assert "5 pictures of 2 characters (moeimouto layout)" in result.output
    assert "left out 1: in a folder with an 'ignore' file" in result.output
    table = rows(tmp_path / "out" / "faces.csv")
    assert list(table[0]) == ["path", "label", "source", "group", "split"]
    assert [row["label"] for row in table] == ["hatsune_miku"] * 3 + ["shana"] * 2
    assert {row["source"] for row in table} == {"moeimouto-faces"}
    assert table[0]["group"] == table[1]["group"] != table[2]["group"]  # face_0_… twice, face_1_…
    assert table[0]["group"] != table[3]["group"]  # another folder's face_0_…
    assert [item.path.is_file() for item in read_faces(tmp_path / "out")] == [True] * 5


def test_ignored_folders_and_rare_characters_follow_the_options(moeimouto: Path, tmp_path: Path) -> None:
    assert len(read_moeimouto(moeimouto, ignored=True).items) == 6
    result = run(moeimouto, "-o", tmp_path / "out", "--ignored", "--min-pictures", 3)
    assert "of 2 characters with fewer than 3 pictures" in result.output
    assert {row["label"] for row in rows(tmp_path / "out" / "faces.csv")} == {"hatsune_miku"}


def test_a_preset_is_a_set_of_options_that_others_override(moeimouto: Path, tmp_path: Path) -> None:
    assert PRESETS["moeimouto-173"] == {"layout": "moeimouto", "ignored": True, "min_pictures": 10}
    with pytest.raises(DataError, match="fewer than 10 pictures"):
        run(moeimouto, "-o", tmp_path / "out", "--preset", "moeimouto-173")
    run(moeimouto, "-o", tmp_path / "out", "--preset", "moeimouto-173", "--min-pictures", 1)
    assert len(rows(tmp_path / "out" / "faces.csv")) == 6


def test_colors_are_read_by_header_and_short_rows_give_less(tmp_path: Path) -> None:
    table = tmp_path / "color.csv"
    table.write_text(
        "skin_r,file,hair_b,hair_g,hair_r,skin_g,skin_b\n"
        "250,a.png,3,2,1,240,230\n"
        "250,b.png,3,2,1\n"
        "x,c.png,3,999,1,2,3\n"
        "\n",
        "utf-8",
    )
    assert read_colors(table) == {
        tmp_path / "a.png": FaceColors((1, 2, 3), (250, 240, 230)),
        tmp_path / "b.png": FaceColors((1, 2, 3), None),
    }
    table.write_text("name,r\na,1\n", "utf-8")
    assert read_colors(table) == {}


def test_colors_go_into_a_table_of_their_own(moeimouto: Path, tmp_path: Path) -> None:
    run(moeimouto, "-o", tmp_path / "out", "--copy")
    colors = rows(tmp_path / "out" / "colors.csv")
    assert [row["hair"] for row in colors] == ["#0a14ff", "#0a14ff"]
    assert all((tmp_path / "out" / row["path"]).is_file() for row in colors)


def test_folders_per_character_are_spelled_as_tags(tmp_path: Path) -> None:
    make_folders(tmp_path / "in", count=2, people=2)
    (tmp_path / "in" / "hatsune_miku").rename(tmp_path / "in" / "Hatsune Miku")
    (tmp_path / "in" / "-bad").mkdir()
    draw_face("shana", 0).save(tmp_path / "in" / "-bad" / "a.png")
    (tmp_path / "in" / "fate_testarossa" / "notes.txt").touch()
    result = run(tmp_path / "in", "-o", tmp_path / "out", "--rename", "Fate Testarossa=feito")
    assert "cannot be a tag: it begins with '-'" in result.output
    assert "not a picture by its name" in result.output
    assert [item.label for item in read_faces(tmp_path / "out")] == ["hatsune_miku"] * 2 + ["feito"] * 2


def test_a_bad_picture_is_left_out_and_named(tmp_path: Path) -> None:
    make_folders(tmp_path / "in", count=2, people=1)
    (tmp_path / "in" / "hatsune_miku" / "broken.png").write_bytes(b"no picture")
    result = run(tmp_path / "in", "-o", tmp_path / "out")
    assert "broken.png" in result.output
    assert "left out 1: cannot be read" in result.output
    assert len(read_faces(tmp_path / "out")) == 2


def test_copies_make_a_folder_that_can_be_moved(tmp_path: Path) -> None:
    make_folders(tmp_path / "in", count=2, people=2)
    run(tmp_path / "in", "-o", tmp_path / "out", "--copy")
    (tmp_path / "out").rename(tmp_path / "elsewhere")
    assert all(item.path.is_file() for item in read_faces(tmp_path / "elsewhere"))


def test_an_import_never_overwrites_but_adds(tmp_path: Path) -> None:
    make_folders(tmp_path / "one", count=2, people=2)
    make_folders(tmp_path / "two", count=3, people=1)
    run(tmp_path / "one", "-o", tmp_path / "out")
    before = (tmp_path / "out" / "faces.csv").read_bytes()
    with pytest.raises(DataError, match="--add"):
        run(tmp_path / "two", "-o", tmp_path / "out")
    assert (tmp_path / "out" / "faces.csv").read_bytes() == before
    run(tmp_path / "two", "-o", tmp_path / "out", "--add")
    again = run(tmp_path / "two", "-o", tmp_path / "out", "--add")
    assert "left out 3: in the table already" in again.output
    assert len(read_faces(tmp_path / "out")) == 7


def test_adding_keeps_the_columns_that_somebody_made(tmp_path: Path) -> None:
    make_folders(tmp_path / "in", count=1, people=2)
    (tmp_path / "out").mkdir()
    draw_face("shana", 0).save(tmp_path / "out" / "a.png")
    (tmp_path / "out" / "faces.csv").write_text("artist,label,path,split\nme,shana,a.png,test\n", "utf-8")
    run(tmp_path / "in", "-o", tmp_path / "out", "--add")
    table = rows(tmp_path / "out" / "faces.csv")
    assert [(row["artist"], row["label"], row["split"]) for row in table] == [
        ("me", "shana", "test"),
        ("", "fate_testarossa", ""),
        ("", "hatsune_miku", ""),
    ]


def test_a_dry_run_writes_nothing(tmp_path: Path) -> None:
    make_folders(tmp_path / "in", count=2, people=2)
    result = run(tmp_path / "in", "-o", tmp_path / "out", "--dry-run", "--copy")
    assert "4 pictures of 2 characters" in result.output
    assert not (tmp_path / "out").exists()


def test_a_table_with_other_columns_is_taken_over(tmp_path: Path) -> None:
    make_folders(tmp_path / "in", count=1, people=2)
    (tmp_path / "in" / "list.csv").write_text(
        "label,path,artist\nMiku,hatsune_miku/00.png,x\nghost,nowhere.png,y\n", "utf-8"
    )
    result = run(tmp_path / "in" / "list.csv", "-o", tmp_path / "out", "--source", "mine")
    assert "listed, but there is no such file" in result.output
    assert [(item.label, item.source) for item in read_faces(tmp_path / "out")] == [("miku", "mine")]


@pytest.mark.parametrize(
    ("post", "expected"),
    [
        ({"tag_string_character": "a b"}, ["a", "b"]),
        ({"tags": [{"name": "a", "category": "4"}, {"name": "x", "category": "0"}]}, ["a"]),
        ({"tags": [{"name": "a", "category": 4}, {"name": "", "category": 4}]}, ["a"]),
        ({"tags": {"character": ["a"], "general": ["x"]}}, ["a"]),
        ({"tags_character": "a"}, ["a"]),
        ({"tags": "1girl solo"}, []),
        ({}, []),
    ],
)
def test_character_tags_are_found_in_every_dialect(post: dict[str, object], expected: list[str]) -> None:
    assert characters(post) == expected


@pytest.fixture
def posts(tmp_path: Path) -> Path:
    """Illustrations with frames that the tiny detector takes for heads, and their metadata."""
    images = tmp_path / "images" / "0001"
    images.mkdir(parents=True)
    one, two = [Painted(40, 40, 96)], [Painted(20, 40, 96), Painted(180, 40, 90)]
    large = [Painted(10, 20, 170), Painted(220, 60, 60)]
    for name, faces in {
        "1001.png": one,
        "2001.png": two,
        "abc.png": one,
        "4001.png": [],
        "5001.png": large,
    }.items():
        paint(faces, background=(len(name) * 9, 230, 240)).save(images / name)
    metadata = [
        {"id": 1001, "tag_string_character": "hatsune_miku", "parent_id": None},
        {"id": "2001", "tags": [{"name": "cirno", "category": "4"}]},
        {"id": 3001, "md5": "abc", "tag_string_character": "cirno", "parent_id": 1001},
        {"id": 4001, "tag_string_character": "cirno"},
        {"id": 5001, "tag_string_character": "shana"},
        {"id": 6001, "tag_string_character": "cirno"},
        {"id": 7001, "tag_string_character": "cirno hatsune_miku"},
        {"id": 8001, "tag_string_character": ""},
    ]
    lines = [*map(json.dumps, metadata), "{damaged", "[1, 2]"]
    (tmp_path / "posts.jsonl").write_text("\n".join(lines) + "\n", "utf-8")
    return tmp_path


def test_illustrations_with_metadata_become_crops(posts: Path, tiny_bundle: Path) -> None:
    result = run(
        posts / "posts.jsonl", "-o", posts / "out", "--images", posts / "images", "--model", tiny_bundle
    )
    for reason in (
        "several faces on it",
        "no face found on it",
        "the picture is not there",
        "several character tags",
        "no character tag",
        "a line that is not JSON",
        "not a post",
    ):
        assert reason in result.output, result.output
    items = read_faces(posts / "out")
    assert [item.label for item in items] == ["hatsune_miku", "cirno"]
    assert items[0].group == items[1].group == "post:1001"  # parent and child
    with Image.open(items[0].path) as image:
        assert image.size == (96, 96)
    origin = rows(posts / "out" / "origins.csv")[0]
    assert Path(origin["picture"]).name == "1001.png"
    assert [int(origin[side]) for side in ("x0", "y0", "x1", "y1")] == pytest.approx(
        [40, 40, 136, 136], abs=3
    )


def test_the_larger_of_several_heads_can_be_taken(posts: Path, tiny_bundle: Path) -> None:
    arguments = ("--images", posts / "images", "--model", tiny_bundle, "--several", "largest")
    run(posts / "posts.jsonl", "-o", posts / "out", *arguments)
    assert [item.label for item in read_faces(posts / "out")] == ["hatsune_miku", "cirno", "shana"]


def test_crops_of_rare_characters_do_not_stay_behind(posts: Path, tiny_bundle: Path) -> None:
    arguments = ("--images", posts / "images", "--model", tiny_bundle, "--several", "largest")
    (posts / "images" / "0001" / "1002.png").write_bytes(
        (posts / "images" / "0001" / "1001.png").read_bytes()
    )
    paint([Painted(60, 50, 110)]).save(posts / "images" / "0001" / "1002.png")
    more = json.dumps({"id": 1002, "tag_string_character": "hatsune_miku"})
    (posts / "posts.jsonl").write_text((posts / "posts.jsonl").read_text("utf-8") + more, "utf-8")
    run(posts / "posts.jsonl", "-o", posts / "out", *arguments, "--min-pictures", 2)
    assert sorted(path.parent.name for path in (posts / "out").rglob("*.jpg")) == ["hatsune_miku"] * 2


def test_without_a_detector_illustrations_cannot_be_cut(
    posts: Path, tmp_path: Path, tiny_bundle: Path
) -> None:
    blind = tmp_path / "blind"
    blind.mkdir()
    manifest = json.loads((tiny_bundle / "manifest.json").read_text("utf-8"))
    manifest.pop("detector")
    (blind / "manifest.json").write_text(json.dumps(manifest), "utf-8")
    for name in manifest["files"]:
        (blind / name).write_bytes((tiny_bundle / name).read_bytes())
    with pytest.raises(ModelError, match="detector"):
        run(posts / "posts.jsonl", "-o", posts / "out", "--images", posts / "images", "--model", blind)


def test_layouts_are_told_apart(moeimouto: Path, posts: Path, tmp_path: Path) -> None:
    assert guess_layout(moeimouto) is DataLayout.MOEIMOUTO
    assert guess_layout(make_folders(tmp_path / "in", count=1)) is DataLayout.FOLDERS
    assert guess_layout(posts / "posts.jsonl") is DataLayout.DANBOORU
    (tmp_path / "in" / "faces.csv").write_text("path,label\n", "utf-8")
    assert guess_layout(tmp_path / "in") is DataLayout.CSV
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no layout that is known"):
        guess_layout(tmp_path / "empty")


def test_help_is_there_without_the_training_packages() -> None:
    assert "moeimouto" in run("--help").output
