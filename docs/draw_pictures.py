"""Draw the pictures that the README and the documentation show, with the program as it is now.

    python -m docs.draw_pictures [FOLDER]

Writes a terminal, a contact sheet, the review page and a report into FOLDER, ``docs/pictures`` if none is
named. They are what the real commands make of an album that code of ours draws: five characters are enrolled
from portraits, a sixth is a stranger. The pages need Chromium and its driver.
"""

from __future__ import annotations

import io
import random
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from booru_export.drawn import draw_scene
from booru_export.drawn.pen import LOOKS
from booru_export.drawn.traits import MOUTHS, POSES, Traits, choose_traits
from PIL import Image
from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

from tests.support.chromium import chromium, until
from tests.support.command import Home, make_home

PICTURES = Path(__file__).parent / "pictures"
ENROLLED = MappingProxyType({"akane": 51, "aoi": 40, "midori": 53, "sumire": 41, "yuzu": 54})
"""Characters of the series `drawn`, each with the seed of her looks."""
STRANGERS = MappingProxyType({"haku": 24})


class Scene(NamedTuple):
    """A picture: its file, how it is drawn, who is in it, and whether they laugh with their eyes closed."""

    path: str
    style: str
    names: tuple[str, ...]
    laughing: bool = False


SCENES = (
    Scene("fanart/autumn/festival.jpg", "cel", ("akane", "aoi")),
    Scene("fanart/autumn/rooftop.png", "flat", ("yuzu", "haku")),
    Scene("fanart/autumn/walk.webp", "painterly", ("haku",)),
    Scene("fanart/birthday.jpg", "cel", ("haku", "sumire", "aoi")),
    Scene("fanart/classroom.webp", "pastel", ("akane", "midori", "yuzu")),
    Scene("fanart/picnic.jpg", "painterly", ("aoi", "akane"), laughing=True),
    Scene("fanart/stickers.png", "chibi", ("yuzu", "midori", "akane"), laughing=True),
)
"""What is tagged."""
PORTRAITS = 6
"""Pictures that each character is enrolled from."""
STYLES = ("cel", "painterly", "flat", "pastel")
SIZES = {1: (440, 560), 2: (800, 600), 3: (960, 600)}
COLUMNS = 64
"""Width of the terminal."""
WIDTH = 1120
"""Of the pages, in pixels of a screen on which each is SCALE pixels of the picture."""
SCALE = 1.5
REVIEW_HEIGHT = 720
QUALITY = 80
PAPER = TerminalTheme(
    (250, 250, 250),
    (36, 41, 47),
    [
        *((36, 41, 47), (180, 35, 45), (20, 110, 55), (140, 95, 0)),
        *((20, 85, 190), (125, 60, 190), (10, 110, 120), (110, 119, 129)),
    ],
    [
        *((110, 119, 129), (200, 50, 60), (30, 130, 65), (160, 110, 0)),
        *((35, 105, 215), (140, 80, 205), (20, 130, 140), (140, 149, 159)),
    ],
)
"""Colors that can be read on light ground."""
SVG = """\
<svg width="640" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{ font-family: ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace; \
font-size: {char_height}px; line-height: {line_height}px }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">\
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}"/></clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""
"""As rich has it, but for fonts from the web, which a picture in a page may not load."""


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place:
        home = tagged_album(Path(place), folder)
        draw_pages(home, folder)


def tagged_album(place: Path, folder: Path) -> Home:
    """Draw the album, enrol and tag it; of that, write the terminal and the contact sheet into ``folder``."""
    home = make_home(place, COLUMNS=str(COLUMNS), FORCE_COLOR="1")
    draw_album(home.work)
    for name in ENROLLED:
        _run(home, "characters", "add", f"{name}_(drawn)", f"art/{name}", "--series", "drawn")
    words = ("tag", "--batch", "fanart", "--contact-sheet", "faces.png")
    (folder / "terminal.svg").write_text(as_svg(words, _run(home, *words)), "utf-8")
    with Image.open(home.work / "faces.png") as sheet:
        sheet.save(folder / "contact-sheet.webp", quality=QUALITY, method=6)
    return home


def draw_album(folder: Path) -> None:
    """``art/NAME`` for each who is enrolled, and ``fanart`` with the scenes."""
    portraits = [
        Scene(f"art/{name}/{number}.png", STYLES[number % len(STYLES)], (name,))
        for name in ENROLLED
        for number in range(PORTRAITS)
    ]
    for seed, scene in enumerate([*portraits, *SCENES], 3000):
        mood = random.Random(seed)
        cast = [in_a_mood(name, mood, laughing=scene.laughing) for name in scene.names]
        drawing = draw_scene(seed, size=SIZES[len(cast)], style=scene.style, cast=cast)
        target = folder / scene.path
        target.parent.mkdir(parents=True, exist_ok=True)
        drawing.image.save(target)


def in_a_mood(name: str, mood: random.Random, *, laughing: bool) -> Traits:
    """The character: always the same looks, but for eyes, mouth, glance and pose."""
    looks = choose_traits(random.Random({**ENROLLED, **STRANGERS}[name]), LOOKS["cel"])
    eyes, mouth = ("closed_happy", "laugh") if laughing else (looks.eye_shape, mood.choice(MOUTHS))
    glance = mood.uniform(-0.25, 0.25)
    return replace(looks, eye_shape=eyes, mouth=mouth, glance=glance, pose=mood.choice(POSES))


def _run(home: Home, *words: str) -> str:
    """What the command prints. Raises RuntimeError where it fails."""
    done = home.run(*words)
    if done.code != 0:
        raise RuntimeError(f"{' '.join(words)}: ended with {done.code}: {done.err}")
    return done.out + done.err


def as_svg(words: Sequence[str], output: str) -> str:
    """A terminal on which the command was typed and printed that."""
    text = Text.assemble(("$ ", "bright_black"), f"booru-tagger {' '.join(words)}\n")
    text.append_text(Text.from_ansi(output))
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    console.print(text, no_wrap=True)
    return console.export_svg(title="", theme=PAPER, code_format=SVG, unique_id="terminal")


def draw_pages(home: Home, folder: Path) -> None:
    """The report and the review page of the album; skips, as a test would, without Chromium."""
    _run(home, "report", "fanart")
    with chromium(home.folder) as window, reviewing(home) as address:
        _resize(window, REVIEW_HEIGHT)
        window.get(address)
        until(lambda: window.execute_script(_REVIEW_IS_READY), "a face to be shown")
        window.execute_script("document.getElementById('after').click()")
        until(lambda: window.execute_script(_REVIEW_IS_READY), "the next one")
        _shoot(window, home, folder / "review.webp")
        window.get((home.work / "report.html").as_uri())
        _resize(window, window.execute_script(_END_OF_CHARACTERS))
        _shoot(window, home, folder / "report.webp")


_REVIEW_IS_READY = """
return (document.body.dataset.ready ?? 'done') !== 'done' && document.getElementById('cutting').hidden
  && [...document.images].every(image => image.complete)"""
_END_OF_CHARACTERS = """
return Math.ceil(document.querySelector('.cards').getBoundingClientRect().bottom) + 24"""
_PLACE = """
const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (texts.nextNode()) {
  texts.currentNode.data = texts.currentNode.data.replaceAll(arguments[0], '/home/me');
}"""


def _resize(window: Any, height: int) -> None:
    metrics = {"width": WIDTH, "height": height, "deviceScaleFactor": SCALE, "mobile": False}
    window.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)


def _shoot(window: Any, home: Home, target: Path) -> None:
    """What the window shows; the temporary folder has a name that says nothing and is never the same."""
    window.execute_script(_PLACE, str(home.work))
    with Image.open(io.BytesIO(window.get_screenshot_as_png())) as image:
        image.convert("RGB").save(target, quality=QUALITY, method=6)


@contextmanager
def reviewing(home: Home) -> Iterator[str]:
    """The address of the album's review page, which is served until the block ends."""
    with home.start("review", "fanart", "--no-open", stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        try:
            told = re.search(rb"http://\S+", process.stderr.readline())
            assert told is not None, "the page is not served"
            yield told.group().decode()
        finally:
            process.terminate()


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else PICTURES)
