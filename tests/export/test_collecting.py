"""From characters with few pictures to approved crops in the data set."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest
from booru_export.cli.dataset import dataset
from booru_export.data.collecting import TABLE, find_gaps
from booru_export.data.tables import FaceItem, add_faces, read_faces
from click.testing import CliRunner, Result
from PIL import Image

from booru_tagger.errors import DataError
from tests.support.bundles import Painted, paint

WHO = {
    "hatsune_miku": (6, "aqua", "aqua"),
    "kagamine_rin": (2, "blonde", "blue"),
    "cirno": (1, "blue", "blue"),
}
"""Pictures, hair and eyes, as the tiny recogniser tells them apart."""


def run(command: str, *arguments: object) -> Result:
    return CliRunner().invoke(dataset, [command, *map(str, arguments)], catch_exceptions=False)


def rows(table: Path) -> list[dict[str, str]]:
    with table.open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def person(name: str, x: int = 30, y: int = 30, side: int = 100) -> Painted:
    _, hair, eyes = WHO[name]
    return Painted(x, y, side, who=name, hair=hair, eyes=eyes)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Crops: six of one character, two and one of the others."""
    folder = tmp_path / "data"
    items = []
    for name, (count, _, _) in WHO.items():
        (folder / name).mkdir(parents=True)
        for number in range(count):
            shade = (200 + 5 * number, 230, 240)
            crop = paint([person(name, 40 - number, 30, 100 + number)], background=shade).crop(
                (30, 20, 150, 140)
            )
            crop.save(folder / name / f"{number}.png")
            items.append(FaceItem(folder / name / f"{number}.png", name, "drawn", f"{name}{number}"))
    add_faces(folder / "faces.csv", items)
    return folder


@pytest.fixture
def unlabelled(tmp_path: Path) -> Path:
    """Two of whom there are few, one of whom there are enough, a stranger, and a file that is no picture."""
    folder = tmp_path / "unlabelled" / "deep"
    folder.mkdir(parents=True)
    paint([person("cirno", 20, 60, 110), person("hatsune_miku", 180, 60, 110)]).save(folder / "two.png")
    paint([person("kagamine_rin", 60, 40, 140)], background=(180, 200, 250)).save(folder / "rin.png")
    stranger = Painted(50, 50, 120, who="stranger", hair="black", eyes="red")
    paint([stranger]).save(folder / "stranger.png")
    paint([]).save(folder / "nobody.png")
    (folder / "broken.png").write_bytes(b"no picture")
    return tmp_path / "unlabelled"


