"""The pictures that the pages show are there, small, and what their script makes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from PIL import Image

from booru_tagger.models.store.local import SHIPPED
from docs import draw_pictures
from tests.support.command import Home

ROOT = Path(__file__).parents[2]
NAMES = {"contact-sheet.webp", "report.webp", "review.webp", "terminal.svg"}

pytestmark = pytest.mark.skipif(not (SHIPPED / "manifest.json").exists(), reason="no model is shipped yet")


def test_each_picture_is_shown_and_small() -> None:
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    shown = {
        name
        for page in pages
        for name in re.findall(r"\bpictures/([\w-]+\.(?:webp|svg|png))", page.read_text("utf-8"))
    }
    sizes = {path.name: path.stat().st_size for path in draw_pictures.PICTURES.iterdir()}
    assert shown == set(sizes) == NAMES
    assert max(sizes.values()) < 200_000 and sum(sizes.values()) < 800_000


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pictures")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, pictures: Path) -> Home:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(draw_pictures, "PORTRAITS", 4)
        return draw_pictures.tagged_album(tmp_path_factory.mktemp("album") / "home", pictures)


def words(svg: Path) -> str:
    text = re.sub(r"<style>.*?</style>|<[^>]+>", " ", svg.read_text("utf-8"), flags=re.DOTALL)
    return re.sub(r"\s+", " ", text.replace("&#160;", " ")).strip()


@pytest.mark.usefixtures("home")
def test_the_terminal_is_what_the_command_prints(pictures: Path) -> None:
    terminal, kept = words(pictures / "terminal.svg"), words(draw_pictures.PICTURES / "terminal.svg")
    pattern = r"[\d.]+\??|\w+_\(drawn\)|unknown"  # a later model may be surer, or less sure
    assert re.sub(pattern, "", terminal).split()[:6] == re.sub(pattern, "", kept).split()[:6]
    assert all(scene.path.rpartition("/")[2] in terminal for scene in draw_pictures.SCENES)
    assert "7 pictures tagged: 16 heads" in terminal and "7 pictures tagged: 16 heads" in kept
    assert "http" not in (pictures / "terminal.svg").read_text("utf-8").replace(
        "http://www.w3.org/2000/svg", ""
    )


@pytest.mark.usefixtures("home")
def test_the_contact_sheet_has_the_size_of_the_one_shown(pictures: Path) -> None:
    with (
        Image.open(pictures / "contact-sheet.webp") as sheet,
        Image.open(draw_pictures.PICTURES / "contact-sheet.webp") as kept,
    ):
        assert sheet.size == kept.size


def test_the_pages_are_drawn(home: Home, pictures: Path) -> None:
    draw_pictures.draw_pages(home, pictures)
    assert {path.name for path in pictures.iterdir()} == NAMES
    for name in ("report.webp", "review.webp"):
        with Image.open(pictures / name) as page:
            assert page.width == draw_pictures.WIDTH * draw_pictures.SCALE
            lightness = page.convert("L").histogram()
            assert sum(lightness[220:]) > 0.6 * sum(lightness)
