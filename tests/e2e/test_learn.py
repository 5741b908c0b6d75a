"""A library learned from the command line."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from booru_tagger import errors
from booru_tagger.models.gallery import load
from booru_tagger.types import Box
from tests.support.booru_servers import AnswerError, Asked, Fake
from tests.support.bundles import Painted, make_newer_bundle, paint
from tests.support.command import Ended, Home, make_home
from tests.support.fake_hydrus import KEY, MY_TAGS, FakeHydrus
from tests.support.fake_szurubooru import FakeSzurubooru
from tests.support.person_regions import packet

PEOPLE = {"my_oc": ((235, 20, 30), "purple", "green"), "other_one_(story)": ((20, 90, 250), "white", "black")}


def head(who: str, x: int, number: int = 0) -> Painted:
    color, hair, eyes = PEOPLE[who]
    red, green, blue = color
    return Painted(x, 40, 80, (red - 4 * number, green, blue), hair, eyes)


@pytest.fixture
def home(tmp_path: Path, tiny_bundle: Path) -> Home:
    """Four pictures of each of two characters, one of both, one with a wrong name, one with none."""
    home = make_home(tmp_path / "home", BOORU_TAGGER_MODEL=str(tiny_bundle))
    for who, spelled in (("my_oc", "character:my oc"), ("other_one_(story)", "1girl, other one \\(story\\)")):
        for number in range(4):
            path = home.work / "art" / f"{who}{number}.png"
            path.parent.mkdir(exist_ok=True)
            paint([head(who, 20 + 9 * number, number)]).save(path)
            path.with_name(path.name + ".txt").write_text(spelled, "utf-8")
    paint([head("other_one_(story)", 20), head("my_oc", 180)]).save(home.work / "art" / "both.png")
    tags = {"tags_character": ["my_oc", "other_one_(story)"]}
    (home.work / "art" / "both.json").write_text(json.dumps(tags), "utf-8")
    paint([head("other_one_(story)", 60)]).save(home.work / "art" / "wrong.png")
    (home.work / "art" / "wrong.txt").write_text("character:my oc", "utf-8")
    paint([head("my_oc", 60)]).save(home.work / "art" / "unnamed.png")
    return home


def learn(home: Home, *args: str, code: int = 0) -> Ended:
    ended = home.run("characters", "learn", *args)
    assert ended.code == code, ended.err
    return ended


def pictures(home: Home) -> dict[str, list[str]]:
    """The names of the pictures whose faces are enrolled."""
    gallery = load(next(home.folder.rglob("gallery.json")))
    return {one.label.tag: sorted(Path(name).name for name in one.pictures) for one in gallery}


def test_a_library_is_learned(home: Home) -> None:
    dry = learn(home, "art", "--dry-run")
    assert "nothing written (dry run)" in dry.err and not list(home.folder.rglob("gallery.json"))
    done = learn(home, "art", "--doubts", "doubts.csv")
    assert "my_oc: 5 faces\nother_one_(story): 5 faces\n" in done.out
    assert "11 pictures, 10 with names, 0 of them new" in done.err, "they were looked at for the dry run"
    assert "wrong.png: my_oc: looks like other_one_(story)" in done.out
    assert pictures(home) == {
        "my_oc": ["both.png", *(f"my_oc{number}.png" for number in range(4))],
        "other_one_(story)": ["both.png", *(f"other_one_(story){number}.png" for number in range(4))],
    }
    (row,) = csv.DictReader((home.work / "doubts.csv").read_text("utf-8").splitlines())
    assert (Path(row["picture"]).name, row["name"], row["other"]) == (
        "wrong.png",
        "my_oc",
        "other_one_(story)",
    )
    assert home.run("tag", "art/unnamed.png", "--writer", "txt", "--format", "none").code == 0
    assert (home.work / "art" / "unnamed.png.txt").read_text("utf-8").startswith("my_oc, ")
    again = learn(home, "art")  # what the program itself wrote there teaches it nothing
    assert "my_oc: 5 faces" in again.out and "10 with names" in again.err


def test_only_new_pictures_are_read(home: Home) -> None:
    assert "10 of them new" in learn(home, "art").err
    paint([head("my_oc", 100, 5)]).save(home.work / "art" / "new.png")
    (home.work / "art" / "new.png.txt").write_text("character:my oc", "utf-8")
    again = learn(home, "art")
    assert "1 of them new" in again.err and "my_oc: 6 faces" in again.out
    assert len(pictures(home)["my_oc"]) == 6


def test_where_nothing_says_who_is_in_the_pictures_it_says_what_to_do(home: Home) -> None:
    said = learn(home, "art/unnamed.png", "--dry-run").err
    assert "1 picture; nothing says who is in them" in said and "--folder-names" in said
    assert "0 with" not in said


def test_where_nothing_is_to_be_learned_no_gallery_is_written(home: Home) -> None:
    (home.work / "empty").mkdir()
    assert "nothing to be learned" in learn(home, "empty").err
    assert "'nowhere' does not exist" in learn(home, "nowhere", code=2).err
    assert not list(home.folder.rglob("gallery.json"))


def test_choices_are_followed(home: Home) -> None:
    assert "other_one" not in learn(home, "art", "--only", "My OC", "--dry-run").out.partition("doubtful")[0]
    assert "my_oc" not in learn(home, "art", "--leave-out", "my_oc", "--dry-run").out
    assert "faces" not in learn(home, "art", "--min-faces", "6", "--dry-run").out
    folder = home.work / "sorted" / "New OC"
    folder.mkdir(parents=True)
    for number in range(2):
        paint([head("my_oc", 40, number)]).save(folder / f"{number}.png")
    assert learn(home, "sorted", "--dry-run").out == ""
    assert learn(home, "sorted", "--folder-names", "--dry-run").out == "new_oc: 2 faces\n"
    assert learn(home, code=2).err.startswith("Usage")


def test_what_is_approved_on_the_page_is_learned(home: Home) -> None:
    (home.work / "page.html").write_text("mine", "utf-8")
    refused = learn(home, "art", "--page", "page.html", code=errors.OutputError.exit_code)
    assert "choose another name" in refused.err
    (home.work / "page.html").unlink()
    learn(home, "art", "--page", "page.html")
    assert not list(home.folder.rglob("gallery.json"))
    page = (home.work / "page.html").read_text("utf-8")
    assert page.count("data:image/jpeg;base64,") == 11 and "looks like other_one_(story)" in page
    keys = [json.loads(key.replace("&quot;", '"')) for key in re.findall(r'data-key="([^"]+)"', page)]
    wrong = next(key for key in keys if key[0].endswith("wrong.png"))
    both = next(key for key in keys if key[0].endswith("both.png") and key[1] == "my_oc")
    approval = {
        "kind": "booru-tagger approval",
        "characters": ["my_oc"],
        "accepted": [wrong],
        "refused": [both],
    }
    (home.work / "approved.json").write_text(json.dumps(approval), "utf-8")
    learn(home, "art", "--approved", "approved.json")
    assert pictures(home) == {"my_oc": [*(f"my_oc{number}.png" for number in range(4)), "wrong.png"]}
    learn(home, "art", "--page", "page.html")  # an older page is written over
    (home.work / "approved.json").write_text("{}", "utf-8")
    assert "--page" in learn(home, "art", "--approved", "approved.json", code=errors.DataError.exit_code).err


class FakeDanbooru(Fake):
    """Danbooru's search for posts, strict about what it is asked; ``posts`` are characters by MD5."""

    def __init__(self) -> None:
        super().__init__()
        self.posts: dict[str, str] = {}

    def answer(self, asked: Asked) -> object:
        agent = asked.headers.get("User-Agent", "")
        if not agent.startswith("booru-tagger/"):
            raise AnswerError(403, {"success": False, "message": "no user agent"})
        if (asked.method, asked.path) != ("GET", "/posts.json") or set(asked.query) != {"tags", "limit"}:
            raise AnswerError(404, {"success": False, "error": "ActionController::RoutingError"})
        searched = re.fullmatch(r"md5:([0-9a-f]{32})", asked.query["tags"])
        if searched is None:
            raise AnswerError(422, {"success": False, "error": "PostQuery::Error"})
        found = self.posts.get(searched[1])
        general = {"tag_string_general": "1girl", "tag_string_copyright": "story"}
        return (
            [] if found is None else [{"id": 7, "md5": searched[1], "tag_string_character": found, **general}]
        )


