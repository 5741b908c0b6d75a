"""Characters of one's own from the command line: enrolled, used, shared, forgotten."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from booru_tagger import errors
from booru_tagger.app.known_characters import Figures, find_known, known_characters
from booru_tagger.config import TaggingSettings
from tests.support.bundles import Painted, make_bundle, make_newer_bundle, paint
from tests.support.command import Ended, Home, make_home

HEAD = Painted(20, 40, 90, (235, 20, 30), "purple", "green")
STRANGER = Painted(180, 60, 80, (60, 90, 10), "white", "black")


@pytest.fixture
def home(tmp_path: Path, tiny_bundle: Path) -> Home:
    """A home with five pictures of a character in ``oc`` and one more beside it."""
    home = make_home(tmp_path / "home", BOORU_TAGGER_MODEL=str(tiny_bundle))
    (home.work / "oc").mkdir()
    for number in range(5):
        face = Painted(20 + 9 * number, 40, 80, (225 + 5 * number, 20, 30), "purple", "green")
        paint([face]).save(home.work / "oc" / f"{number}.png")
    paint([HEAD, STRANGER]).save(home.work / "new.png")
    return home


def gallery(home: Home) -> Path:
    return next(home.folder.rglob("gallery.json"))


def enrolled(home: Home, *args: str) -> Ended:
    ended = home.run(
        "characters", "add", "My OC (original)", "oc", "--series", "original", "--imply", "sword", *args
    )
    assert ended.code == 0, ended.err
    return ended


def tagged(home: Home, *args: str) -> list[str]:
    """The tags that stand beside ``new.png`` after it was tagged."""
    ended = home.run("tag", "new.png", "--writer", "txt", "--format", "none", *args)
    assert ended.code == 0, ended.err
    return (home.work / "new.png.txt").read_text("utf-8").strip().split(", ")


def test_an_enrolled_character_takes_part_at_once(home: Home) -> None:
    assert "my_oc_(original)" not in tagged(home)
    said = enrolled(home)
    assert said.out.startswith("my_oc_(original): 5 faces from 5 pictures\n")
    assert "implies: original, purple_hair, green_eyes, sword" in said.out
    assert "warning" not in said.err and str(gallery(home)) in said.err
    tags = tagged(home)  # the picture is done again, since the gallery is another
    assert {"my_oc_(original)", "original", "sword", "purple_hair", "green_eyes"} <= set(tags)
    again = home.run("tag", "new.png", "--writer", "txt")
    assert "unchanged since an earlier run" in again.err
    assert "my_oc_(original)" not in tagged(home, "--no-gallery")


def test_it_is_listed_shown_and_forgotten(home: Home) -> None:
    assert "no characters are enrolled" in home.run("characters", "list").err
    enrolled(home)
    _, line = home.run("characters", "list").out.splitlines()
    assert line.split()[:4] == ["my_oc_(original)", "original", "enrolled", "5"]
    assert line.endswith("green_eyes, sword")
    shown = home.run("characters", "show", "my oc (original)").out
    assert "series:    original" in shown and "with the model tiny 1" in shown
    assert all(f"oc/{number}.png" in shown for number in range(5))
    wrong = home.run("characters", "show", "my_oc_(orignal)")
    assert wrong.code == errors.DataError.exit_code and "did you mean 'my_oc_(original)'?" in wrong.err
    before = gallery(home).read_bytes()
    assert home.run("characters", "remove", "nobody").code == errors.DataError.exit_code
    assert home.run("characters", "remove", "my_oc_(original)").code == 0
    assert home.run("characters", "list").out == ""
    assert gallery(home).with_name("gallery.json.bak").read_bytes() == before


def test_whom_it_knows_is_listed_and_shown(home: Home) -> None:
    enrolled(home)

    def listed(*args: str) -> dict[str, dict[str, object]]:
        lines = home.run("characters", "list", "--known", "--json", *args).out.splitlines()
        return {row["tag"]: row for row in map(json.loads, lines)}

    everybody = listed()
    assert {"hatsune_miku", "cirno", "my_oc_(original)"} <= set(everybody)
    assert everybody["hatsune_miku"]["series"] == "vocaloid" and everybody["cirno"]["known"] == "trained"
    assert everybody["my_oc_(original)"]["known"] == "enrolled" and everybody["cirno"]["threshold"] == 0.6
    assert set(listed("Hatsune M")) == {"hatsune_miku"}
    assert set(listed("--series", "orig")) == {"my_oc_(original)"}
    assert "my_oc_(original)" not in listed("--no-gallery")
    table = home.run("characters", "list", "--known", "--series", "vocaloid")
    assert "hatsune_miku" in table.out and "cirno" not in table.out and "of vocaloid" in table.err
    nobody = home.run("characters", "list", "--known", "hatsune_mika")
    assert nobody.code == errors.EXIT_NOTHING_DONE and "did you mean 'hatsune_miku'?" in nobody.err
    shown = home.run("characters", "show", "Hatsune Miku", "--no-gallery").out
    assert "vocaloid" in shown and "twintails" in shown and "0.6" in shown
    assert json.loads(home.run("characters", "show", "cirno", "--json").out)["tag"] == "cirno"
    home.variables["COLUMNS"] = "60"  # type: ignore[index]
    lines = home.run("characters", "list", "--known").out.splitlines()
    assert max(map(len, lines)) <= 60 and lines[0].split()[:2] == ["character", "series"]


def test_what_the_shipped_model_knows_rests_on_pictures() -> None:
    known = {each.tag: each for each in known_characters(TaggingSettings(gallery=False))}
    miku = known["hatsune_miku"]
    assert len(known) > 40 and miku.series == "vocaloid" and (miku.pictures or 0) > 10


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("characters.csv", "tag,series,pictures,faces,right,named\ncirno,touhou,9,8,6,4\n"),
        ("MODEL_CARD.md", "| character | faces | top-1 | named |\n| `cirno` | 8 | 0.750 | 0.500 |\n"),
    ],
)
def test_figures_are_read_from_beside_the_model(tmp_path: Path, name: str, text: str) -> None:
    bundle = make_bundle(tmp_path / "model")
    (bundle / name).write_text(text)
    tagging = TaggingSettings(str(bundle), gallery=False)
    assert find_known("Cirno", tagging).figures == Figures(8, 0.75, 0.5)
    assert find_known("hatsune miku", tagging).figures is None


def test_a_gallery_of_its_own_is_kept_apart(home: Home) -> None:
    enrolled(home, "--gallery", "mine.json")
    assert not list(home.folder.rglob("gallery.json"))
    assert "my_oc_(original)" not in tagged(home)
    assert "my_oc_(original)" in tagged(home, "--gallery", "mine.json")
    assert "my_oc" in home.run("characters", "list", "--gallery", "mine.json").out
    missing = home.run("tag", "new.png", "--gallery", "nowhere.json")
    assert missing.code == errors.ModelError.exit_code and "nowhere.json" in missing.err


def test_a_taken_name_and_a_dry_run_change_nothing(home: Home) -> None:
    dry = enrolled(home, "--dry-run")
    assert "nothing written (dry run)" in dry.err and not list(home.folder.rglob("gallery.json"))
    enrolled(home)
    before = gallery(home).read_bytes()
    taken = home.run("characters", "add", "my_oc_(original)", "new.png")
    assert taken.code == errors.DataError.exit_code and "--replace" in taken.err
    assert gallery(home).read_bytes() == before
    enrolled(home, "--replace", "--hair", "pink", "--eyes", "none")
    assert "pink_hair, sword" in home.run("characters", "list").out


def test_pictures_that_fail_are_named(home: Home) -> None:
    (home.work / "oc" / "z.png").write_text("no picture")
    ended = home.run("characters", "add", "oc", "oc", "missing.png")
    assert ended.code == errors.EXIT_SOME_FAILED
    assert "oc/z.png" in ended.err and "missing.png" in ended.err
    assert "oc: 5 faces from 7 pictures" in ended.out


def test_two_characters_in_one_folder_are_not_enrolled_as_one(home: Home) -> None:
    for number in range(3):
        paint([Painted(150 + 9 * number, 60, 80, STRANGER.who, "white", "black")]).save(
            home.work / "oc" / f"other{number}.png"
        )
    mixed = home.run("characters", "add", "oc", "oc")
    assert mixed.code == errors.DataError.exit_code and "pictures of two characters: 3 of the 8" in mixed.err
    assert not list(home.folder.rglob("gallery.json"))
    assert home.run("characters", "add", "oc", "oc", "--keep-outliers").code == 0


def test_colors_that_differ_are_not_assumed(home: Home) -> None:
    for number, color in enumerate(["pink", "pink", "black", "white"]):
        face = Painted(20 + 9 * number, 40, 80, (225 + 5 * number, 20, 30), color, "green")
        paint([face]).save(home.work / "oc" / f"{number}.png")
    said = enrolled(home)
    assert "warning: the faces do not agree on the color of the hair" in said.err and "--hair" in said.err
    assert "implies: original, green_eyes, sword" in said.out
    assert "1 character enrolled, 1 character in the gallery" in said.err


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (["add", "a,b", "oc"], errors.ConfigError.exit_code, "'a,b' is not a tag"),
        (["add", "oc", "oc", "--hair", "bananna"], errors.ConfigError.exit_code, "--hair: 'bananna'"),
        (["add", "oc", "oc", "--no-gallery"], errors.ConfigError.exit_code, "gallery is switched off"),
        (["add", "oc", "new.png"], errors.DataError.exit_code, "new.png: shows several faces"),
        (["add", "oc"], 2, "PICTURE"),
        (["show", "oc"], errors.DataError.exit_code, "characters add"),
        (["remove", "oc"], errors.ModelError.exit_code, "characters add"),
        (["export", "x.json"], errors.ModelError.exit_code, "characters add"),
        (["import", "oc/0.png"], errors.ModelError.exit_code, "oc/0.png: not a gallery"),
    ],
)
def test_what_cannot_be_done_is_said(home: Home, args: list[str], code: int, words: str) -> None:
    ended = home.run("characters", *args)
    assert ended.code == code and words in ended.err and "Traceback" not in ended.err
    assert not list(home.folder.rglob("gallery.json"))


def test_a_pack_is_shared(home: Home, tmp_path: Path, tiny_bundle: Path) -> None:
    enrolled(home)
    assert home.run("characters", "export", "oc.pack").code == 0
    pack = home.work / "oc.pack"
    data = pack.read_bytes()
    assert b".png" not in data and str(home.folder).encode() not in data
    taken = home.run("characters", "export", "oc.pack", "my_oc_(original)")
    assert taken.code == errors.OutputError.exit_code and "left alone" in taken.err
    assert home.run("characters", "export", "oc.pack", "--replace").code == 0
    itself = home.run("characters", "export", str(gallery(home)), "--replace")
    assert itself.code == errors.OutputError.exit_code and "the gallery itself" in itself.err
    (home.work / "diary.txt").write_text("dear diary")
    assert home.run("characters", "export", "diary.txt", "--replace").code == errors.ModelError.exit_code
    assert (home.work / "diary.txt").read_text() == "dear diary"

    friend = make_home(tmp_path / "friend", BOORU_TAGGER_MODEL=str(tiny_bundle))
    (friend.work / "new.png").write_bytes((home.work / "new.png").read_bytes())
    assert friend.run("characters", "import", pack, "--dry-run").code == 0
    assert not list(friend.folder.rglob("gallery.json"))
    assert friend.run("characters", "import", pack).code == 0
    assert "my_oc_(original)" in tagged(friend)
    twice = friend.run("characters", "import", pack)
    assert twice.code == errors.DataError.exit_code and "in the gallery already" in twice.err
    assert friend.run("characters", "import", pack, "--rename", "my_oc_(original)=their_oc").code == 0
    assert friend.run("characters", "import", pack, "--replace").code == 0
    assert len(friend.run("characters", "list").out.splitlines()) == 3


def test_another_model_is_told_apart(home: Home, tmp_path: Path) -> None:
    enrolled(home)
    other = make_bundle(tmp_path / "other", recogniser={"file": "detector.onnx"})
    ended = home.run("tag", "new.png", "--model", str(other))
    assert ended.code == errors.ModelError.exit_code
    assert "enrolled with another model" in ended.err and "--no-gallery" in ended.err


def test_captions_for_training_leave_out_what_the_name_implies(home: Home) -> None:
    enrolled(home)
    assert {"sword", "purple_hair"} <= set(tagged(home))
    caption = home.work / "new.png.txt"
    caption.write_text(f"{caption.read_text().strip()}, long_hair, green_eyes\n")
    tags = tagged(home, "--strip-implied")
    assert {"my_oc_(original)", "original", "long_hair", "white_hair"} <= set(tags)
    assert not {"sword", "purple_hair"} & set(tags)


def test_a_persons_own_tags_stay_whatever_the_name_implies(home: Home) -> None:
    enrolled(home)
    (home.work / "new.png.txt").write_text("sword, purple_hair\n")
    tags = tagged(home, "--strip-implied")
    assert {"sword", "purple_hair", "my_oc_(original)"} <= set(tags) and "green_eyes" not in tags


def test_a_table_of_implied_tags(home: Home) -> None:
    enrolled(home)
    table = home.work / "mine.csv"
    table.write_text("tag,series,hair,eyes,implied\nmy_oc_(original),my_comic,,,armor -sword\n")
    tags = tagged(home, "--implications", "mine.csv")
    assert {"my_comic", "armor"} <= set(tags) and not {"sword", "original"} & set(tags)
    table.write_text("tag,hair\nmy_oc_(original),bananna\n")
    wrong = home.run("tag", "new.png", "--implications", "mine.csv")
    assert wrong.code == errors.ConfigError.exit_code and "mine.csv, line 2" in wrong.err


def test_a_gallery_outlives_its_model(home: Home) -> None:
    enrolled(home)
    before = gallery(home).read_bytes()
    newer = make_newer_bundle(home.folder / "newer")
    refused = home.run("tag", "new.png", "--model", str(newer))
    assert refused.code == errors.ModelError.exit_code and "characters refresh" in refused.err
    (home.work / "oc" / "3.png").unlink()
    dry = home.run("characters", "refresh", "--model", str(newer), "--dry-run")
    assert "nothing written (dry run)" in dry.err and gallery(home).read_bytes() == before
    done = home.run("characters", "refresh", "--model", str(newer))
    assert done.code == errors.EXIT_SOME_FAILED and "oc/3.png: cannot be found" in done.err
    assert gallery(home).with_name("gallery.tiny-1.json").read_bytes() == before
    assert "my_oc_(original)" in tagged(home, "--model", str(newer))
    again = home.run("characters", "refresh", "--model", str(newer))
    assert again.code == 0 and "enrolled with this model already" in again.err
    shown = home.run("characters", "show", "my_oc_(original)").out
    assert "with the model tiny 2" in shown and shown.count(".png") == 4
