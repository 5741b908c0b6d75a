"""How long it takes to name people whom the model does not know, with keys alone.

Draws faces of people, tags them with the tiny model of the tests, and names all in a headless Chromium: by
groups of look-alikes, each enrolled, and then one face after the other. The keys are pressed as soon as the
page has shown what they are about, so a person's time to look and think comes on top.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.support.bundles import make_bundle
from tests.support.chromium import until
from tests.support.review_keys import PEOPLE, Page, name_groups, named, paint_people, review
from tests.support.sessions import open_review_setup


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser("python -m benchmarks experiment naming_strangers", description=__doc__)
    parser.add_argument("--people", type=int, default=len(PEOPLE))
    parser.add_argument("--faces", type=int, default=10, help="of each")
    asked = parser.parse_args(arguments)
    ways = {"by group": lambda page: by_group(page, asked.people), "one by one": one_by_one}
    for way, name in ways.items():
        stopwatch(way, name, asked.people, asked.faces)


def stopwatch(way: str, name: Callable[[Page], None], people: int, faces: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        with open_review_setup(place, make_bundle(place / "model")) as setup:
            paint_people(setup, people, faces)
            with review(setup, place) as page:
                cut = "return document.getElementById('cutting').hidden"
                until(lambda: page.wait() and page.window.execute_script(cut), "the faces to be cut out")
                page.pressed = 0
                start = time.monotonic()
                name(page)
                until(lambda: page.ready == "done", "the end")
                page.settle()
                seconds = time.monotonic() - start
            right = sum(picture.startswith(tag) for picture, tag in named(setup).items())
    print(f"{way}: {right} of {people * faces} faces rightly named, {seconds:.0f} s, {page.pressed} keys")


def by_group(page: Page, people: int) -> None:
    page.press("s")
    until(lambda: "Stranger 1" in page.text("who"), "the groups")
    name_groups(page, people)


def one_by_one(page: Page) -> None:
    from selenium.webdriver import Keys

    shown = page.wait()
    while shown != "done":
        page.press("/", page.text("place").partition("_")[0].strip(), Keys.ENTER)
        shown = page.go_on_from(shown)