def test_pictures_without_names_are_looked_up_where_that_is_asked_for(home: Home) -> None:
    site, art = FakeDanbooru(), home.work / "art"
    unnamed = art / "unnamed.png"
    site.posts[hashlib.md5(unnamed.read_bytes()).hexdigest()] = "my_oc"
    paint([head("my_oc", 90, 3)]).save(art / f"__my_oc__{'ab' * 16}.png")  # its content is another
    site.posts["ab" * 16] = "my_oc"
    paint([head("my_oc", 30)]).save(art / "unknown.png")
    with site.running():
        learn(home, "art", "--dry-run")
        assert site.log == [], "nothing is asked unless a site is named"
        assert "my_oc: 7 faces" in learn(home, "art", "--lookup", site.url).out
        assert len(site.log) == 3, "those with names are not asked for"
        learn(home, "art", "--lookup", site.url)
        assert len(site.log) == 3, "answers are remembered"
        site.faults.append(403)
        paint([head("my_oc", 35)]).save(art / "late.png")
        assert (
            learn(home, "art", "--lookup", site.url, code=errors.RemoteError.exit_code).err.count("403") == 1
        )
    assert "unnamed.png" in pictures(home)["my_oc"]


def test_files_in_hydrus_are_learned_from(home: Home) -> None:
    hydrus = FakeHydrus()
    for number in range(3):
        name = hydrus.put((home.work / "art" / f"my_oc{number}.png").read_bytes())
        hydrus.current[name, MY_TAGS] = ["character:my oc", "1girl", "series:story"]
    untagged, shown = io.BytesIO(), paint([head("my_oc", 90, 3)])
    shown.save(untagged, "JPEG", quality=95, xmp=packet(Box(90, 40, 170, 120), "My OC", *shown.size).encode())
    hydrus.put(untagged.getvalue(), "image/jpeg")
    lost = hydrus.put(b"its file is gone")
    hydrus.put(b"a film", "video/mp4")
    with hydrus.running():
        args = ("--hydrus", "system:filetype is image", "--hydrus-url", hydrus.url, "--hydrus-key", KEY)
        hydrus.missing.add(lost)
        learned = learn(home, *args, code=errors.EXIT_SOME_FAILED)
        assert "my_oc: 4 faces" in learned.out and f"hydrus:{lost}: " in learned.err
    assert all(name.startswith("hydrus:") for name in pictures(home)["my_oc"])
    newer = str(make_newer_bundle(home.folder / "newer"))
    refreshed = home.run("characters", "refresh", "--model", newer)
    assert refreshed.code == errors.EXIT_SOME_FAILED
    assert "my_oc: 4 pictures came from hydrus" in refreshed.err
    assert "characters learn --hydrus TAG" in refreshed.err and "hydrus:" not in refreshed.err
    hydrus.missing.clear()
    del hydrus.files[lost]
    with hydrus.running():
        args = ("--hydrus", "system:filetype is image", "--hydrus-url", hydrus.url, "--hydrus-key", KEY)
        assert "my_oc: 4 faces" in learn(home, *args, "--model", newer).out


