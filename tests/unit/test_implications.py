"""A user's own table of what characters imply."""

from __future__ import annotations

from pathlib import Path

import pytest

from booru_tagger.colors import Part
from booru_tagger.errors import ConfigError
from booru_tagger.models.bundle import Label
from booru_tagger.tagging.implications import Implication, color_tag, completed, extended, read_implications
from booru_tagger.tagging.options import TaggerOptions
from booru_tagger.tagging.tagger import Tagger
from tests.support.bundles import Painted, paint

HEADER = "tag,series,hair,eyes,implied\n"
MIKU = Label("hatsune_miku", series="vocaloid", implied=("aqua_hair", "aqua_eyes", "twintails"))


def table(folder: Path, text: str) -> Path:
    path = folder / "mine.csv"
    path.write_text(text, "utf-8")
    return path


def applied(folder: Path, row: str) -> Label:
    (label,) = extended([MIKU], read_implications(table(folder, f"{HEADER}{row}\n")))
    return label


@pytest.mark.parametrize(
    ("row", "series", "implied"),
    [
        ("hatsune_miku,,,,", "vocaloid", ("aqua_hair", "aqua_eyes", "twintails")),
        ("hatsune_miku,,,,sword armor", "vocaloid", (*MIKU.implied, "sword", "armor")),
        ("hatsune_miku,,,,-twintails leek twintails", "vocaloid", ("aqua_hair", "aqua_eyes", "leek")),
        ("hatsune_miku,,pink,,", "vocaloid", ("pink_hair", "aqua_eyes", "twintails")),
        ("hatsune_miku,,,red,", "vocaloid", ("red_eyes", "aqua_hair", "twintails")),
        ("hatsune_miku,,-,-,", "vocaloid", ("twintails",)),
        (
            "hatsune_miku,,pink multicolored,heterochromia,",
            "vocaloid",
            ("pink_hair", "multicolored_hair", "heterochromia", "twintails"),
        ),
        ("hatsune_miku,magical_mirai,,,twintails", "magical_mirai", MIKU.implied),
        ("Hatsune Miku,-,,,", "", MIKU.implied),
        ("somebody_else,x,red,red,sword", "vocaloid", MIKU.implied),
    ],
)
def test_a_row_extends_or_overrides(tmp_path: Path, row: str, series: str, implied: tuple[str, ...]) -> None:
    label = applied(tmp_path, row)
    assert (label.tag, label.series, label.implied) == ("hatsune_miku", series, implied)


def test_new_colors_take_the_place_of_mixed_ones() -> None:
    label = Label("x", implied=("multicolored_hair", "heterochromia", "sword"))
    assert Implication(hair=("red_hair",)).applied(label).implied == ("red_hair", "heterochromia", "sword")
    assert Implication(eyes=()).applied(label).implied == ("multicolored_hair", "sword")


def test_an_enrolled_character_keeps_what_the_model_knows_of_it() -> None:
    (plain, own, other) = completed(
        [
            Label("hatsune_miku", implied=("blue_hair",)),
            Label("hatsune_miku", series="project_sekai", implied=("twintails", "tail")),
            Label("yagami_kou", implied=("blonde_hair",)),
        ],
        [MIKU],
    )
    assert plain == Label("hatsune_miku", series="vocaloid", implied=("blue_hair", "aqua_eyes", "twintails"))
    assert own.series == "project_sekai"
    assert own.implied == ("twintails", "tail", "aqua_hair", "aqua_eyes")
    assert other == Label("yagami_kou", implied=("blonde_hair",))


def test_columns_may_be_few_and_in_any_order(tmp_path: Path) -> None:
    path = table(tmp_path, '\ufeffimplied,tag\n"sword\narmor",a\n\n,b\n')
    assert read_implications(path) == {"a": Implication(added=("sword", "armor")), "b": Implication()}
    assert read_implications(table(tmp_path, "tag\n")) == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1: the header must name columns of tag,series"),
        ("name,hair\n", "the header must name columns"),
        ("tag,hiar\n", "found 'tag,hiar'"),
        ("tag,tag\n", "the header must"),
        (f"{HEADER}a,,bananna,,\n", "line 2: 'bananna' is not a color of hair; known are"),
        (f"{HEADER}a,,,multicolored_hair,\n", "line 2: 'multicolored_hair' is not a color of eyes"),
        (f"{HEADER}a,,,unclear,\n", "'unclear' is not a color of eyes"),
        (f"{HEADER}a,,,closed,\n", "'closed' is not a color of eyes"),
        (f"{HEADER}a,,,,\n,,,,sword\n", "line 3: '' is not a tag: it is empty"),
        (f"{HEADER}a,,,,x*\n", "line 2: 'x*' is not a tag"),
        (f"{HEADER}a,,,,sword,armor\n", "line 2: there are more cells than columns"),
        (f"{HEADER}a,,,,\nA,,,,\n", "line 3: 'a' already has a line"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_implications(table(tmp_path, text))
    assert message in str(caught.value) and str(tmp_path / "mine.csv") in str(caught.value)


def test_what_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.csv: cannot be read"):
        read_implications(tmp_path / "nowhere.csv")
    (tmp_path / "latin.csv").write_bytes(b"tag\nm\xfcller\n")
    with pytest.raises(ConfigError, match=r"latin\.csv: not text in UTF-8"):
        read_implications(tmp_path / "latin.csv")


def test_colors_by_all_their_names() -> None:
    words = {"blond": "blonde_hair", "Silver": "grey_hair", "light blue": "light_blue_hair"}
    assert {word: color_tag(Part.HAIR, word) for word in words} == words
    assert color_tag(Part.EYES, "blonde") == "yellow_eyes" == color_tag(Part.EYES, "yellow_eyes")


def test_the_table_holds_in_tagging(tiny_bundle: Path, tmp_path: Path) -> None:
    path = table(tmp_path, f"{HEADER}hatsune_miku,magical_mirai,pink,,leek -twintails\n")
    picture = tmp_path / "a.png"
    paint([Painted(20, 30, 100, "hatsune_miku", "pink", "aqua")]).save(picture)
    plain, more = Tagger(tiny_bundle), Tagger(TaggerOptions(tiny_bundle, implications=path))
    assert plain.fingerprint != more.fingerprint
    result = more.tag(picture)
    assert {tag.tag for tag in result.tags} == {
        *("hatsune_miku", "magical_mirai", "pink_hair", "aqua_eyes", "leek"),
    }
    assert result.conflicts == () != plain.tag(picture).conflicts
    again = Tagger(TaggerOptions(tiny_bundle, implications=read_implications(path)))
    assert again.fingerprint == more.fingerprint
