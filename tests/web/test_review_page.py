"""The review page in a real browser, driven by keys alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("starlette", reason="the extra [web] is not installed")

from booru_tagger.models.gallery import load
from booru_tagger.server.review import make_app
from tests.support.bundles import Painted
from tests.support.chromium import chromium, served, until
from tests.support.review_keys import KEY, Page, name_groups, named, paint_people, review
from tests.support.sessions import ReviewSetup, open_review_setup, paint_all, unsure


def paint_faces(setup: ReviewSetup, count: int) -> None:
    """Pictures of two faces each, the second of which is unsure."""
    paint_all(
        setup.folder,
        {
            f"{number % 7}/{number:03}.png": [Painted(20, 40, 80), unsure(180, shade=number % 9)]
            for number in range(count)
        },
    )
    setup.tag()


def drive(setup: ReviewSetup, folder: Path, count: int) -> None:
    """Judge every face by keys, in six different ways, and compare files and journal with what was said."""
    from selenium.webdriver import Keys

    paint_faces(setup, count)
    said: dict[str, tuple[str, str]] = {}
    with review(setup, folder) as page:
        shown = page.wait()
        for step in range(count):
            path = page.text("place").split("·")[0].strip()
            candidates = page.window.execute_script(
                "return [...document.querySelectorAll('#candidates b')].map(name => name.innerText)"
            )
            if step % 6 == 0:
                said[path] = ("named", candidates[0])
                page.press(Keys.ENTER)
            elif step % 6 == 1:
                said[path] = ("unknown", "")
                page.press("u")
            elif step % 6 == 2:
                said[path] = ("not_a_face", "")
                page.press("x")
            elif step % 6 == 3:
                said[path] = ("named", candidates[1])
                page.press("2")
            elif step % 6 == 4:
                said[path] = ("named", "kagamine rin")
                page.press("/", "rin", Keys.ENTER)
            else:
                said[path] = ("named", candidates[1])
                page.press(Keys.ARROW_DOWN, Keys.ENTER)
            shown = page.go_on_from(shown)
        assert shown == "done"
        page.settle()
        assert page.text("left") == "done"
        assert page.errors() == []
    assert len(said) == count
    check(setup, said)


def check(setup: ReviewSetup, said: dict[str, tuple[str, str]]) -> None:
    kept = {path.name: verdicts for path, verdicts in setup.journal.reviews.decided()}
    for name, (kind, spoken) in said.items():
        (verdict,) = kept[name]
        tag = spoken.replace(" ", "_")
        assert (verdict.kind, verdict.tag) == (kind, tag)
        (picture,) = setup.folder.rglob(name)
        caption = set(setup.caption(str(picture.relative_to(setup.folder))))
        named = {"hatsune_miku", *({tag} if tag else ())}
        assert caption & {"hatsune_miku", "kagamine_rin", "cirno"} == named
        entry = setup.journal.entry(picture)
        assert entry is not None and entry.result is not None
        assert {one.tag for one in entry.result.tags} == caption
        assert setup.journal.is_done(picture, setup.tools.tagger.fingerprint)
    assert setup.journal.reviews.waiting() == []


@pytest.fixture
def setup(tmp_path: Path, tiny_bundle: Path) -> Iterator[ReviewSetup]:
    with open_review_setup(tmp_path, tiny_bundle) as setup:
        yield setup


def test_thirty_faces_by_keys_alone(setup: ReviewSetup, tmp_path: Path) -> None:
    drive(setup, tmp_path, 30)


@pytest.mark.slow
def test_five_hundred_faces_by_keys_alone(setup: ReviewSetup, tmp_path: Path) -> None:
    drive(setup, tmp_path, 500)


def test_look_alikes_undo_and_a_face_that_was_missed(setup: ReviewSetup, tmp_path: Path) -> None:
    from selenium.webdriver import Keys

    paint_faces(setup, 8)
    before = {path: path.read_bytes() for path in setup.folder.rglob("*.txt")}
    with review(setup, tmp_path) as page:
        page.wait()
        until(
            lambda: page.window.execute_script("return document.getElementById('cutting').hidden"), "cutting"
        )
        page.press(Keys.ARROW_RIGHT)
        page.press(Keys.ARROW_LEFT)
        shown = page.wait()
        until(lambda: "7 more look like this" in page.text("panel"), "the look-alikes")
        page.hold_shift(Keys.ENTER)
        assert page.go_on_from(shown) == "done"
        page.settle()
        captions = [path.read_text() for path in before]
        assert all("cirno" in caption for caption in captions)
        assert len(setup.journal.reviews.decided()) == 8

        page.press("z")
        shown = page.go_on_from("done")
        until(lambda: "8 left" in page.text("left"), "the undo")
        assert {path: path.read_bytes() for path in setup.folder.rglob("*.txt")} == before

        name = page.text("place").split("·")[0].strip()
        page.press("b")
        for _ in range(9):
            page.press(Keys.ARROW_UP)
        page.press(Keys.ENTER)
        shown = page.go_on_from(shown)
        page.press("/", "My OC (original)", Keys.ENTER)
        page.go_on_from(shown)
        page.settle()
        (picture,) = setup.folder.rglob(name)
        assert "my_oc_(original)" in setup.caption(str(picture.relative_to(setup.folder)))
        (drawn,) = setup.journal.reviews.verdicts(picture)
        assert drawn.drawn and drawn.tag == "my_oc_(original)"
        assert "Learn 1 new character" in page.text("teach")


def test_this_face_comes_first_and_the_others_second(setup: ReviewSetup, tmp_path: Path) -> None:
    from selenium.webdriver import Keys

    paint_faces(setup, 3)
    colored = "return getComputedStyle(document.getElementById(arguments[0])).backgroundColor"
    with review(setup, tmp_path) as page:
        page.wait()
        until(lambda: page.window.execute_script("return document.getElementById('cutting').hidden"), "cut")
        page.press(Keys.ARROW_RIGHT, Keys.ARROW_LEFT)
        shown = page.wait()
        until(lambda: "All 3 are cirno" in page.text("all"), "the look-alikes")
        assert "It is cirno" in page.text("one")
        assert page.window.execute_script(colored, "one") != page.window.execute_script(colored, "all")
        page.press(Keys.ARROW_DOWN)
        assert "It is hatsune miku" in page.text("one")
        hidden = "return document.getElementById('all').hidden"
        assert page.window.execute_script(hidden), "0.25 is below the floor"
        page.hold_shift(Keys.ENTER)
        page.settle()
        assert setup.journal.reviews.decided() == [] and page.ready == shown
        page.press(Keys.ARROW_UP, Keys.ENTER)
        page.go_on_from(shown)
        page.settle()
        until(lambda: "Written: " in page.text("wrote"), "what was written")
        assert len(setup.journal.reviews.decided()) == 1


def test_the_next_face_of_the_same_list_follows(setup: ReviewSetup, tmp_path: Path) -> None:
    """Also where neither of them waits for anybody."""
    paint_all(setup.folder, {f"{number}.png": [Painted(20, 40, 80)] for number in range(3)})
    setup.tag()
    with review(setup, tmp_path) as page:
        seen = [page.wait()]
        for _ in range(2):
            page.press("u")
            seen.append(page.go_on_from(seen[-1]))
        page.press("u")
        assert len(set(seen)) == 3 and page.go_on_from(seen[-1]) == "done"
        assert "last of this list" in page.text("done")


def test_strangers_are_named_by_group(setup: ReviewSetup, tmp_path: Path) -> None:
    """One name for all of them, enrolled when asked, and found in what was left out."""
    people, many = 3, 6
    paint_people(setup, people, many)
    with review(setup, tmp_path) as page:
        page.wait()
        page.press("s")
        until(lambda: "Stranger 1" in page.text("who"), "the groups")
        page.window.execute_script("document.querySelector('#alike button').click()")
        assert "Name these 5 faces" in page.text("one")
        name_groups(page, people)
        until(lambda: page.ready == "done", "the end")
        page.settle()
        until(lambda: len(named(setup)) == people * many, "the face that was left out")
        assert page.errors() == []
    for path, tag in named(setup).items():
        assert path.startswith(tag)
    assert len(setup.journal.reviews.decided()) == people * many - 1
    gallery = setup.tools.gallery
    assert gallery is not None and len(load(gallery)) == people


def test_what_speaks_against_enrolling_is_asked(setup: ReviewSetup, tmp_path: Path) -> None:
    """Few faces: Enter after the warning enrols nobody, the other button does."""
    from selenium.webdriver import Keys

    paint_people(setup, 1, 2)
    gallery = setup.tools.gallery
    assert gallery is not None
    warned = "return !document.getElementById('enrol-warning').hidden"
    with review(setup, tmp_path) as page:
        page.wait()
        page.press("s")
        until(lambda: "Stranger 1" in page.text("who"), "the group")
        page.press(Keys.ENTER, "alder", Keys.ENTER)
        until(lambda: "Enrol alder?" in page.text("enrol-title"), "the question")
        page.press(Keys.ENTER)
        until(lambda: page.window.execute_script(warned), "the warning")
        assert "only 2" in page.text("enrol-warning")
        page.press(Keys.ENTER)
        page.settle()
        assert not gallery.exists() and set(named(setup).values()) == {"alder"}
        assert "Learn 1 new character" in page.text("teach")
        page.window.execute_script("document.getElementById('teach').click()")
        page.press(Keys.ENTER)
        until(lambda: page.window.execute_script(warned), "the warning once more")
        page.window.execute_script("document.getElementById('enrol-yes').click()")
        until(gallery.exists, "the enrolment")
        page.settle()
        assert page.errors() == []


def test_a_name_is_found_by_its_series(setup: ReviewSetup, tmp_path: Path) -> None:
    paint_faces(setup, 1)
    with review(setup, tmp_path) as page:
        page.wait()
        page.press("/", "voca")
        until(lambda: "hatsune miku" in page.text("found"), "the names")
        assert "vocaloid" in page.text("found") and "new name" in page.text("found")
        assert page.errors() == []


@pytest.mark.parametrize("phone", [False, True], ids=["desktop", "phone"])
def test_nothing_sticks_out_at_any_width(setup: ReviewSetup, tmp_path: Path, phone: bool) -> None:
    paint_faces(setup, 4)
    shape = {"width": 390, "height": 844, "phone": True} if phone else {"width": 1100, "height": 760}
    with review(setup, tmp_path, **shape) as page:
        page.wait()
        widths = page.window.execute_script(
            "return [document.documentElement.scrollWidth, window.innerWidth]"
        )
        assert widths[0] == widths[1]
        hidden = page.window.execute_script(
            "return [...document.querySelectorAll('.actions button')].filter(button => {"
            " const box = button.getBoundingClientRect();"
            " return box.bottom > window.innerHeight || box.right > window.innerWidth || box.height < 30;"
            "}).length"
        )
        assert hidden == 0
        assert page.errors() == []


def test_what_was_said_earlier_is_taken_back(setup: ReviewSetup, tmp_path: Path) -> None:
    paint_faces(setup, 2)
    session = setup.session()
    session.decide([next(head.id for head in session.heads.values() if head.waits)], "not_a_face")
    (picture, _), *_ = setup.journal.reviews.decided()
    name = str(picture.relative_to(setup.folder))
    assert "cirno" not in setup.caption(name)
    with review(setup, tmp_path) as page:
        page.wait()
        page.window.execute_script("document.querySelector('[data-show=said]').click()")
        until(lambda: picture.name in page.text("place") and page.ready, "the face that was judged")
        page.press("c")
        until(lambda: "2 left" in page.text("left"), "the answer")
        page.settle()
        assert "cirno" in setup.caption(name) and setup.journal.reviews.decided() == []


def test_ten_thousand_faces_make_few_elements(setup: ReviewSetup, tmp_path: Path) -> None:
    """The list holds what is in sight, however long it is."""
    paint_faces(setup, 2)
    session = setup.session()
    (some, *_) = [head for head in session.heads.values() if head.waits]
    for number in range(10_000, 20_000):
        twin = type(some)(number, some.picture, some.face, waits=True)
        session.heads[number] = twin
    with (
        chromium(tmp_path) as window,
        served(lambda port: make_app(session, setup.face_cache, port=port, key=KEY)) as address,
    ):
        window.get(f"{address}/?key={KEY}")
        page = Page(window)
        page.wait()
        assert "10,002 left" in page.text("left")
        assert window.execute_script("return document.querySelectorAll('.cell').length") < 150
        window.execute_script(
            "const grid = document.getElementById('grid'); grid.scrollTop = grid.scrollHeight"
        )
        last = (
            "return Math.max(...[...document.querySelectorAll('.cell')].map(cell => Number(cell.dataset.id)))"
        )
        until(lambda: window.execute_script(last) > 19_900, "the end of the list")
        assert window.execute_script("return document.querySelectorAll('.cell').length") < 150
