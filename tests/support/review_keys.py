"""The review page as a person uses it: what is looked at, and which keys are pressed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import Any

from tests.support.bundles import Painted
from tests.support.chromium import chromium, served, until
from tests.support.sessions import ReviewSetup, paint_all

KEY = "the-key-of-this-session"
PEOPLE = (
    *(
        "alder",
        "birch",
        "cedar",
        "dogwood",
        "elm",
        "fir",
        "ginkgo",
        "hazel",
        "ivy",
        "juniper",
        "kapok",
        "larch",
    ),
    *("maple", "nutmeg", "olive", "poplar", "quince", "rowan", "spruce", "tamarind"),
)
"""Names that nobody mistakes for one another: else the program asks whether they are right."""


class Page:
    """What a person does with the page: looks, and presses keys, of which ``pressed`` counts."""

    def __init__(self, window: Any) -> None:
        self.window = window
        self.pressed = 0

    @property
    def ready(self) -> str | None:
        """The face that is shown in full, ``done``, or ``None`` while it is being loaded."""
        shown: str | None = self.window.execute_script("return document.body.dataset.ready ?? null")
        return shown

    def press(self, *keys: str) -> None:
        from selenium.webdriver import ActionChains

        self.pressed += sum(map(len, keys))
        ActionChains(self.window, duration=0).send_keys(*keys).perform()

    def hold_shift(self, key: str) -> None:
        from selenium.webdriver import ActionChains, Keys

        ActionChains(self.window, duration=0).key_down(Keys.SHIFT).send_keys(key).key_up(Keys.SHIFT).perform()

    def wait(self) -> str:
        shown: str = until(lambda: self.ready, "a face to be shown")
        return shown

    def go_on_from(self, shown: str) -> str:
        until(lambda: self.ready not in (None, shown), "the next face")
        return self.wait()

    def settle(self) -> None:
        """Wait until all that was said has reached the server."""
        script = "return document.body.dataset.sending"
        until(lambda: self.window.execute_script(script) in (None, "0"), "the answers of the server")

    def text(self, name: str) -> str:
        value: str = self.window.execute_script(
            "return document.getElementById(arguments[0]).innerText", name
        )
        return value

    def errors(self) -> list[str]:
        return [entry["message"] for entry in self.window.get_log("browser") if entry["level"] == "SEVERE"]


@contextmanager
def review(setup: ReviewSetup, folder: Path, **shape: Any) -> Iterator[Page]:
    from booru_tagger.server.review import make_app

    session = setup.session()
    with (
        chromium(folder, **shape) as window,
        served(lambda port: make_app(session, setup.face_cache, port=port, key=KEY)) as address,
    ):
        window.get(f"{address}/?key={KEY}")
        yield Page(window)


def paint_people(setup: ReviewSetup, people: int, faces: int) -> None:
    """``faces`` pictures of each of some ``PEOPLE``, whom the model does not know, and tag them.

    A picture's name begins with its person's: `maple_3.png`.
    """
    corners = [bits for bits in product((20, 230), repeat=6) if bits.count(230) % 2 == 0]  # no two are near
    looks = dict(zip(PEOPLE[:people], corners, strict=False))
    paint_all(
        setup.folder,
        {
            f"{name}_{face}.png": [Painted(20 + 8 * face, 30, 90, "stranger", (a, b, c), (d, e, f))]
            for name, (a, b, c, d, e, f) in looks.items()
            for face in range(faces)
        },
    )
    setup.tag()


def named(setup: ReviewSetup) -> dict[str, str]:
    """By picture, the person whose name is in its caption."""
    captions = {path.name: path.read_text().strip().split(", ") for path in setup.folder.glob("*.png.txt")}
    return {path: tag for path, tags in captions.items() for tag in tags if tag in PEOPLE}


def name_groups(page: Page, count: int, *, enrols: bool = True) -> None:
    """Name this many groups of strangers by keys: each after the person that its picture's name tells."""
    from selenium.webdriver import Keys

    asked = "return document.getElementById('enrol').open"
    for number in range(count):
        shown = until(lambda: page.ready not in (None, "done") and page.ready, "a group")
        person = page.text("place").partition("_")[0].strip()
        page.press("/", person, Keys.ENTER)
        until(lambda: page.window.execute_script(asked), "the question whether to enrol")
        page.press(Keys.ENTER if enrols else Keys.ESCAPE)
        until(lambda: not page.window.execute_script(asked), "the answer")
        if number + 1 < count:
            page.go_on_from(shown)
