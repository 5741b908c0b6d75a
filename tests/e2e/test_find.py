"""`booru-tagger find`, on what `booru-tagger tag` wrote."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from booru_tagger.errors import EXIT_NOTHING_DONE
from tests.support.bundles import Painted, paint
from tests.support.command import make_home
from tests.support.here import Here, tagged_home
from tests.support.old_journal import age


def draw(work: Path) -> None:
    (work / "sub").mkdir()
    paint([Painted(20, 20, 100), Painted(180, 60, 80, "stranger", "red", "blue")]).save(work / "two.png")
    paint([Painted(60, 40, 120)]).save(work / "sub" / "miku.png")
    paint([Painted(60, 40, 120, "cirno", "blue", "blue")]).save(work / "sub" / "cirno.png")
    paint([]).save(work / "empty.png")


home = tagged_home(draw)


def found(home: Here, *args: str | Path) -> list[str]:
    ended = home.run("find", *args)
    assert ended.code in (0, EXIT_NOTHING_DONE), ended.err
    lines = ended.out.splitlines()
    assert bool(lines) == (ended.code == 0)
    return [str(Path(line).relative_to(home.work)) for line in lines]


def test_by_what_is_known_of_them(home: Here) -> None:
    assert found(home, "hatsune_miku") == ["sub/miku.png", "two.png"]
    assert found(home, "hatsune_miku", "--heads", "2-") == ["two.png"]
    assert found(home, "hatsune_miku", "--with", "red_hair") == ["two.png"]
    assert found(home, "hatsune_miku", "--hair", "red") == []
    assert found(home, "--hair", "red", "--eyes", "blue") == ["two.png"]
    assert found(home, "--series", "touhou", "--folder", "sub") == ["sub/cirno.png"]
    assert found(home, "--unnamed") == ["two.png"]
    assert found(home, "--heads", "0") == ["empty.png"]
    assert found(home, "--since", "1d", "--text", "cirno") == ["sub/cirno.png"]
    assert found(home, "--until", "2001-01-01") == []
    assert len(found(home)) == 4 and len(found(home, "--limit", "3")) == 3


def test_nothing_is_printed_beside_a_bar(
    home: Here, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    beside = []

    @contextmanager
    def bar(total: int | None, what: str) -> Iterator[Callable[[], None]]:
        yield lambda: None
        beside.append("".join(capsys.readouterr()))

    monkeypatch.setattr("booru_tagger.cli.find.looking", bar)
    assert len(home.run("find", "hatsune_miku").out.splitlines()) == 2
    assert "nothing has the tag 'hatsune_mikan'" in home.run("find", "hatsune_mikan").err
    assert beside == ["", ""]


def test_by_a_face(home: Here, tmp_path: Path) -> None:
    face = tmp_path / "face.png"
    paint([Painted(30, 30, 90)]).save(face)
    assert sorted(found(home, "--like", face)) == ["sub/miku.png", "two.png"]
    assert found(home, "--like", face, "--heads", "1") == ["sub/miku.png"]
    assert len(found(home, "--like", face, "--min-likeness", "-1")) == 3
    lines = home.run("find", "--like", face, "--json").out.splitlines()
    for line in map(json.loads, lines):
        assert line["likeness"] > 0.9
        assert line["faces"][line["face"]]["character"]["tag"] == "hatsune_miku"


def test_a_picture_without_a_head_is_a_face_as_a_whole(home: Here, tmp_path: Path) -> None:
    face = tmp_path / "face.png"
    paint([Painted(0, 0, 64)], (64, 64)).crop((8, 8, 56, 56)).save(face)
    ended = home.run("find", "--like", face, "--min-likeness", "0.5")
    assert "as a whole" in ended.err


def test_forms_of_the_answer(home: Here) -> None:
    raw = home.run("find", "--null").out
    assert raw.count("\0") == 4 and "\n" not in raw
    line = json.loads(home.run("find", "cirno", "--json").out)
    assert Path(line["path"]) == home.work / "sub" / "cirno.png" and line["schema"] == 1
    assert home.run("find", "--unnamed", "--contact-sheet", "sheet.png").code == 0
    assert (home.work / "sheet.png").exists()
    (home.work / "mine.png").write_bytes(b"mine")
    assert home.run("find", "--contact-sheet", "mine.png").code == 7
    assert (home.work / "mine.png").read_bytes() == b"mine"


@pytest.mark.parametrize(
    ("args", "faces"),
    [
        ((), 4),
        (("--unnamed",), 1),
        (("--hair", "red", "--eyes", "blue"), 1),
        (("--min-score", "0.1"), 3),
        (("hatsune_*", "cirno"), 0),
        (("hatsune_*",), 2),
        (("hatsune_miku", "--with", "red_hair"), 1),
        (("--with", "red_hair"), 2),
    ],
)
def test_a_contact_sheet_shows_the_faces_that_were_looked_for(
    home: Here, args: tuple[str, ...], faces: int
) -> None:
    ended = home.run("find", *args, "--contact-sheet", "sheet.png")
    assert f"{faces} face" in ended.err, ended.err


def test_a_contact_sheet_says_how_alike_faces_are(home: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []

    def note(draw: object, place: object, text: str, *rest: object) -> None:
        written.append(text)

    monkeypatch.setattr("booru_tagger.drawing.contact_sheet.write_line", note)
    assert home.run("find", "--like", "sub/miku.png", "--contact-sheet", "sheet.png").code == 0
    assert sum(line.startswith("alike ") for line in written) == 2 and "miku.png" in written


def test_says_why_nothing_was_found(home: Here) -> None:
    ended = home.run("find", "hatsune_mku")
    assert ended.code == EXIT_NOTHING_DONE and "did you mean 'hatsune_miku'" in ended.err
    assert len(ended.err.splitlines()) == 1
    assert "no folder nowhere" in home.run("find", "--folder", "nowhere").err
    (home.work / "sub" / "cirno.png").unlink()
    ended = home.run("find", "cirno")
    assert ended.code == EXIT_NOTHING_DONE and "1 picture more" in ended.err
    assert found(home, "cirno", "--gone") == ["sub/cirno.png"]


@pytest.mark.parametrize(
    "args",
    [
        ("--no-journal",),
        ("--min-likeness", "0.5"),
        ("--heads", "many"),
        ("--since", "yesterday"),
        ("--hair", "unclear"),
        ("--hair", "mauve"),
        ("--contact-sheet", "a.jpg"),
        ("--contact-sheet", "a.png", "--json"),
    ],
)
def test_what_cannot_be_meant_is_refused(home: Here, args: tuple[str, ...]) -> None:
    assert home.run("find", *args).code == 2


def test_colors_are_refused_that_nothing_tells_apart(home: Here) -> None:
    assert "did you mean blue?" in home.run("find", "--eyes", "bleu").err
    assert "there are amber, aqua, black" in home.run("find", "--hair", "xyz").err
    for args in (
        ("--hair", "light blue"),
        ("--eyes", "closed"),
        ("--hair", "multicolored"),
        ("--hair", "gray"),
    ):
        assert home.run("find", *args).code in (0, EXIT_NOTHING_DONE)


def test_pictures_of_an_older_version_are_found_and_can_be_completed(home: Here, tmp_path: Path) -> None:
    face = tmp_path / "face.png"
    paint([Painted(30, 30, 90)]).save(face)
    age(home.journal)
    assert found(home, "hatsune_miku", "--heads", "1") == ["sub/miku.png"]
    ended = home.run("find", "--like", face)
    assert ended.code == EXIT_NOTHING_DONE and "--force" in ended.err
    home.run("tag", "--batch", "--force", "--format", "none")
    assert len(found(home, "--like", face)) == 2


def test_names_that_are_no_text(tmp_path: Path, tiny_bundle: Path) -> None:
    home = make_home(tmp_path / "home", BOORU_TAGGER_MODEL=str(tiny_bundle))
    name = bytes(home.work) + b"/\xff.png"
    try:
        with open(name, "wb") as handle:  # noqa: PTH123 - pathlib takes no bytes
            paint([Painted(60, 40, 120)]).save(handle, "PNG")
    except OSError:
        pytest.skip("names here are Unicode")
    assert home.run("tag", name).code == 0
    ended = home.run("find", "hatsune_miku")
    assert ended.out.encode("utf-8", "surrogateescape") == name + b"\n"
    assert json.loads(home.run("find", "--json").out)["path"].endswith("\udcff.png")
