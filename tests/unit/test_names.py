"""Where sidecars lie, and which pictures would share one."""

from __future__ import annotations

from pathlib import Path

import pytest

from booru_tagger.errors import OutputError
from booru_tagger.writers.naming import Naming, refuse_rival

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


def test_rivals_on_the_disk(tmp_path: Path) -> None:
    for name in ("a.png", "a.txt", "b.png", "b.JPG", "c.png"):
        (tmp_path / name).touch()
    naming = Naming("stem", suffixes=SUFFIXES)
    refuse_rival(tmp_path / "a.png", naming)
    refuse_rival(tmp_path / "c.png", naming)
    for picture in ("b.png", "b.JPG"):
        with pytest.raises(OutputError, match=r"b\.JPG and .*b\.png.*--sidecar-name full .*stem-or-full"):
            refuse_rival(tmp_path / picture, naming)
    refuse_rival(tmp_path / "b.png", Naming("full", suffixes=SUFFIXES))


def test_link_to_the_same_picture_is_no_rival(tmp_path: Path) -> None:
    (tmp_path / "a.png").touch()
    (tmp_path / "a.jpg").symlink_to(tmp_path / "a.png")
    refuse_rival(tmp_path / "a.png", Naming("stem", suffixes=SUFFIXES))


def test_rivals_in_another_mirrored_folder(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder / "x").mkdir(parents=True)
        (tmp_path / folder / "x" / "a.png").touch()
    (tmp_path / "one/b.png").touch()
    naming = Naming("full", tmp_path / "out", (tmp_path / "one", tmp_path / "two"), SUFFIXES)
    refuse_rival(tmp_path / "one/b.png", naming)
    with pytest.raises(OutputError, match="different --output folders"):
        refuse_rival(tmp_path / "two/x/a.png", naming)


class TestStemOrFull:
    def naming(self, folder: Path, *names: str) -> Naming:
        for name in names:
            (folder / name).touch()
        return Naming("stem-or-full", suffixes=SUFFIXES)

    def test_pictures_of_the_same_stem_get_full_names(self, tmp_path: Path) -> None:
        naming = self.naming(tmp_path, "a.png", "a.JPG", "b.png", "b.txt")
        sidecars = {
            name: naming.sidecar(tmp_path / name, ".txt").name for name in ("a.png", "a.JPG", "b.png")
        }
        assert sidecars == {"a.png": "a.png.txt", "a.JPG": "a.JPG.txt", "b.png": "b.txt"}
        for name in sidecars:
            refuse_rival(tmp_path / name, naming)

    def test_a_picture_whose_stem_is_anothers_full_name_is_refused(self, tmp_path: Path) -> None:
        naming = self.naming(tmp_path, "a.jpg", "a.png", "a.jpg.png")
        for name in ("a.jpg", "a.jpg.png"):
            with pytest.raises(OutputError, match=r"a\.jpg and .*a\.jpg\.png .*--sidecar-name full"):
                refuse_rival(tmp_path / name, naming)
        refuse_rival(tmp_path / "a.png", naming)

    def test_mirrored_folders_count_as_one(self, tmp_path: Path) -> None:
        for place in ("one/a.png", "two/a.jpg"):
            (tmp_path / place).parent.mkdir()
            (tmp_path / place).touch()
        naming = Naming("stem-or-full", tmp_path / "out", (tmp_path / "one", tmp_path / "two"), SUFFIXES)
        assert naming.sidecar(tmp_path / "one/a.png", ".txt").name == "a.png.txt"
        assert naming.sidecar(tmp_path / "two/a.jpg", ".txt").name == "a.jpg.txt"

    def test_a_picture_that_is_gone_has_a_name_all_the_same(self, tmp_path: Path) -> None:
        naming = self.naming(tmp_path, "a.jpg")
        assert naming.sidecar(tmp_path / "a.png", ".txt").name == "a.png.txt"
