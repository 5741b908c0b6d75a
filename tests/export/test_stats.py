"""What `dataset stats` finds: counts, copies, contradictions, and labels that may be one."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from booru_export.cli.dataset import dataset
from booru_export.data.duplicates import NearPair, exact_copies, families, near_pairs, take_prints
from booru_export.data.spellings import similar_labels
from booru_export.data.stats import collect_stats, describe
from booru_export.data.tables import FaceItem, read_faces
from booru_export.evaluation.charts import BAD, GOOD, bar_chart, matrix
from click.testing import CliRunner
from PIL import Image

from tests.support.drawn_faces import PEOPLE, draw_face, jpeg_again, make_folders


def save(folder: Path, **pictures: Image.Image) -> list[Path]:
    folder.mkdir(exist_ok=True)
    for name, image in pictures.items():
        image.save(folder / f"{name}.png")
    return [folder / f"{name}.png" for name in pictures]


def found_pairs(paths: list[Path]) -> list[NearPair]:
    prints, _, _ = take_prints(paths)
    return near_pairs(prints)


def test_damaged_resized_and_mirrored_copies_are_near_duplicates(tmp_path: Path) -> None:
    face = draw_face("hatsune_miku", 0, 96)
    paths = save(
        tmp_path,
        face=face,
        jpeg=jpeg_again(face),
        small=face.resize((60, 60)),
        mirrored=face.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
        brighter=face.point(lambda tone: min(255, tone + 8)),
    )
    pairs = found_pairs(paths)
    assert {(pair.first, pair.second) for pair in pairs} == {
        (i, j) for i in range(5) for j in range(i + 1, 5)
    }
    assert all(pair.mirrored == (3 in (pair.first, pair.second)) for pair in pairs)


def test_two_drawings_of_one_person_are_no_duplicates(tmp_path: Path) -> None:
    paths = save(
        tmp_path, **{f"{name}_{seed}": draw_face(name, seed) for name in PEOPLE for seed in range(8)}
    )
    assert found_pairs(paths) == []


def test_the_same_lines_in_other_colors_are_no_duplicates(tmp_path: Path) -> None:
    face = draw_face("hatsune_miku", 0)
    red, green, blue = face.split()
    assert found_pairs(save(tmp_path, a=face, b=Image.merge("RGB", (green, blue, red)))) == []


def test_pairs_are_the_same_whatever_the_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    faces = [draw_face(name, seed) for name in PEOPLE for seed in range(2)]
    prints, _, _ = take_prints(
        save(tmp_path, **{f"p{i}": face for i, face in enumerate([*faces, *map(jpeg_again, faces)])})
    )
    whole = near_pairs(prints)
    monkeypatch.setattr("booru_export.data.duplicates.BLOCK", 5)
    assert near_pairs(prints) == whole
    assert [(pair.first, pair.second) for pair in whole] == [(i, i + 12) for i in range(12)]


def test_unreadable_pictures_are_named_and_the_rest_goes_on(tmp_path: Path) -> None:
    (good,) = save(tmp_path, a=draw_face("shana", 0))
    (tmp_path / "bad.png").write_bytes(b"")
    prints, read, bad = take_prints([tmp_path / "bad.png", good, tmp_path / "none.png"])
    assert (len(prints), read) == (1, [1])
    assert [path.name for path, _ in bad] == ["bad.png", "none.png"]
    assert exact_copies(prints) == []


def test_families_join_groups_that_share_a_duplicate() -> None:
    items = [FaceItem(Path(str(i)), "a", "s", group) for i, group in enumerate("abbcd")]
    joined = families(items, [NearPair(0, 1, 3, False), NearPair(2, 3, 3, False)])
    assert [item.group for item in joined] == ["a", "a", "a", "a", "d"]


@pytest.mark.parametrize(
    ("first", "second", "reason"),
    [
        ("hatsune_miku", "miku_hatsune", "another order"),
        ("asuka_langley_soryu", "asuka_langley_souryuu", "long vowels"),
        ("saber", "saber_(fate)", "brackets"),
        ("izumi_konata", "izumi_konnata", "one letter"),
        ("kinomoto_sakura", "kinomoto_saukra", "one letter"),
        ("ninomae_ina'nis", "ninomae_inanis", "signs"),
        ("c.c.", "cc", "signs"),
    ],
)
def test_two_spellings_are_noticed(first: str, second: str, reason: str) -> None:
    (pair,) = similar_labels([first, second, "takamachi_nanoha"])
    assert (pair.first, pair.second) == tuple(sorted((first, second)))
    assert reason in pair.reason


def test_different_names_are_left_alone() -> None:
    names = ["kagamine_rin", "kagamine_len", "rei", "ren", "unit_01", "unit_02", "android_18", "android_19"]
    assert similar_labels(names) == []


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = make_folders(tmp_path / "data", count=5, people=3)
    miku = folder / "hatsune_miku"
    (miku / "copy.png").write_bytes((miku / "00.png").read_bytes())
    jpeg_again(draw_face("hatsune_miku", 1)).save(folder / "akiyama_mio" / "wrong.png")
    (folder / "akiyama_mio" / "broken.png").write_bytes(b"x")
    draw_face("fate_testarossa", 0, 80).save(folder / "fate_testarossa" / "big.png")
    return folder


def test_stats_count_and_find(data: Path) -> None:
    stats = collect_stats(read_faces(data), few=7)
    assert stats.characters == (("akiyama_mio", 7), ("fate_testarossa", 6), ("hatsune_miku", 6))
    assert stats.rare == ["fate_testarossa", "hatsune_miku"]
    assert [{stats.items[index].path.name for index in copies} for copies in stats.copies] == [
        {"00.png", "copy.png"}
    ]
    (wrong,) = stats.contradictions()
    assert {stats.items[index].path.name for index in wrong} == {"01.png", "wrong.png"}
    assert {stats.items[index].label for index in wrong} == {"hatsune_miku", "akiyama_mio"}
    assert stats.sizes is not None
    assert (stats.sizes.width, stats.sizes.small) == ((48, 48, 80), 17)
    assert ["broken.png" in str(error) for error in stats.unreadable] == [True]


def test_copies_on_two_sides_of_a_split_are_leaks(data: Path) -> None:
    items = [
        replace(item, split="test" if item.path.name in ("copy.png", "wrong.png") else "train")
        for item in read_faces(data)
    ]
    assert len(collect_stats(items).leaks()) == 2
    undecided = [replace(item, split="") for item in items]
    assert collect_stats(undecided).leaks() == []


def test_the_command_prints_a_table_a_chart_and_json(data: Path, tmp_path: Path) -> None:
    chart, report = tmp_path / "chart.png", tmp_path / "stats.json"
    result = CliRunner().invoke(
        dataset,
        ["stats", str(data), "--few", "7", "--chart", str(chart), "--json", str(report)],
        catch_exceptions=False,
    )
    assert "19 pictures of 3 characters" in result.output
    assert "hatsune_miku            6" in result.output.replace("  ######", "")
    assert result.output.count("< 7") == 2
    assert "1 pictures under two labels" in result.output
    content = json.loads(report.read_text("utf-8"))
    assert content["few"] == {"below": 7, "characters": ["fate_testarossa", "hatsune_miku"]}
    assert len(content["near_duplicates"]) == 2
    colors = {color for _, color in Image.open(chart).convert("RGB").getcolors(1 << 20) or ()}
    assert {GOOD, BAD} <= colors


def test_many_characters_are_told_by_series(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("booru_export.data.stats.MANY", 3)
    rows = [("rin", "vocaloid", 2), ("len", "vocaloid", 9), ("fate", "nanoha", 4), ("akagi_(a)", "", 1)]
    items = [
        FaceItem(Path(f"{label}{number}"), label, "s", f"{label}{number}", series=series)
        for label, series, count in rows
        for number in range(count)
    ]
    stats = collect_stats(items, look=False)
    assert [(one.series, one.characters, one.pictures, one.fewest, one.most) for one in stats.series] == [
        ("vocaloid", 2, 11, 2, 9),
        ("nanoha", 1, 4, 4, 4),
        ("", 1, 1, 1, 1),
    ]
    assert stats.by_count == [("1-3", 2, 3), ("4-7", 1, 4), ("8-19", 1, 9), ("20+", 0, 0)]
    lines = describe(stats)
    assert not any(line.startswith("rin") for line in lines)
    assert "vocaloid                   2        11      2-9" in lines
    assert stats.to_json()["characters"]["rin"] == 2


def test_people_of_one_name_in_two_series_are_two() -> None:
    def pair(*series: str) -> list[FaceItem]:
        labels = ("akagi_(azur_lane)", "akagi_(kancolle)")
        return [
            FaceItem(Path(tag), tag, "s", tag, series=name) for tag, name in zip(labels, series, strict=True)
        ]

    assert collect_stats(pair("azur_lane", "kantai_collection"), look=False).alike == []
    assert len(collect_stats(pair("azur_lane", ""), look=False).alike) == 1


def test_counting_alone_reads_no_picture(data: Path) -> None:
    for path in data.rglob("*.png"):
        path.write_bytes(b"")
    stats = collect_stats(read_faces(data), look=False)
    assert (stats.sizes, stats.unreadable, len(stats.items)) == (None, [], 19)


def test_a_long_list_of_findings_is_cut_short(tmp_path: Path) -> None:
    for number in range(8):
        (tmp_path / "a" / "a").mkdir(parents=True, exist_ok=True)
        draw_face("shana", 0).save(tmp_path / "a" / f"{number}.png")
        draw_face("shana", number + 1).save(tmp_path / "a" / f"{number + 10}.png")
        (tmp_path / "a" / f"bad{number}.png").write_bytes(b"")
    lines = describe(collect_stats(read_faces(tmp_path)), max_examples=3)
    assert "  and 5 more (--json lists all)" in lines


def test_charts_hold_many_characters_of_any_script() -> None:
    counts = [(f"character_with_a_long_name_{number}_初音ミク", number) for number in range(130, 0, -1)]
    chart = bar_chart(counts, title="many", few=100)
    assert chart.width < 10_000
    assert matrix(np.eye(70, dtype=np.int64), [str(number) for number in range(70)], title="").width < 2000
