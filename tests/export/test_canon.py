"""The table of what characters imply: the one that ships is sound, and users' own are read."""

from __future__ import annotations

import csv
from importlib import resources
from pathlib import Path

import pytest
from booru_export.data.canon import COLUMNS, Canon, read_canon

from booru_tagger.errors import DataError
from booru_tagger.vocab import problem

OLD = "tag,series,hair,eyes,implied\n"


def shipped_rows() -> list[dict[str, str]]:
    text = (resources.files("booru_export") / "characters.csv").read_text("utf-8")
    return list(csv.DictReader(text.splitlines()))


def written(folder: Path, text: str) -> Path:
    path = folder / "mine.csv"
    path.write_text(text, "utf-8")
    return path


def test_the_shipped_table_is_sorted_and_names_nobody_twice() -> None:
    tags = [row["tag"] for row in shipped_rows()]
    assert tags == sorted(set(tags))
    assert list(read_canon()) == tags


def test_the_shipped_table_holds_valid_tags_only() -> None:
    wrong = {
        tag: problem(tag)
        for canon in read_canon().values()
        for tag in (canon.tag, canon.series, *canon.implied_tags())
        if problem(tag)
    }
    assert wrong == {}


def test_implied_tags_are_told_once_and_give_no_second_color() -> None:
    for canon in read_canon().values():
        implied = canon.implied_tags()
        assert len(set(implied)) == len(implied), canon
        assert not (canon.hair and "multicolored_hair" in canon.implied), canon
        assert not (canon.eyes and "heterochromia" in canon.implied), canon


def test_a_line_tells_looks_just_where_it_names_their_source() -> None:
    """A known line may tell nothing: then it is known that nothing is certain."""
    for canon in read_canon().values():
        assert canon.source or not canon.implied_tags(), canon
        assert canon.source != "measured" or canon.hair or canon.eyes, canon


def test_a_users_table_without_sources_is_read(tmp_path: Path) -> None:
    path = written(tmp_path, OLD + "my_oc_(original),original,pink,blue,sword armor\n")
    assert read_canon(path) == {
        "my_oc_(original)": Canon("my_oc_(original)", "original", "pink", "blue", ("sword", "armor"))
    }


def test_a_users_table_with_sources_is_read(tmp_path: Path) -> None:
    path = written(tmp_path, ",".join(COLUMNS) + "\nmy_oc,original,,blue,,measured\n")
    assert read_canon(path)["my_oc"].source == "measured"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("tag,series,hair\na,b,\n", "header"),
        (OLD + "a,b,yellow,,\n", "line 2: 'yellow'"),
        (OLD + "a,b,,white,\n", "line 2: 'white'"),
        (",".join(COLUMNS) + "\na,b,,,,guessed\n", "line 2: the source is 'guessed'"),
    ],
)
def test_what_is_unknown_is_told_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_canon(written(tmp_path, text))
