"""From pictures to an enrolled character: whose face, what is warned of, and how galleries are kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from booru_tagger.enrol import Details, adding, edit, enrol, gallery_file, importing, read
from booru_tagger.enrol.common_colors import common_colors
from booru_tagger.enrol.majority import find_majority
from booru_tagger.enrol.similar_names import near_names
from booru_tagger.errors import ConfigError, DataError, ModelError, OutputError
from booru_tagger.models.bundle import Label
from booru_tagger.models.gallery import Enrolled, Gallery, dump, load
from booru_tagger.models.gallery.parting import second_character
from booru_tagger.models.manifest import ONE_CHARACTER
from booru_tagger.tagging.options import TaggerOptions
from booru_tagger.tagging.tagger import Tagger
from booru_tagger.types import Box, FaceResult, ScoredTag
from tests.support.bundles import RGB, Painted, make_bundle, paint

RED: RGB = (235, 20, 30)
OLIVE: RGB = (60, 90, 10)
VIOLET: RGB = (200, 30, 230)


def shade(color: RGB, number: int) -> RGB:
    """The same person in another light."""
    return tuple(min(255, max(0, value + (number * 37) % 19 - 9)) for value in color)  # type: ignore[return-value]


def mine(x: int, number: int = 0, side: int = 70) -> Painted:
    return Painted(x, 40, side, shade(RED, number), "purple", "green")


def passer_by(x: int, number: int = 0) -> Painted:
    """Each time somebody else."""
    who = [OLIVE, VIOLET, (20, 160, 250), (250, 250, 250), (0, 60, 60)][number % 5]
    colors = ["green", "white", "blue", "black", "orange"]
    return Painted(x, 120, 70, who, colors[number % 5], colors[(number + 2) % 5])


def saved(path: Path, *faces: Painted) -> Path:
    paint(faces).save(path)
    return path


@pytest.fixture
def tagger(tiny_bundle: Path) -> Tagger:
    return Tagger(TaggerOptions(tiny_bundle, gallery=None))


@pytest.fixture
def crowd(tmp_path: Path) -> list[Path]:
    """Six pictures of one character, mostly with somebody else, who is another one each time."""
    return [
        saved(tmp_path / f"{n}.png", *([passer_by(20, n)] if n else []), mine(200, n), passer_by(110, n + 2))
        for n in range(6)
    ]


# Whose face.


def test_the_person_in_most_pictures_is_found() -> None:
    people = np.eye(4, dtype=np.float32)
    faces = people[[0, 1, 1, 0, 2, 0, 3, 3]]
    found = find_majority(faces, np.array([0, 0, 1, 1, 2, 2, 3, 3]), 0.5)
    assert found.kept == (0, 3, 5)
    assert found.outliers in ((6,), (7,))
    assert found.rival == 2


def test_one_face_of_a_picture_counts_however_often_it_shows_there() -> None:
    people = np.eye(3, dtype=np.float32)
    # a comic: person 1 five times in one picture, person 0 once in each of three
    faces = people[[1, 1, 1, 1, 1, 0, 0, 2, 0]]
    found = find_majority(faces, np.array([0, 0, 0, 0, 0, 0, 1, 1, 2]), 0.5)
    assert found.kept == (5, 6, 8) and found.outliers == () and found.rival == 1


def test_a_second_look_of_the_same_person_is_no_rival() -> None:
    one, other = np.eye(2, dtype=np.float32)
    mixed = (one + 0.3 * other) / np.linalg.norm(one + 0.3 * other)
    found = find_majority(np.stack([one, mixed, one]), np.array([0, 0, 1]), 0.5)
    assert found.kept == (0, 2) and found.rival == 0


def test_the_majoritys_face_is_enrolled(tagger: Tagger, crowd: list[Path], tmp_path: Path) -> None:
    done = enrol(tagger, "My OC (original)", crowd, details=Details("original", implied=("sword",)))
    assert done.enrolled.label == Label(
        "my_oc_(original)", series="original", implied=("purple_hair", "green_eyes", "sword")
    )
    assert done.enrolled.faces.shape == (6, 9)
    assert np.linalg.norm(done.enrolled.faces, axis=1) == pytest.approx(1, abs=1e-3)
    assert done.enrolled.pictures == tuple(map(str, crowd)) and done.enrolled.added
    assert (done.outliers, done.faceless, done.failures, done.warnings) == ((), (), (), ())
    gallery = Gallery(str(tagger.bundle.recogniser_sha256), [done.enrolled])
    again = Tagger(TaggerOptions(tagger.bundle.folder, gallery=gallery))
    new = again.tag(saved(tmp_path / "new.png", passer_by(20, 3), mine(150, 77)))
    characters = [face.character and face.character.tag for face in new.faces]
    assert sorted(characters, key=str) == [None, "my_oc_(original)"]
    tags = {tag.tag: tag.source for tag in new.tags}
    assert tags["my_oc_(original)"] == "gallery"
    assert tags["original"] == tags["sword"] == "implied"
    assert {tag.tag: tag.category for tag in new.tags}["original"] == "copyright"


def test_crops_are_faces_already(tiny_bundle: Path, tmp_path: Path) -> None:
    crops = []
    for number in range(5):
        crops.append(tmp_path / f"{number}.png")
        paint([Painted(0, 0, 96, shade(RED, number), "purple", "green")], (96, 96)).save(crops[-1])
    done = enrol(Tagger(TaggerOptions(tiny_bundle, crops=True)), "oc", crops)
    assert len(done.enrolled.faces) == 5 and done.warnings == ()


def test_what_the_user_says_of_colors_wins(tagger: Tagger, crowd: list[Path]) -> None:
    done = enrol(tagger, "oc", crowd, details=Details(hair=("pink_hair",), eyes=()))
    assert done.enrolled.label.implied == ("pink_hair",)


def test_colors_that_vary_are_not_implied(tagger: Tagger, tmp_path: Path) -> None:
    hair = ["pink", "black", "white", "purple", "purple", "orange"]
    pictures = [
        saved(tmp_path / f"{n}.png", Painted(20, 40, 100, RED, color, "green"))
        for n, color in enumerate(hair)
    ]
    done = enrol(tagger, "oc", pictures, same_person=-1)
    assert done.enrolled.label.implied == ("green_eyes",)
    (doubt,) = done.doubts
    assert "do not agree on the color of the hair (pink_hair on 1, " in str(doubt)
    assert done.with_colors(["pink_hair"]).enrolled.label.implied == ("pink_hair", "green_eyes")


@pytest.mark.parametrize(
    ("seen", "found"),
    [
        (["red"] * 4 + ["pink"] * 2, ("red_hair",)),
        (["red"] * 3 + ["pink"] * 2, ()),
        (["red"] * 2 + [None] * 4, ("red_hair",)),
        (["red"] + [None] * 5, ()),
        ([None], ()),
    ],
)
def test_a_color_is_implied_where_most_faces_agree(seen: list[str | None], found: tuple[str, ...]) -> None:
    faces = [
        FaceResult(Box(0, 0, 9, 9), 1, hair_color=ScoredTag(f"{color}_hair", 0.9) if color else None)
        for color in seen
    ]
    tags, doubts = common_colors(faces)
    assert tags == found and bool(doubts) == (seen.count("red") == 3)


# What is warned of.


def warned(tagger: Tagger, pictures: list[Path], name: str = "oc", **options: Any) -> str:
    return "\n".join(enrol(tagger, name, pictures, **options).warnings)


def test_outliers_are_left_out_or_kept(tagger: Tagger, crowd: list[Path], tmp_path: Path) -> None:
    odd = saved(tmp_path / "odd.png", Painted(20, 40, 90, (0, 120, 60), "white", "blue"))
    done = enrol(tagger, "oc", [*crowd, odd])
    assert done.outliers == (str(odd),) and len(done.enrolled.faces) == 6
    assert f"left out (--keep-outliers would keep them): {odd}" in "\n".join(done.warnings)
    kept = enrol(tagger, "oc", [*crowd, odd], keep_outliers=True)
    assert kept.outliers == (str(odd),) and kept.enrolled.pictures[-1] == str(odd)
    assert f"enrolled anyway: {odd}" in "\n".join(kept.warnings)


def test_few_pictures_are_warned_of(tagger: Tagger, crowd: list[Path]) -> None:
    assert "only 4 of the pictures count" in warned(tagger, crowd[:4])
    assert "of the pictures count" not in warned(tagger, crowd[:5])


def test_a_single_picture_with_one_face_will_do(tagger: Tagger, tmp_path: Path) -> None:
    done = enrol(tagger, "oc", [saved(tmp_path / "a.png", mine(20))])
    assert len(done.enrolled.faces) == 1 and "only 1 of the pictures" in done.warnings[0]


def test_repeated_faceless_and_broken_pictures(tagger: Tagger, crowd: list[Path], tmp_path: Path) -> None:
    (tmp_path / "again.png").write_bytes(crowd[0].read_bytes())
    (tmp_path / "broken.png").write_bytes(crowd[0].read_bytes()[:200])
    pictures = [*crowd, tmp_path / "again.png", saved(tmp_path / "empty.png"), tmp_path / "broken.png"]
    steps: list[None] = []
    done = enrol(tagger, "oc", [*pictures, tmp_path / "missing.png"], step=lambda: steps.append(None))
    assert len(done.enrolled.faces) == 6 and len(steps) == 10
    assert done.faceless == (str(tmp_path / "empty.png"),)
    assert [error.kind for error in done.failures] == ["damaged", "unreadable"]
    text = "\n".join(done.warnings)
    assert f"the same file as another, so left out: {tmp_path / 'again.png'}" in text
    assert f"no face found in: {tmp_path / 'empty.png'}" in text


def test_another_person_in_most_pictures_is_warned_of(tagger: Tagger, tmp_path: Path) -> None:
    friend = passer_by(20)
    pictures = [
        saved(tmp_path / f"{n}.png", mine(200, n), *([friend] if n > 1 else [passer_by(110, n + 1)]))
        for n in range(6)
    ]
    assert "somebody else is in 4 of the pictures" in warned(tagger, pictures)


def test_a_name_that_is_too_close_is_warned_of(tagger: Tagger, crowd: list[Path]) -> None:
    assert "mistaken for a character that is known already: hatsune_miku" in warned(
        tagger, crowd, "hatsune_mikku"
    )
    assert "the model knows a character 'cirno' already" in warned(tagger, crowd, "Cirno")
    others = Gallery(str(tagger.bundle.recogniser_sha256), [person("red_one", 8)])
    assert "known already: red_one" in warned(tagger, crowd, "one_(red)_red", others=others)


def test_a_face_that_has_a_name_is_warned_of(tagger: Tagger, crowd: list[Path], tmp_path: Path) -> None:
    mikus = [saved(tmp_path / f"m{n}.png", Painted(20 + n, 30, 90)) for n in range(5)]
    assert "takes 5 of the 5 faces for 'hatsune_miku'" in warned(tagger, mikus)
    assert "takes" not in warned(tagger, mikus, "hatsune_miku")
    others = Gallery(str(tagger.bundle.recogniser_sha256), [enrol(tagger, "old_name", crowd).enrolled])
    assert "very like those of 'old_name'" in warned(tagger, crowd, "other", others=others)
    assert "very like" not in warned(tagger, mikus, "other", others=others)
    assert "very like" not in warned(tagger, crowd, "old_name", others=others)  # being replaced


# What is refused.


def directions(*similarities: float, seed: int = 0) -> np.ndarray:
    """Unit vectors that are so much alike to the first axis, each its own way otherwise."""
    chance = np.random.default_rng(seed)
    rest = chance.normal(size=(len(similarities), 64))
    rest[:, 0] = 0
    rest /= np.linalg.norm(rest, axis=1, keepdims=True)
    along = np.array(similarities, dtype=np.float64)[:, None]
    own = np.eye(64)[:1]
    return np.asarray(along * own + np.sqrt(1 - along**2) * rest, dtype=np.float32)


def of_two(first: int, second: int, likeness: float, typical: float = 0.8) -> np.ndarray:
    """So many faces of each of two characters; ``likeness`` is that of their centres, ``typical`` that of a
    face to its own."""
    one, other = directions(*[typical] * first), directions(*[typical] * second, seed=1)
    turned = other.copy()
    turned[:, 0], turned[:, 1] = (
        likeness * other[:, 0] - (1 - likeness**2) ** 0.5 * other[:, 1],
        (1 - likeness**2) ** 0.5 * other[:, 0] + likeness * other[:, 1],
    )
    return np.concatenate([one, turned])


@pytest.mark.parametrize(("first", "second"), [(4, 4), (8, 3), (3, 8), (6, 5), (20, 4)])
@pytest.mark.parametrize("likeness", [0.0, 0.4])
def test_two_characters_are_told_apart(first: int, second: int, likeness: float) -> None:
    found = second_character(of_two(first, second, likeness), ONE_CHARACTER)
    fewer = range(first, first + second) if second <= first else range(first)
    assert found == tuple(fewer) or (first == second and found == tuple(range(first)))


@pytest.mark.parametrize("count", [1, 2, 5, 8, 20, 60])
def test_one_character_is_not_parted(count: int) -> None:
    assert second_character(directions(*np.linspace(0.4, 0.9, count)), ONE_CHARACTER) == ()
    odd = directions(*[0.9] * count, *[0.0] * 2)
    assert second_character(odd, ONE_CHARACTER) == (), "two odd ones are outliers"


def test_two_tight_series_of_one_character_are_not_parted() -> None:
    """Stickers: all of a costume are nearly the same picture, those of two costumes are merely alike."""
    mixed = of_two(6, 5, 0.65, typical=0.98)
    assert second_character(mixed, ONE_CHARACTER) == ()
    assert second_character(mixed, 0.7), "a bundle may ask for more"


def test_two_characters_are_refused_unless_that_is_meant(tagger: Tagger, tmp_path: Path) -> None:
    other = (60, 90, 10)
    mixed = [saved(tmp_path / f"{n}.png", mine(200, n)) for n in range(8)]
    mixed += [
        saved(tmp_path / f"x{n}.png", Painted(20, 40, 90, shade(other, n), "white", "blue")) for n in range(3)
    ]
    message = r"two characters: 3 of the 11 show somebody else .*x0\.png.*x2\.png.*--keep-outliers"
    with pytest.raises(DataError, match=message):
        enrol(tagger, "oc", mixed)
    with pytest.raises(DataError, match="pictures of two characters"):
        enrol(tagger, "oc", mixed[4:])
    assert len(enrol(tagger, "oc", mixed, keep_outliers=True).enrolled.faces) == 11


def test_two_characters_in_company_are_refused(tagger: Tagger, tmp_path: Path) -> None:
    friend = Painted(20, 120, 70, OLIVE, "green", "blue")
    mixed = [saved(tmp_path / f"{n}.png", mine(200, n), passer_by(110, n)) for n in range(8)]
    mixed += [saved(tmp_path / f"x{n}.png", friend, passer_by(110, n + 1)) for n in range(3)]
    with pytest.raises(DataError, match="two characters: 3 of the 11"):
        enrol(tagger, "oc", mixed)


def test_crops_are_taken_as_they_are_given(tiny_bundle: Path, tmp_path: Path) -> None:
    crops = []
    for number in range(5):
        crops.append(tmp_path / f"{number}.png")
        stranger = passer_by(0, number)
        paint([Painted(0, 0, 96, stranger.who, stranger.hair, stranger.eyes)], (96, 96)).save(crops[-1])
    done = enrol(Tagger(TaggerOptions(tiny_bundle, crops=True)), "oc", crops)
    assert len(done.enrolled.faces) == 5 and "enrolled anyway" in "\n".join(done.warnings)


def test_pictures_that_do_not_say_who_is_meant_are_refused(tagger: Tagger, tmp_path: Path) -> None:
    both = [saved(tmp_path / f"{n}.png", mine(200, n), passer_by(20)) for n in range(5)]
    with pytest.raises(DataError, match="the most frequent person is in 5, another in 5; give more"):
        enrol(tagger, "oc", both)
    with pytest.raises(DataError, match=r"0\.png: shows several faces"):
        enrol(tagger, "oc", both[:1])
    with pytest.raises(DataError, match="nobody is clearly common to most of the 5 pictures"):
        enrol(tagger, "oc", [saved(tmp_path / f"x{n}.png", passer_by(20, n)) for n in range(5)])


def test_pictures_of_one_face_each_can_be_insisted_on(tagger: Tagger, tmp_path: Path) -> None:
    strangers = [saved(tmp_path / f"x{n}.png", passer_by(20, n)) for n in range(3)]
    assert len(enrol(tagger, "oc", strangers, keep_outliers=True).enrolled.faces) == 3


def test_no_faces_and_no_names_are_refused(tagger: Tagger, tmp_path: Path) -> None:
    faceless = [saved(tmp_path / name) for name in ("a.png", "b.png")]
    (tmp_path / "b.png").write_bytes((tmp_path / "a.png").read_bytes() + b"other")
    with pytest.raises(DataError, match="no face was found in any of the 2 pictures; give face crops"):
        enrol(tagger, "oc", faceless)
    with pytest.raises(
        DataError, match=r"found in the picture; .*1 could not be read: .*missing.png: No such"
    ):
        enrol(tagger, "oc", [*faceless[:1], tmp_path / "missing.png"])
    with pytest.raises(DataError, match=r"there are no pictures .*missing.png: No such file"):
        enrol(tagger, "oc", [tmp_path / "missing.png"])
    with pytest.raises(DataError, match="there are no pictures"):
        enrol(tagger, "oc", [])
    with pytest.raises(ConfigError, match="'a,b' is not a tag: it contains a comma"):
        enrol(tagger, "a,b", [])


def test_a_model_without_a_recogniser_cannot_enrol(tmp_path: Path) -> None:
    tagger = Tagger(TaggerOptions(make_bundle(tmp_path / "b", recogniser=None), gallery=None))
    with pytest.raises(ModelError, match="no recogniser"):
        enrol(tagger, "oc", [saved(tmp_path / "a.png", mine(20))])


# Names.


@pytest.mark.parametrize(
    ("one", "other", "near"),
    [
        ("hatsune_miku", "hatsune_miku", True),
        ("hatsune_miku_(original)", "hatsune_miku", True),
        ("miku_hatsune", "hatsune_miku", True),
        ("hatsune-miku", "hatsune_miku", True),
        ("hatsune_miko", "hatsune_miku", True),
        ("élodie", "elodie", True),
        ("kagamine_rin", "kagamine_len", False),
        ("rei", "rem", False),
        ("(o)_(o)", "(o)_(o)", True),
        ("(o)_(o)", "hatsune_miku", False),
        ("初音", "初音", True),
        ("初音", "鏡音", False),
    ],
)
def test_near_names(one: str, other: str, near: bool) -> None:
    assert (near_names(one, [other]) == [other]) == near
    assert (near_names(other, [one]) == [one]) == near


# Gallery files.


def person(tag: str, axis: int, count: int = 3) -> Enrolled:
    rows = np.tile(np.eye(9, dtype=np.float32)[axis], (count, 1))
    return Enrolled(Label(tag), rows, tuple(f"{n}.png" for n in range(count)))


EMPTY = Gallery("ab" * 32, model="tiny 1")


def kept(path: Path, *people: Enrolled) -> Path:
    path.write_bytes(dump(EMPTY.adding(people)))
    return path


def test_a_gallery_begins_where_there_is_none(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "g.json"
    assert read(path) is None
    edit(path, adding(person("a", 0), EMPTY, replaces=False))
    edit(path, adding(person("b", 1), EMPTY, replaces=False))
    assert load(path).tags == {"a", "b"} and load(path).model == "tiny 1"
    assert [file.name for file in path.parent.iterdir()] == ["g.json"]


def test_a_taken_name_is_refused_or_replaced_with_a_copy_kept(tmp_path: Path) -> None:
    path = kept(tmp_path / "g.json", person("a", 0), person("b", 1))
    before = path.read_bytes()
    with pytest.raises(DataError, match="a: in the gallery already; --replace"):
        edit(path, adding(person("a", 2), EMPTY, replaces=False))
    assert path.read_bytes() == before and not (tmp_path / "g.json.bak").exists()
    edit(path, adding(person("a", 2, 5), EMPTY, replaces=True))
    assert {enrolled.label.tag: len(enrolled.faces) for enrolled in load(path)} == {"a": 5, "b": 3}
    assert (tmp_path / "g.json.bak").read_bytes() == before
    edit(path, lambda gallery: (gallery or EMPTY).without({"b"}))
    assert load(tmp_path / "g.json.bak").tags == {"a", "b"} and load(path).tags == {"a"}


def test_a_damaged_gallery_is_never_written_over(tmp_path: Path) -> None:
    path = tmp_path / "g.json"
    path.write_text("precious")
    with pytest.raises(ModelError, match="not a gallery"):
        edit(path, adding(person("a", 0), EMPTY, replaces=True))
    assert path.read_text() == "precious"


def test_a_gallery_is_of_one_model(tmp_path: Path) -> None:
    path = kept(tmp_path / "g.json", person("a", 0))
    other = Gallery("cd" * 32, model="other 2")
    with pytest.raises(ModelError, match=r"\(a\) were enrolled with another model \(tiny 1\) than other 2"):
        edit(path, adding(person("b", 1), other, replaces=True))
    edit(path, lambda gallery: (gallery or EMPTY).without({"a"}))
    edit(path, adding(person("b", 1), other, replaces=False))  # nobody is left to contradict
    assert load(path).recogniser == other.recogniser


def test_a_change_by_another_program_is_not_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = kept(tmp_path / "g.json", person("a", 0))
    change, calls = adding(person("b", 1), EMPTY, replaces=False), 0

    def interrupted(gallery: Gallery | None) -> Gallery:
        nonlocal calls
        calls += 1
        if calls == 1:
            kept(path, person("a", 0), person("c", 2))
        return change(gallery)

    assert edit(path, interrupted).tags == {"a", "b", "c"} == load(path).tags


def test_nothing_is_dropped_where_no_copy_can_be_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = kept(tmp_path / "g.json", person("a", 0))
    before = path.read_bytes()

    def full(target: Path, data: bytes) -> None:
        raise OutputError(f"{target}: no space left")

    monkeypatch.setattr(gallery_file, "replace_file", full)
    with pytest.raises(OutputError, match=r"g\.json\.bak: no space left"):
        edit(path, lambda gallery: (gallery or EMPTY).without({"a"}))
    assert path.read_bytes() == before


def test_a_pack_is_taken_in(tmp_path: Path) -> None:
    path = kept(tmp_path / "g.json", person("a", 0), person("b", 1))
    pack = EMPTY.adding([person("b", 2, 4), person("c", 3)])
    with pytest.raises(DataError, match="b: in the gallery already"):
        edit(path, importing(pack, {}, replaces=False))
    with pytest.raises(DataError, match="no 'x' in the pack to rename; it has b, c"):
        importing(pack, {"x": "y"}, replaces=False)
    with pytest.raises(ModelError, match="'c' is in the gallery twice"):
        edit(path, importing(pack, {"b": "c"}, replaces=True))
    edit(path, importing(pack, {"b": "b_(theirs)"}, replaces=False))
    assert load(path).tags == {"a", "b", "b_(theirs)", "c"}
    theirs = load(path).find("b_(theirs)")
    assert theirs is not None and len(theirs.faces) == 4 and theirs.pictures == ()
    edit(path, importing(pack, {}, replaces=True))
    assert {enrolled.label.tag: len(enrolled.faces) for enrolled in load(path)}["b"] == 4


def test_a_pack_of_another_model_is_refused(tmp_path: Path) -> None:
    path = kept(tmp_path / "g.json", person("a", 0))
    pack = Gallery("cd" * 32, [person("b", 1)], model="other 2")
    with pytest.raises(ModelError, match="another model"):
        edit(path, importing(pack, {}, replaces=False))
    assert edit(tmp_path / "new.json", importing(pack, {}, replaces=False)).recogniser == "cd" * 32
