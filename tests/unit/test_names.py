"""Where sidecars lie, and which pictures would share one."""

from __future__ import annotations

from pathlib import Path

import pytest

from booru_tagger.errors import OutputError
from booru_tagger.writers.naming import Naming, collisions, refuse_collisions, refuse_rival

SUFFIXES = (".png", ".jpg", ".webp")


@pytest.mark.parametrize(
    ("scheme", "picture", "expected"),
    [
        ("full", "a.png", "a.png.txt"),
        ("stem", "a.png", "a.txt"),
        ("full", "x/a.b.png", "x/a.b.png.txt"),
        ("stem", "x/a.b.png", "x/a.b.txt"),
        ("stem", "no_extension", "no_extension.txt"),
        ("stem", ".hidden", ".hidden.txt"),
        ("full", "名前.png", "名前.png.txt"),
    ],
)
def test_schemes(scheme: str, picture: str, expected: str) -> None:
    assert Naming(scheme).sidecar(Path(picture), ".txt") == Path(expected)  # type: ignore[arg-type]


def test_mirrored_tree(tmp_path: Path) -> None:
    naming = Naming("stem", tmp_path / "out", (tmp_path / "in",))
    assert naming.sidecar(tmp_path / "in/x/a.png", ".txt") == tmp_path / "out/x/a.txt"
    assert naming.folder(tmp_path / "in/a.png") == tmp_path / "out"


def test_innermost_root_counts(tmp_path: Path) -> None:
    naming = Naming(output=tmp_path / "out", roots=(tmp_path, tmp_path / "in"))
    assert naming.sidecar(tmp_path / "in/a.png", ".txt") == tmp_path / "out/a.png.txt"


def test_relative_paths_and_dots_are_understood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    naming = Naming(output=Path("out"), roots=(Path("in"),))
    assert naming.sidecar(Path("in/y/../x/a.png"), ".txt") == Path("out/x/a.png.txt")


def test_without_roots_the_name_alone_counts() -> None:
    assert Naming(output=Path("out")).sidecar(Path("deep/down/a.png"), ".txt") == Path("out/a.png.txt")


def test_picture_outside_of_the_mirrored_folders(tmp_path: Path) -> None:
    naming = Naming(output=tmp_path / "out", roots=(tmp_path / "in",))
    with pytest.raises(OutputError, match="in none of the folders"):
        naming.sidecar(tmp_path / "inside/a.png", ".txt")


def test_collisions_of_stems() -> None:
    pictures = [Path("x/a.jpg"), Path("x/a.png"), Path("y/a.png"), Path("x/b.png")]
    assert collisions(pictures, Naming("full")) == {}
    found = collisions(pictures, Naming("stem"))
    assert list(found.values()) == [(Path("x/a.jpg"), Path("x/a.png"))]


def test_naming_a_picture_twice_is_no_collision() -> None:
    assert collisions([Path("a.png"), Path("./a.png"), Path("a.png")], Naming("stem")) == {}


def test_collisions_in_a_mirrored_tree(tmp_path: Path) -> None:
    naming = Naming("full", tmp_path / "out", (tmp_path / "one", tmp_path / "two"))
    found = collisions([tmp_path / "one/a.png", tmp_path / "two/a.png", tmp_path / "two/b.png"], naming)
    assert list(found) == [tmp_path / "out/a.png"]


def test_refusal_names_both_pictures_and_the_way_out() -> None:
    with pytest.raises(OutputError) as caught:
        refuse_collisions([Path("a.jpg"), Path("b.jpg"), Path("a.png")], Naming("stem"))
    for part in ("a.jpg", "a.png", "--sidecar-name full"):
        assert part in str(caught.value)
    refuse_collisions([Path("a.jpg"), Path("b.png")], Naming("stem"))


def test_rivals_on_the_disk(tmp_path: Path) -> None:
    for name in ("a.png", "a.txt", "b.png", "b.JPG", "c.png"):
        (tmp_path / name).touch()
    naming = Naming("stem")
    refuse_rival(tmp_path / "a.png", naming, SUFFIXES)
    refuse_rival(tmp_path / "c.png", naming, SUFFIXES)
    for picture in ("b.png", "b.JPG"):
        with pytest.raises(OutputError, match=r"b\.JPG and .*b\.png"):
            refuse_rival(tmp_path / picture, naming, SUFFIXES)
    refuse_rival(tmp_path / "b.png", Naming("full"), SUFFIXES)


def test_link_to_the_same_picture_is_no_rival(tmp_path: Path) -> None:
    (tmp_path / "a.png").touch()
    (tmp_path / "a.jpg").symlink_to(tmp_path / "a.png")
    refuse_rival(tmp_path / "a.png", Naming("stem"), SUFFIXES)


def test_rivals_in_another_mirrored_folder(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder / "x").mkdir(parents=True)
        (tmp_path / folder / "x" / "a.png").touch()
    (tmp_path / "one/b.png").touch()
    naming = Naming("full", tmp_path / "out", (tmp_path / "one", tmp_path / "two"))
    refuse_rival(tmp_path / "one/b.png", naming, SUFFIXES)
    with pytest.raises(OutputError, match="different --output folders"):
        refuse_rival(tmp_path / "two/x/a.png", naming, SUFFIXES)
