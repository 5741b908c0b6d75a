"""Splits: what each mode promises, and what the comparison says."""

from __future__ import annotations

import csv
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from booru_export.cli.dataset import dataset
from booru_export.data.split_report import judge_splits, moved
from booru_export.data.splits import (
    LEFT_OUT_COMMON,
    MODES,
    divide,
    kind_of,
    left_out,
    split_faces,
    split_scenes,
)
from booru_export.data.tables import FaceItem, Scene, add_faces, read_faces
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st

from booru_tagger.errors import DataError
from tests.support.drawn_faces import PEOPLE, draw_face, jpeg_again, make_folders


def some_items(count: int = 60, labels: int = 3, together: int = 2) -> list[FaceItem]:
    return [
        FaceItem(
            Path(f"{number}.png"),
            f"c{number % labels}",
            "s",
            f"g{number // (labels * together)}-{number % labels}",
        )
        for number in range(count)
    ]


def run(*arguments: object) -> Result:
    return CliRunner().invoke(dataset, ["split", *map(str, arguments)], catch_exceptions=False)


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_keeps_the_shares_and_depends_on_the_seed_alone(mode: str) -> None:
    items = some_items(240)
    parts = divide(items, mode, 3, (0.1, 0.2))  # type: ignore[arg-type]
    counts = Counter(parts)
    assert counts["test"] == pytest.approx(48, abs=8)
    assert counts["validation"] == pytest.approx(24, abs=8)
    assert divide(items, mode, 3, (0.1, 0.2)) == parts  # type: ignore[arg-type]
    assert divide(items, mode, 4, (0.1, 0.2)) != parts  # type: ignore[arg-type]


def test_stratified_gives_each_character_its_share() -> None:
    items = [*some_items(100, labels=1), *(FaceItem(Path(f"r{i}"), "rare", "s", f"r{i}") for i in range(10))]
    parts = divide(items, "stratified", 0, (0.1, 0.2))
    of_rare = Counter(part for item, part in zip(items, parts, strict=True) if item.label == "rare")
    assert of_rare == {"train": 7, "validation": 1, "test": 2}


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("ghijklmnop")), max_size=60), st.integers(0, 5)
)
@settings(max_examples=40, deadline=None)
def test_grouped_never_parts_a_group_and_always_leaves_something_to_train_on(
    pairs: list[tuple[str, str]], seed: int
) -> None:
    items = [FaceItem(Path(str(i)), label, "s", group) for i, (label, group) in enumerate(pairs)]
    parts = divide(items, "grouped", seed, (0.3, 0.3))
    of_group: dict[str, set[str]] = {}
    for item, part in zip(items, parts, strict=True):
        of_group.setdefault(item.group, set()).add(part)
    assert all(len(found) == 1 for found in of_group.values())
    assert not items or "train" in parts


def test_a_decided_split_is_kept_and_takes_its_group_along() -> None:
    items = some_items(60)
    decided = [replace(item, split="test") if item.group == "g3-1" else item for item in items]
    free = replace(decided[0], path=Path("new.png"), group="g3-1", label="c1")
    parts = split_faces([*decided, free])
    assert {item.group for item in parts["test"]} >= {"g3-1"}
    assert free in parts["test"]
    everything = [replace(item, split="validation") for item in items]
    assert len(split_faces(everything)["validation"]) == 60


def test_adding_pictures_moves_few_of_the_old_ones() -> None:
    items = some_items(600)
    before = {item.path: part for part, members in split_faces(items[:500]).items() for item in members}
    after = {item.path: part for part, members in split_faces(items).items() for item in members}
    assert sum(before[path] != after[path] for path in before) < 40


