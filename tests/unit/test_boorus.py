"""Requests to boorus: how often, how long, what is said of errors, and what becomes of a post's tags."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

import pytest

from booru_tagger.boorus.http import TRIES, LargeError, LostError, RateLimit, Server, StatusError, multipart
from booru_tagger.boorus.hydrus import KEY_HEADER, Hydrus, Service
from booru_tagger.boorus.szurubooru import Post, Szurubooru, api_address, login
from booru_tagger.boorus.to_hydrus import HydrusSink, picture_of
from booru_tagger.boorus.to_szurubooru import SzurubooruSink, UploadOptions, plan, post_of
from booru_tagger.boorus.to_szurubooru import picture_of as post_picture
from booru_tagger.errors import ConfigError, RemoteError
from booru_tagger.journal import Journal
from booru_tagger.journal.pushes import Pushed
from booru_tagger.types import Tag, TagResult
from tests.support.booru_servers import AnswerError, Asked, Fake, KilledError, drop, killing, silence
from tests.support.command import TIMEOUT
from tests.support.fake_hydrus import KEY, MY_TAGS, REPOSITORY, FakeHydrus
from tests.support.fake_szurubooru import FakeSzurubooru

MIKU = Tag("hatsune_miku", "character", 0.9, "recogniser")
HAIR = Tag("aqua_hair", "general", 0.9, "measured")
SERIES = Tag("vocaloid", "copyright", 0.9, "implied")
EXPLICIT = Tag("rating:explicit", "rating", 0.9, "recogniser")
GENERAL_RATING = Tag("rating:general", "rating", 0.9, "recogniser")


@pytest.fixture
def hydrus() -> Iterator[FakeHydrus]:
    fake = FakeHydrus()
    with fake.running():
        yield fake


@pytest.fixture
def site() -> Iterator[FakeSzurubooru]:
    fake = FakeSzurubooru()
    with fake.running():
        yield fake


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal.open(tmp_path / "journal.sqlite3") as opened:
        yield opened


def to(fake: Fake, key: str = KEY, timeout: float = TIMEOUT) -> Hydrus:
    return Hydrus(Server(fake.url, {KEY_HEADER: key}, rate=10_000, timeout=timeout, patience=0))


def szurubooru(fake: FakeSzurubooru) -> Szurubooru:
    headers = login("bot", "t0ken", None)
    return Szurubooru(Server(api_address(fake.url), headers, rate=10_000, timeout=TIMEOUT, patience=0))


def result(*tags: Tag) -> TagResult:
    return TagResult("x", 1, 1, tags=tags)


@pytest.mark.parametrize("fault", [500, 502, 503, 429, (503, {"Retry-After": "0"}), drop])
def test_what_may_pass_is_tried_again(hydrus: FakeHydrus, fault: object) -> None:
    hydrus.faults.extend([fault] * (TRIES - 1))  # type: ignore[list-item]

    to(hydrus).connect()

    assert len(hydrus.log) == TRIES


def test_a_time_out_is_tried_again(hydrus: FakeHydrus, monkeypatch: pytest.MonkeyPatch) -> None:
    hydrus.faults.append(silence)
    told: list[float] = []

    class Connection(HTTPConnection):
        """The first soon runs out of patience; the next one has as much as it takes."""

        def connect(self) -> None:
            assert self.timeout is not None
            told.append(self.timeout)
            self.timeout = 0.5 if len(told) == 1 else TIMEOUT
            super().connect()

    monkeypatch.setattr("booru_tagger.boorus.http.http.client.HTTPConnection", Connection)
    to(hydrus, timeout=7).connect()

    assert told == [7, 7]
    assert hydrus.log[0] == hydrus.log[1]


@pytest.mark.parametrize(("fault", "error"), [(500, StatusError), (drop, LostError)])
def test_trying_again_has_an_end(hydrus: FakeHydrus, fault: object, error: type[Exception]) -> None:
    hydrus.faults.extend([fault] * 100)  # type: ignore[list-item]

    with pytest.raises(error):
        to(hydrus).service("my tags")

    assert len(hydrus.log) == TRIES


def test_what_will_not_pass_is_not_tried_again(hydrus: FakeHydrus) -> None:
    hydrus.faults.append(400)
    with pytest.raises(StatusError, match="400: out of order"):
        to(hydrus).search(["system:inbox"])
    assert len(hydrus.log) == 1


def test_a_server_that_is_lost_is_not_asked_again(hydrus: FakeHydrus) -> None:
    client = to(hydrus)
    hydrus.faults.extend([drop] * TRIES)
    with pytest.raises(LostError):
        client.search(["system:inbox"])
    with pytest.raises(LostError, match="cannot be reached"):
        client.search(["system:inbox"])
    assert len(hydrus.log) == TRIES
    with pytest.raises(LostError):
        HydrusSink(client, Service(MY_TAGS, 5)).is_done(picture_of("ab"))


def test_a_server_may_ask_for_patience(hydrus: FakeHydrus, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr("booru_tagger.boorus.http.time.sleep", waits.append)
    hydrus.faults.extend([(503, {"Retry-After": "7"}), (503, {"Retry-After": "86400"})])

    to(hydrus).search(["system:inbox"])

    assert [wait for wait in waits if wait] == [7, 60]


def test_requests_keep_their_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("booru_tagger.boorus.http.time.monotonic", lambda: now[0])
    monkeypatch.setattr(
        "booru_tagger.boorus.http.time.sleep", lambda seconds: now.__setitem__(0, now[0] + seconds)
    )
    pace = RateLimit(4)
    for _ in range(9):
        pace.wait()
    assert now[0] == pytest.approx(102.0)


def test_an_answer_has_a_greatest_size(hydrus: FakeHydrus) -> None:
    name = hydrus.put(bytes(1000))
    assert to(hydrus).fetch(name, 1000) == bytes(1000)
    with pytest.raises(LargeError):
        to(hydrus).fetch(name, 999)


@pytest.mark.parametrize(
    "url",
    ["", "127.0.0.1:80", "ftp://host", "http://", "http://a:b@host", "http://host:99999", "http://h/?a=1"],
)
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="address"):
        Server(url, {})


def test_a_wrong_key_is_told_without_the_key(hydrus: FakeHydrus) -> None:
    with pytest.raises(ConfigError, match="hydrus_key") as caught:
        to(hydrus, "cd" * 32).connect()
    assert "cd" * 32 not in str(caught.value)
    assert "***" in str(caught.value)


def test_a_key_that_may_too_little_is_refused(hydrus: FakeHydrus) -> None:
    hydrus.permissions = [3]
    with pytest.raises(ConfigError, match="does not permit to edit file tags"):
        to(hydrus).connect()


def test_an_unknown_service_is_told_with_those_there_are(hydrus: FakeHydrus) -> None:
    with pytest.raises(ConfigError, match=r"'my tags', 'public tag repo'$"):
        to(hydrus).service("my files")


def test_an_answer_that_nobody_understands_is_an_error(hydrus: FakeHydrus) -> None:
    hydrus.answer = lambda asked: ["what?"]  # type: ignore[method-assign]
    for call in (
        lambda c: c.connect(),
        lambda c: c.service("x"),
        lambda c: c.search([]),
        lambda c: [*c.files("a")],
    ):
        with pytest.raises(RemoteError, match="documented form"):
            call(to(hydrus))
    hydrus.answer = lambda asked: b"<html>"  # type: ignore[method-assign]
    with pytest.raises(RemoteError, match="not JSON"):
        to(hydrus).connect()


def test_hydrus_is_given_namespaces_and_deleted_tags_stay_deleted(hydrus: FakeHydrus) -> None:
    client = to(hydrus)
    name = hydrus.put(b"x")
    hydrus.current[name, MY_TAGS] = ["by hand"]
    hydrus.deleted[name, MY_TAGS] = {"aqua hair"}

    sink = HydrusSink(client, client.service("my tags"), marker="Meta:Auto")
    kept = sink.keep(picture_of(name), result(MIKU, HAIR, SERIES))

    assert (kept.failures, kept.changed) == ([], [picture_of(name)])
    assert hydrus.current[name, MY_TAGS] == [
        *("by hand", "character:hatsune miku", "series:vocaloid", "meta:auto")
    ]
    assert hydrus.log[-1].json()["override_previously_deleted_mappings"] is False


def test_tags_for_a_repository_pend(hydrus: FakeHydrus) -> None:
    client = to(hydrus)
    name = hydrus.put(b"x")
    HydrusSink(client, client.service("public tag repo")).keep(picture_of(name), result(MIKU))
    assert hydrus.pending == {(name, REPOSITORY): ["character:hatsune miku"]}


def test_a_picture_without_tags_is_done_without_a_word(hydrus: FakeHydrus, journal: Journal) -> None:
    client = to(hydrus)
    sink = HydrusSink(client, client.service("my tags"), pushes=journal.pushes("p"), fingerprint="f")
    asked = len(hydrus.log)
    assert sink.keep(picture_of("ab"), result()).changed == []
    assert (len(hydrus.log), sink.is_done(picture_of("ab"))) == (asked, True)


@pytest.mark.parametrize(
    ("url", "api"), [("http://h/", "http://h/api"), ("https://h/booru/api/", "https://h/booru/api")]
)
def test_the_site_s_address_or_that_of_its_api(url: str, api: str) -> None:
    assert api_address(url) == api


def test_a_login_is_a_token_or_a_password(site: FakeSzurubooru) -> None:
    for headers in (login("bot", "t0ken", None), login("bot", None, "passw0rd")):
        Szurubooru(Server(api_address(site.url), headers)).connect("bot")
    for parts in (("bot", None, None), (None, "t0ken", None)):
        with pytest.raises(ConfigError, match="must be set"):
            login(*parts)
    with pytest.raises(ConfigError, match="does not accept this login"):
        Szurubooru(Server(api_address(site.url), login("bot", "no", None))).connect("bot")


def test_a_secret_that_the_server_repeats_is_not_passed_on(site: FakeSzurubooru) -> None:
    headers = login("bot", "t0ken", None)

    def repeat(asked: Asked) -> object:
        raise AnswerError(400, {"description": f"Supplied header {headers['Authorization']}."})

    site.answer = repeat  # type: ignore[method-assign]
    with pytest.raises(StatusError) as caught:
        szurubooru(site).post(1)
    assert headers["Authorization"].split()[1] not in str(caught.value)


def post(*tags: str, aliases: dict[str, str] | None = None) -> Post:
    return Post(1, 1, "safe", "", tags, {**{tag.lower(): tag for tag in tags}, **(aliases or {})})


@pytest.mark.parametrize(
    ("there", "wanted", "known", "tags", "owned", "deleted"),
    [
        (["hand"], ["a", "b"], Pushed(), ["hand", "a", "b"], {"a", "b"}, set()),
        (["Hand"], ["hand"], Pushed(), ["Hand"], set(), set()),
        (["hand", "a"], ["b"], Pushed("f", frozenset("a")), ["hand", "b"], {"b"}, set()),
        (["hand"], ["a"], Pushed("f", frozenset("a")), ["hand"], set(), {"a"}),
        (["hand"], ["a"], Pushed("f", deleted=frozenset("a")), ["hand"], set(), {"a"}),
        (["a"], ["a"], Pushed("f", deleted=frozenset("a")), ["a"], set(), set()),
        (["hand"], ["a"], Pushed(pending=frozenset("a")), ["hand", "a"], {"a"}, set()),
        (["hand", "a"], ["a"], Pushed(pending=frozenset("a")), ["hand", "a"], {"a"}, set()),
        (["hand", "a"], ["b"], Pushed(pending=frozenset("a")), ["hand", "b"], {"b"}, set()),
    ],
    ids=["new", "spelled", "replaced", "taken-out", "stays-out", "back", "lost", "came", "came-stale"],
)
def test_what_becomes_of_a_post_s_tags(
    there: list[str],
    wanted: list[str],
    known: Pushed,
    tags: list[str],
    owned: set[str],
    deleted: set[str],
) -> None:
    todo = plan(post(*there), wanted, known, "f")
    assert list(todo.tags) == tags
    assert todo.after == Pushed("f", frozenset(owned), frozenset(deleted))


def test_an_alias_is_the_same_tag() -> None:
    todo = plan(post("hatsune_miku", aliases={"miku": "hatsune_miku"}), ["miku"], Pushed(), "f")
    assert todo.tags == ("hatsune_miku",)
    ours = Pushed("f", frozenset({"miku"}))
    assert plan(post("hatsune_miku", aliases={"miku": "hatsune_miku"}), [], ours, "f").tags == ()


@pytest.fixture
def sink(site: FakeSzurubooru, journal: Journal) -> SzurubooruSink:
    return SzurubooruSink(szurubooru(site), pushes=journal.pushes("s"), fingerprint="f", marker="auto")


def test_tags_go_into_their_categories(site: FakeSzurubooru, sink: SzurubooruSink) -> None:
    site.categories.append("Character")
    site.tags["vocaloid"] = (["vocaloid"], "default")
    number = site.post(b"x", ["by_hand"])

    assert sink.keep(post_picture(number), result(MIKU, HAIR, SERIES)).failures == []

    assert site.posts[number].tags == ["by_hand", "hatsune_miku", "aqua_hair", "vocaloid", "auto"]
    assert site.categories == ["default", "Character", "meta"]
    assert [*map(site.category_of, site.posts[number].tags)] == [
        *("default", "Character", "default", "default", "meta")  # a tag that is there stays where it is
    ]


def test_categories_can_have_other_names(site: FakeSzurubooru) -> None:
    number = site.post(b"x", [])
    other = SzurubooruSink(szurubooru(site), categories={"copyright": "series", "general": "looks"})
    other.keep(post_picture(number), result(SERIES, HAIR))
    assert [*map(site.category_of, site.posts[number].tags)] == ["series", "looks"]


def test_a_category_that_may_not_be_made_ends_the_run(site: FakeSzurubooru, sink: SzurubooruSink) -> None:
    site.is_moderator = False
    kept = sink.keep(post_picture(site.post(b"x", [])), result(MIKU))
    assert isinstance(kept.fatal, ConfigError)
    assert "'character'" in str(kept.fatal)


def test_a_tag_that_was_taken_out_stays_out(site: FakeSzurubooru, sink: SzurubooruSink) -> None:
    number = site.post(b"x", [])
    sink.keep(post_picture(number), result(MIKU, HAIR))
    site.posts[number].tags.remove("aqua_hair")
    for _ in range(2):
        sink.keep(post_picture(number), result(MIKU, HAIR, SERIES))
        assert site.posts[number].tags == ["hatsune_miku", "auto", "vocaloid"]


@pytest.mark.parametrize("races", [1, 4, 5])
def test_a_lost_race_is_run_again(site: FakeSzurubooru, sink: SzurubooruSink, races: int) -> None:
    number = site.post(b"x", ["by_hand"])
    left = [races]

    def somebody_else(asked: Asked) -> None:
        if asked.method == "PUT" and left[0]:
            left[0] -= 1
            site.posts[number].version += 1
            site.posts[number].tags.append(site._first(f"other_{left[0]}"))

    site.before = somebody_else
    kept = sink.keep(post_picture(number), result(HAIR))

    others = [f"other_{left}" for left in reversed(range(races))]
    if races < 5:
        assert kept.failures == []
        assert site.posts[number].tags == ["by_hand", *others, "aqua_hair", "auto"]
    else:
        assert "somebody else" in str(kept.failures[0])
        assert (kept.fatal, site.posts[number].tags) == (None, ["by_hand", *others])


def test_an_answer_that_is_lost_on_the_way_does_no_harm(site: FakeSzurubooru, sink: SzurubooruSink) -> None:
    number = site.post(b"x", [])
    real, once = site.answer, [True]

    def lose(asked: Asked) -> object:
        answer = real(asked)
        if asked.method == "PUT" and once and once.pop():
            raise AnswerError(502, b"bad gateway")
        return answer

    site.answer = lose  # type: ignore[method-assign]
    assert sink.keep(post_picture(number), result(HAIR)).failures == []
    assert site.posts[number].tags == ["aqua_hair", "auto"]


@pytest.mark.parametrize(
    ("before", "rating", "after"),
    [
        ("safe", EXPLICIT, "unsafe"),
        ("unsafe", GENERAL_RATING, "unsafe"),
        ("sketchy", None, "sketchy"),
        ("safe", Tag("sensitive", "rating", 0.9, "x"), "sketchy"),
    ],
)
def test_safety_is_never_lowered(
    site: FakeSzurubooru, sink: SzurubooruSink, before: str, rating: Tag | None, after: str
) -> None:
    number = site.post(b"x", [], before)
    sink.keep(post_picture(number), result(HAIR, *([rating] if rating else [])))
    assert site.posts[number].safety == after
    assert site.posts[number].tags == ["aqua_hair", "auto"]


def test_a_new_picture_becomes_a_post(site: FakeSzurubooru, sink: SzurubooruSink, tmp_path: Path) -> None:
    picture = tmp_path / 'a "b".png'
    picture.write_bytes(b"new\r\n--content")

    kept = sink.keep(picture, result(MIKU, HAIR, GENERAL_RATING))

    assert kept.changed == [picture]
    (made,) = site.posts.values()
    assert (made.content, made.safety) == (b"new\r\n--content", "safe")
    assert made.tags == ["hatsune_miku", "aqua_hair", "auto"]
    assert site.category_of("hatsune_miku") == "character"
    assert sink.is_done(picture)


def test_a_picture_that_is_there_is_tagged_there(
    site: FakeSzurubooru, sink: SzurubooruSink, tmp_path: Path
) -> None:
    number = site.post(b"old", ["by_hand"])
    (tmp_path / "a.png").write_bytes(b"old")
    sink.keep(tmp_path / "a.png", result(HAIR))
    assert {n: post.tags for n, post in site.posts.items()} == {number: ["by_hand", "aqua_hair", "auto"]}


def test_an_upload_is_remembered_as_a_post(
    site: FakeSzurubooru, sink: SzurubooruSink, tmp_path: Path
) -> None:
    (tmp_path / "a.png").write_bytes(b"new")
    sink.keep(tmp_path / "a.png", result(MIKU, HAIR))
    (number,) = site.posts
    site.posts[number].tags.remove("aqua_hair")
    sink.keep(post_picture(number), result(MIKU, HAIR))
    assert site.posts[number].tags == ["hatsune_miku", "auto"]


def test_what_looks_like_a_post_waits_for_a_decision(
    site: FakeSzurubooru, journal: Journal, tmp_path: Path
) -> None:
    number = site.post(b"old", [])
    picture = tmp_path / "a.png"
    picture.write_bytes(b"smaller copy")
    site.similar[hashlib.sha1(b"smaller copy").hexdigest()] = [(number, 0.12)]

    kept = SzurubooruSink(szurubooru(site)).keep(picture, result(HAIR))
    assert "looks like post 1 (distance 0.12)" in str(kept.failures[0])
    assert (list(site.posts), kept.fatal) == ([number], None)

    SzurubooruSink(szurubooru(site), uploading=UploadOptions("sketchy", similar=True)).keep(
        picture, result(HAIR)
    )
    made = site.posts[number + 1]
    assert (made.relations, made.safety) == ([number], "sketchy")


def test_a_post_that_was_deleted_is_not_uploaded_again(
    site: FakeSzurubooru, sink: SzurubooruSink, tmp_path: Path
) -> None:
    (tmp_path / "a.png").write_bytes(b"new")
    sink.keep(tmp_path / "a.png", result(HAIR))
    site.posts.clear()
    assert "was deleted there" in str(sink.keep(tmp_path / "a.png", result(HAIR)).failures[0])
    assert not site.posts


def test_all_posts_are_found_though_tagging_takes_them_out_of_the_search(site: FakeSzurubooru) -> None:
    for index in range(250):
        site.post(b"%d" % index, [], type="video" if index % 50 == 0 else "image")
    found = []
    for number in szurubooru(site).posts("-done"):
        found.append(number)
        site.posts[number].tags.append(site._first("done"))
    assert found == [number for number in range(250, 0, -1) if (number - 1) % 50]


def test_files_are_fetched_without_the_login(site: FakeSzurubooru) -> None:
    client = szurubooru(site)
    assert client.fetch(client.post(site.post(b"content", [])), 100) == b"content"
    assert site.log[-1].path == "/data/posts/1.png"
    assert "Authorization" not in site.log[-1].headers


def test_names_of_posts_are_no_files() -> None:
    assert post_of(post_picture(7)) == 7
    assert post_of(Path("post:7/a.png")) is None
    assert post_of(Path("7")) is None


def test_a_form_holds_what_it_was_given() -> None:
    body, kind = multipart({"content": ("a.png", b"\0\r\n")}, "xyz")
    assert kind == "multipart/form-data; boundary=xyz"
    assert b'name="content"; filename="a.png"' in body
    assert body.endswith(b"\r\n\r\n\0\r\n\r\n--xyz--\r\n")


def test_the_journal_knows_a_push_by_place_and_item(journal: Journal) -> None:
    one, other = journal.pushes("a"), journal.pushes("b")
    one.announce("1", ["x"])
    assert one.known("1") == Pushed(pending=frozenset({"x"}))
    one.record("1", Pushed("f", frozenset({"x"}), frozenset({"y"})))
    one.announce("1", ["z"])
    assert one.known("1") == Pushed("", frozenset({"x"}), frozenset({"y"}), frozenset({"z"}))
    assert other.known("1") == one.known("2") == Pushed()


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("uploads", [False, True], ids=["posts", "uploads"])
def test_a_push_that_is_killed_at_any_request_leaves_no_doubles(
    site: FakeSzurubooru, tmp_path: Path, uploads: bool, after: bool
) -> None:
    contents = {f"{number}.png": b"content %d" % number for number in range(3)}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)

    def begin() -> list[Path]:
        site.clear()
        (tmp_path / "journal").unlink(missing_ok=True)
        posts = [] if uploads else [site.post(content, ["by_hand"]) for content in contents.values()]
        return [tmp_path / name for name in contents] if uploads else [*map(post_picture, posts)]

    def push(*tags: Tag, fingerprint: str = "f") -> None:
        with Journal.open(tmp_path / "journal") as journal:
            sink = SzurubooruSink(szurubooru(site), pushes=journal.pushes("s"), fingerprint=fingerprint)
            for picture in pictures:
                if not sink.is_done(picture):
                    assert sink.keep(picture, result(*tags)).failures == []

    pictures = begin()
    site.log.clear()
    push(MIKU, HAIR, SERIES)
    wanted = site.state()
    requests = sum(asked.method != "GET" for asked in site.log)
    assert requests > 6
    for number in range(1, requests + 1):
        pictures = begin()
        with killing(number, after=after), pytest.raises(KilledError):
            push(MIKU, HAIR, SERIES)
        push(MIKU, HAIR, SERIES)
        assert site.state() == wanted, f"killed at request {number}"
        # What the killed run sent is known for ours: once it is not found any more, it goes.
        push(fingerprint="other")
        left = [] if uploads else ["by_hand"]
        assert [post.tags for post in site.posts.values()] == [left] * 3