def drawn(width: int) -> bytes:
    stream = io.BytesIO()
    paint([Painted(10, 10, 60, "hatsune_miku", "red", "green")], size=(width, 80)).save(stream, "PNG")
    return stream.getvalue()


def named(ended: Ended) -> int:
    """Of how many pictures somebody said who is in them."""
    return int(re.findall(r"(\d+) with names", ended.err)[0]) if "with names" in ended.err else 0


def test_what_a_push_gave_hydrus_is_no_news_and_what_people_gave_it_is(home: Home) -> None:
    hydrus = FakeHydrus()
    theirs, *_, added = [hydrus.put(drawn(90 + number)) for number in range(4)]
    hydrus.current[theirs, MY_TAGS] = ["character:hatsune miku"]
    with hydrus.running():
        there = ("--hydrus-url", hydrus.url, "--hydrus-key", KEY)
        args = ("--hydrus", "system:everything", *there, "--dry-run")
        push = ("push", "hydrus", "system:everything", *there, "--marker", "meta:auto")
        for deny in ((), ("--deny", "*")):
            assert home.run(*push, *deny).code == 0
            assert all("character:hatsune miku" in tags for tags in hydrus.current.values())
            assert named(learn(home, *args)) == 1, "also what an earlier push gave"
        hydrus.current[added, MY_TAGS].append("character:kagamine rin")
        assert named(learn(home, *args)) == 2
        elsewhere = ("--journal", "another.sqlite3")
        assert named(learn(home, *args, *elsewhere)) == 4, "nothing is known of the push there"
        marked = learn(home, *args, *elsewhere, "--marker", "meta:auto")
        assert named(marked) == 0 and "the names of 4 pictures were left out" in marked.err
        assert named(learn(home, *args, "--marker", "meta:auto")) == 2