def test_the_comparison_counts_siblings_across_the_border() -> None:
    judged = judge_splits(some_items(240), shares=(0.1, 0.2))
    assert judged["grouped"].siblings == 0
    assert judged["random"].leaking > 0.4  # of a pair, the other one is in training more often than not
    assert moved(judged["random"], judged["random"]) == 0
    assert moved(judged["random"], judged["grouped"]) > 0.2


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Each drawing twice, once damaged, so that a memory does well on a random split."""
    folder = make_folders(tmp_path / "data", count=10, people=4)
    for name in list(PEOPLE)[:4]:
        for number in range(10):
            jpeg_again(draw_face(name, number)).save(folder / name / f"{number:02}_again.png")
    return folder


def rows(table: Path) -> list[dict[str, str]]:
    with table.open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def test_the_command_keeps_near_duplicates_together(data: Path, tmp_path: Path) -> None:
    table, report = tmp_path / "split" / "faces.csv", tmp_path / "report.json"
    result = run(data, "-o", table, "--test", 0.2, "--json", report)
    assert "A random split flatters" in result.output
    parts: dict[tuple[str, str], set[str]] = {}
    for row in rows(table):
        drawing = (row["label"], Path(row["path"]).stem.removesuffix("_again"))
        parts.setdefault(drawing, set()).add(row["split"])
    assert all(len(found) == 1 for found in parts.values())
    assert set().union(*parts.values()) == {"train", "validation", "test"}
    judged = {entry["mode"]: entry for entry in json.loads(report.read_text("utf-8"))}
    assert judged["random"]["siblings"] > 0 == judged["grouped"]["siblings"]
    assert judged["random"]["nearest"] >= judged["grouped"]["nearest"]
    used = split_faces(read_faces(table))
    assert {len(members) for members in used.values()} == set(
        Counter(row["split"] for row in rows(table)).values()
    )


def test_other_columns_of_a_table_stay_and_a_split_is_not_lost(data: Path) -> None:
    items = read_faces(data)
    add_faces(data / "faces.csv", items)
    content = (data / "faces.csv").read_text("utf-8").splitlines()
    content = [content[0] + ",artist", *(f"{line},someone" for line in content[1:])]
    (data / "faces.csv").write_text("\n".join(content), "utf-8")
    assert run(data, "--mode", "stratified", "--no-near").exit_code == 0
    first = rows(data / "faces.csv")
    assert {row["artist"] for row in first} == {"someone"}
    assert Counter(row["split"] for row in first)["test"] == 8
    with pytest.raises(DataError, match="--replace"):
        run(data, "--no-near")
    assert rows(data / "faces.csv") == first
    run(data, "--no-near", "--replace", "--mode", "random", "--seed", 5)
    assert rows(data / "faces.csv") != first


def test_a_dry_run_only_compares(data: Path) -> None:
    assert "grouped" in run(data, "--dry-run", "--no-near").output
    assert not (data / "faces.csv").exists()


def test_something_must_be_left_to_train_on(data: Path) -> None:
    with pytest.raises(DataError, match="nothing to train on"):
        run(data, "--test", 0.6, "--validation", 0.5)


def test_unreadable_pictures_are_named_and_get_no_part(data: Path) -> None:
    (data / "hatsune_miku" / "00.png").write_bytes(b"")
    result = run(data)
    assert "left out of the split" in result.output
    without = [row["path"] for row in rows(data / "faces.csv") if not row["split"]]
    assert without == ["hatsune_miku/00.png"]


def people_of(kind: str, pictures: int, count: int = 400) -> list[FaceItem]:
    return [
        FaceItem(Path(f"{who}-{n}"), f"{kind}{pictures}-{who}", "s", f"{who}-{n}", kind=kind)
        for who in range(count)
        for n in range(pictures)
    ]


def test_of_characters_with_three_pictures_all_are_learned_from() -> None:
    parts = split_faces(people_of("official", 3))
    assert not parts["validation"] and not parts["test"]


def test_of_characters_with_few_pictures_some_give_one_to_one_part() -> None:
    items = people_of("official", 5)
    parts = split_faces(items)
    held = [Counter(item.label for item in parts[part]) for part in ("validation", "test")]
    assert all(set(counts.values()) == {1} for counts in held)
    assert not set(held[0]) & set(held[1])
    assert all(50 < len(counts) < 110 for counts in held)
    before = {item.label for item in split_faces(items[:1000])["test"]}
    assert before == {label for label in held[1] if int(label.split("-")[1]) < 200}


def test_characters_left_out_are_of_every_kind_but_not_those_with_many_pictures() -> None:
    items = [*people_of("official", 3), *people_of("face", 8), *people_of("sprite", 25, 40)]
    chosen = left_out(items)
    kinds = Counter(label.split("-")[0] for label in chosen)
    assert set(kinds) == {"official3", "face8"}
    assert kinds["face8"] == pytest.approx(400 * LEFT_OUT_COMMON, abs=18)
    assert chosen == left_out(list(reversed(items)))


def test_who_stands_in_a_table_without_kinds_is_never_left_out() -> None:
    items = people_of("face", 8)
    kept = FaceItem(Path("more.png"), sorted(left_out(items))[0], "s", "g")
    assert left_out([*items, kept]) == left_out(items) - {kept.label}


def test_head_boxes_of_a_table_are_read_and_checked(tmp_path: Path) -> None:
    table = tmp_path / "faces.csv"
    table.write_text("path,label,kind,x0,y0,x1,y1\na.png,miku,face,1,2,31,42.5\nb.png,miku,,,,,\n", "utf-8")
    first, second = read_faces(table)
    assert first.head is not None and tuple(first.head) == (1, 2, 31, 42.5)
    assert first.kind == "face"
    assert second.head is None
    for values, complaint in (("1,2,x,4", "not four numbers"), ("5,5,5,9", "no area")):
        table.write_text(f"path,label,x0,y0,x1,y1\na.png,miku,{values}\n", "utf-8")
        with pytest.raises(DataError, match=f"line 2.*{complaint}"):
            read_faces(table)


def some_scene(name: str, source: str, group: str = "") -> Scene:
    return Scene(Path(name), 9, 9, source, "", (), (), (), (), group)


def test_more_is_held_out_of_illustrations_and_hard_pictures() -> None:
    sources = {"covers": "posters", "hard_of_some": "hard", "pixels": "illustrations"}
    shares = {"posters": 0.08, "hard": 0.22, "illustrations": 0.43}
    held_out: dict[str, set[str]] = {}
    for source, kind in sources.items():
        scenes = [some_scene(f"{number}.png", source) for number in range(2000)]
        assert {kind_of(scene) for scene in scenes} == {kind}
        parts = split_scenes(scenes)
        assert len(parts["validation"]) == pytest.approx(160, abs=40)
        assert len(parts["test"]) == pytest.approx(2000 * shares[kind], abs=60)
        held_out[kind] = {scene.path.name for scene in parts["test"]}
    assert held_out["posters"] < held_out["hard"] < held_out["illustrations"]


def test_scenes_of_one_group_stay_together() -> None:
    for group in range(30):
        parts = split_scenes([some_scene(f"{n}.png", "pixels", f"g{group}") for n in range(5)])
        assert sorted(map(len, parts.values())) == [0, 0, 5]