@pytest.fixture
def sheet(data: Path, unlabelled: Path, tiny_bundle: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "sheet"
    options = ("--few", 5, "--model", tiny_bundle, "--closeness", 0.9)
    result = run("collect", data, unlabelled, "-o", folder, *options)
    assert "2 candidates in 5 pictures" in result.output
    assert "broken.png" in result.output
    return folder


def test_gaps_name_the_rarest_first(data: Path) -> None:
    gaps = find_gaps(read_faces(data), 5)
    assert [(gap.label, gap.pictures, gap.missing) for gap in gaps] == [
        ("cirno", 1, 4),
        ("kagamine_rin", 2, 3),
    ]
    assert "7 pictures missing" in run("gaps", data, "--few", 5).output


def test_candidates_are_those_wanted_with_rivals_and_origin(sheet: Path) -> None:
    found = rows(sheet / TABLE)
    assert [(row["label"], Path(row["picture"]).name) for row in found] == [
        ("cirno", "two.png"),
        ("kagamine_rin", "rin.png"),
    ]
    for row in found:
        assert float(row["closeness"]) > 0.9
        assert row["rival"] in set(WHO) - {row["label"]}
        assert row["approve"] == ""
        with Image.open(sheet / row["crop"]) as crop:
            assert crop.size[0] > 90
    assert [int(found[0][side]) for side in ("x0", "y0", "x1", "y1")] == pytest.approx(
        [20, 60, 130, 170], abs=4
    )


def test_the_sheet_shows_every_candidate(sheet: Path) -> None:
    page = (sheet / "sheet.html").read_text("utf-8")
    crops = [row["crop"] for row in rows(sheet / TABLE)]
    assert re.findall(r"<img [^>]*src='([^']+)'", page) == crops
    assert re.findall(r"<input type='checkbox' value='([^']+)'", page) == crops
    assert "http" not in page


def test_only_what_is_approved_joins_with_its_provenance(sheet: Path, data: Path) -> None:
    before = (data / "faces.csv").read_text("utf-8")
    with pytest.raises(DataError, match="nothing is approved"):
        run("approve", sheet, data)
    table = (sheet / TABLE).read_text("utf-8")
    (sheet / TABLE).write_text(table.replace("\n,cirno,", "\nx,cirno,"), "utf-8")
    assert "1 candidates approved" in run("approve", sheet, data, "--dry-run").output
    assert (data / "faces.csv").read_text("utf-8") == before
    run("approve", sheet, data)
    assert (data / "faces.csv").read_text("utf-8").startswith(before)
    *_, new = read_faces(data)
    assert (new.label, new.source, Path(new.group).name) == ("cirno", "collected", "two.png")
    assert new.path.is_file()
    (origin,) = rows(data / "origins.csv")
    assert Path(origin["picture"]).name == "two.png"
    assert (data / origin["path"]).resolve() == new.path.resolve()
    assert "0 pictures" in run("approve", sheet, data).output  # once is enough
    assert len(read_faces(data)) == 10


def test_the_saved_list_may_correct_a_label(sheet: Path, data: Path, tmp_path: Path) -> None:
    crop = rows(sheet / TABLE)[1]["crop"]
    (tmp_path / "approved.csv").write_text(f'crop,label\n"{crop}","Kagamine Len"\n', "utf-8")
    run("approve", sheet, data, "--list", tmp_path / "approved.csv")
    assert [item.label for item in read_faces(data)][9:] == ["kagamine_len"]


def test_approval_in_bulk(sheet: Path, data: Path) -> None:
    assert "2 candidates approved" in run("approve", sheet, data, "--closer-than", 0.5, "--dry-run").output
    run("approve", sheet, data, "--all")
    assert len(read_faces(data)) == 11


def test_what_is_known_already_is_no_candidate(
    sheet: Path, data: Path, unlabelled: Path, tiny_bundle: Path, tmp_path: Path
) -> None:
    run("approve", sheet, data, "--all")
    again = ("--few", 5, "--model", tiny_bundle, "--closeness", 0.9)
    assert "0 candidates" in run("collect", data, unlabelled, "-o", tmp_path / "again", *again).output


def test_a_sheet_is_not_overwritten_and_needs_somebody_wanted(
    sheet: Path, data: Path, unlabelled: Path, tiny_bundle: Path, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match="filled in"):
        run("collect", data, unlabelled, "-o", sheet, "--model", tiny_bundle)
    with pytest.raises(DataError, match="--few"):
        run("collect", data, unlabelled, "-o", tmp_path / "s", "--few", 1, "--model", tiny_bundle)
    with pytest.raises(DataError, match="reimu"):
        run("collect", data, unlabelled, "-o", tmp_path / "s", "--label", "reimu", "--model", tiny_bundle)


class TestVerdicts:
    """Faces named on the review page join the data set."""

    @pytest.fixture
    def verdicts(self, tmp_path: Path, unlabelled: Path) -> Path:
        pictures = sorted(unlabelled.rglob("*o*.png"))[1:]  # nobody, two
        table = tmp_path / "verdicts.csv"
        with table.open("w", encoding="utf-8", newline="") as handle:
            writer = csv.writer(handle)
            writer.writerow(("picture", "x0", "y0", "x1", "y1", "verdict", "tag", "drawn", "score"))
            writer.writerow((pictures[0], 30, 30, 130, 130, "named", "my_oc", "", 0.9))
            writer.writerow((pictures[1], 30, 30, 130, 130, "unknown", "", "", 0.9))
            writer.writerow((unlabelled / "gone.png", 30, 30, 130, 130, "named", "my_oc", "", 0.9))
        return table

    def test_join_after_a_look(self, data: Path, verdicts: Path, tiny_bundle: Path, tmp_path: Path) -> None:
        sheet = tmp_path / "sheet"
        ended = run("collect", data, "--verdicts", verdicts, "-o", sheet, "--model", tiny_bundle)
        assert ended.exit_code == 0, ended.output
        assert "gone.png" in ended.output
        (row,) = rows(sheet / TABLE)
        assert (row["approve"], row["label"]) == ("x", "my_oc")
        assert "checked" in (sheet / "sheet.html").read_text()
        assert run("approve", sheet, data).exit_code == 0
        assert [item.label for item in read_faces(data)].count("my_oc") == 1

    def test_needs_one_source(self, data: Path, verdicts: Path, unlabelled: Path, tmp_path: Path) -> None:
        for arguments in ([], [unlabelled, "--verdicts", verdicts]):
            ended = run("collect", data, *arguments, "-o", tmp_path / "sheet")
            assert ended.exit_code == 2 and "not both" in ended.output

    def test_a_table_of_something_else_is_refused(
        self, data: Path, tiny_bundle: Path, tmp_path: Path
    ) -> None:
        table = tmp_path / "other.csv"
        table.write_text("a,b\n1,2\n")
        with pytest.raises(DataError, match="review --export"):
            run("collect", data, "--verdicts", table, "-o", tmp_path / "sheet", "--model", tiny_bundle)