@pytest.mark.parametrize("writer", ["txt", "hydrus", "json", "xmp", "embed"])
def test_what_was_written_beside_pictures_or_into_them_is_no_news(home: Home, writer: str) -> None:
    (home.work / "new").mkdir()
    for number in range(2):
        (home.work / "new" / f"{number}.png").write_bytes(drawn(90 + number))
    assert home.run("tag", "--batch", "new", "--writer", writer, "--format", "none").code == 0
    written = b"".join(path.read_bytes() for path in (home.work / "new").iterdir())
    assert b"hatsune" in written and named(learn(home, "new", "--dry-run")) == 0
    with closing(sqlite3.connect(next(home.folder.rglob("journal*.sqlite3")))) as connection, connection:
        rows = connection.execute(  # as a run leaves it that is killed right after it has written a file
            "INSERT INTO intents SELECT pictures.path, targets.path, writer, owned, deleted, '', left_sha256,"
            " original, bytes, written_at FROM marks JOIN pictures ON pictures.id = picture"
            " JOIN targets ON targets.id = target"
        ).rowcount
        connection.execute("DELETE FROM marks")
        connection.execute("DELETE FROM targets")
    assert rows == 2 and named(learn(home, "new", "--dry-run")) == 0


def test_what_a_killed_push_may_have_given_is_no_news(home: Home) -> None:
    hydrus = FakeHydrus()
    name = hydrus.put(drawn(90))
    with hydrus.running():
        there = ("--hydrus-url", hydrus.url, "--hydrus-key", KEY)

        def fail(asked: Asked) -> None:
            if (
                asked.path == "/get_files/file_metadata"
                and "only_return_basic_information" not in asked.query
            ):
                hydrus.faults.append(400)

        hydrus.before = fail
        assert home.run("push", "hydrus", "system:everything", *there).code != 0
        hydrus.before = lambda asked: None
        hydrus.faults.clear()
        hydrus.current[name, MY_TAGS] = ["character:hatsune miku"]  # it came through before the answer failed
        assert named(learn(home, "--hydrus", "system:everything", *there, "--dry-run")) == 0


def test_what_a_push_gave_szurubooru_is_no_news_and_what_people_gave_it_is(home: Home) -> None:
    site = FakeSzurubooru()
    site.tags["hatsune_miku"] = (["hatsune_miku", "miku"], "character")
    site.categories.append("character")
    site.post(drawn(90), ["miku"])
    for number in range(3):
        site.post(drawn(100 + number), ["by_hand"])
    (home.work / "new").mkdir()
    (home.work / "new" / "a.png").write_bytes(drawn(120))
    with site.running():
        there = ("--szurubooru-url", site.url, "--szurubooru-user", "bot", "--szurubooru-token", "t0ken")
        args = ("--szurubooru", "type:image", *there, "--dry-run")
        push = ("push", "szurubooru", "--posts", "type:image", "--batch", "new", "--marker", "by us", *there)
        assert home.run(*push).code == 0
        assert len(site.posts) == 5 and all("hatsune_miku" in post.tags for post in site.posts.values())
        assert named(learn(home, *args)) == 1
        elsewhere = ("--journal", "another.sqlite3")
        assert named(learn(home, *args, *elsewhere)) == 5
        assert named(learn(home, *args, *elsewhere, "--marker", "by us")) == 0
