"""`booru-tagger push` from end to end, against servers in this process."""

from __future__ import annotations

import io
import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from booru_tagger.journal import Journal
from booru_tagger.types import Verdict
from tests.support.booru_servers import Asked, Fake, KilledError, drop, killing
from tests.support.bundles import Painted, paint
from tests.support.command import TIMEOUT, Home, make_home
from tests.support.fake_hydrus import KEY, MY_TAGS, FakeHydrus
from tests.support.fake_szurubooru import FakeSzurubooru
from tests.support.films import animated, needs_video, video
from tests.support.here import Here

WHO = ("hatsune_miku", "cirno", "kagamine_rin")
POSTS = ("push", "szurubooru", "--posts", "type:image")


def drawn(who: str, width: int = 96) -> bytes:
    stream = io.BytesIO()
    paint([Painted(10, 10, 60, who, "red", "green")], size=(width, 80)).save(stream, "PNG")
    return stream.getvalue()


@pytest.fixture
def here(
    tmp_path: Path, tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Here:
    work = tmp_path / "home" / "work"
    work.mkdir(parents=True)
    monkeypatch.setattr("booru_tagger.boorus.http.time.sleep", lambda seconds: None)
    return Here(work, tiny_bundle, monkeypatch, capsys)


@pytest.fixture
def hydrus(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHydrus]:
    fake = FakeHydrus()
    for who in WHO:
        fake.put(drawn(who))
    fake.put(b"a document", "application/pdf")
    with fake.running():
        for name, value in variables(fake).items():
            monkeypatch.setenv(name, value)
        yield fake


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeSzurubooru]:
    fake = FakeSzurubooru()
    with fake.running():
        for name, value in variables(fake).items():
            monkeypatch.setenv(name, value)
        yield fake


def variables(fake: Fake) -> dict[str, str]:
    if isinstance(fake, FakeHydrus):
        return {"BOORU_TAGGER_HYDRUS_URL": fake.url, "BOORU_TAGGER_HYDRUS_KEY": KEY}
    prefix = "BOORU_TAGGER_SZURUBOORU_"
    return {f"{prefix}URL": fake.url, f"{prefix}USER": "bot", f"{prefix}TOKEN": "t0ken"}


def tags_in(hydrus: FakeHydrus) -> list[list[str]]:
    return [tags for _, tags in sorted(hydrus.current.items())]


def sent(fake: Fake) -> list[Asked]:
    return [asked for asked in fake.log if asked.method != "GET"]


def fill(site: FakeSzurubooru) -> None:
    for who in WHO:
        site.post(drawn(who), ["by_hand"])


def make_pictures(folder: Path) -> None:
    folder.mkdir()
    for who in WHO:
        (folder / f"{who}.png").write_bytes(drawn(who))


def test_hydrus_is_tagged_and_the_second_run_sends_nothing(here: Here, hydrus: FakeHydrus) -> None:
    first = next(iter(hydrus.files))
    hydrus.deleted[first, MY_TAGS] = {"red hair"}

    ended = here.run("push", "hydrus", "system:inbox", "--marker", "meta:auto")

    assert ended.code == 0, ended.err
    assert "3 pictures tagged: " in ended.err and "\n3 pictures changed there\n" in ended.err
    assert "left out 1 file" in ended.err
    assert hydrus.current[first, MY_TAGS][0] == "character:hatsune miku"
    assert "series:vocaloid" in hydrus.current[first, MY_TAGS]
    assert "red hair" not in hydrus.current[first, MY_TAGS]
    assert all("meta:auto" in tags for tags in tags_in(hydrus))

    before = len(sent(hydrus))
    again = here.run("push", "hydrus", "system:inbox", "--marker", "meta:auto")
    assert (again.code, len(sent(hydrus))) == (0, before)
    assert "3 unchanged since an earlier run" in again.err
    forced = here.run("push", "hydrus", "system:inbox", "--marker", "meta:auto", "--force")
    assert (forced.code, len(sent(hydrus))) == (0, 2 * before)


@pytest.mark.parametrize("booru", ["hydrus", "szurubooru"])
def test_a_dry_run_sends_nothing_and_remembers_nothing(
    here: Here, booru: str, request: pytest.FixtureRequest
) -> None:
    fake = request.getfixturevalue("hydrus" if booru == "hydrus" else "site")
    if isinstance(fake, FakeSzurubooru):
        fill(fake)
        make_pictures(here.work / "new")
        command: tuple[str, ...] = (*POSTS, "--batch", "new")
    else:
        command = ("push", "hydrus", "system:inbox")

    ended = here.run(*command, "--dry-run", "--format", "jsonl")

    assert ended.code == 0, ended.err
    rows = [json.loads(line) for line in ended.out.splitlines()]
    assert len(rows) == (3 if booru == "hydrus" else 6)
    assert {row["faces"][0]["character"]["tag"] for row in rows} == set(WHO)
    assert "nothing sent (dry run)" in ended.err
    assert (sent(fake), here.journal.exists()) == ([], False)


def out_of_reach(fake: Fake) -> None:
    fake.faults.extend([drop] * 1000)


def another_key(fake: FakeHydrus) -> None:
    fake.permissions = [3]


def no_rank(fake: FakeSzurubooru) -> None:
    assert fake.privileges is not None
    fake.is_moderator = False
    fake.privileges |= {"posts:edit:tags": "power", "uploads:create": "power"}


def no_category(fake: FakeSzurubooru) -> None:
    fake.is_moderator = False


QUERY = ("hydrus", "system:inbox")
UPLOADS = ("szurubooru", "--batch", "new")
ONLY_POSTS = ("szurubooru", "--posts", "type:image")


@pytest.mark.parametrize(
    ("command", "spoil", "code", "message"),
    [
        (QUERY, out_of_reach, 10, "cannot be reached"),
        (QUERY, another_key, 5, "does not permit to edit file tags"),
        ((*QUERY, "--hydrus-key", "ef" * 32), None, 5, "does not accept this access key"),
        ((*QUERY, "--hydrus-service", "our tags"), None, 5, "there is no tag service 'our tags'"),
        (("hydrus", "nobody has this tag"), None, 4, ""),
        ((*QUERY, "--journal", "."), None, 5, "the journal is a file, and this is a folder"),
        (UPLOADS, out_of_reach, 10, "cannot be reached"),
        ((*UPLOADS, "--szurubooru-token", "no"), None, 5, "does not accept this login"),
        ((*UPLOADS, "--szurubooru-url", "ftp://here"), None, 5, "is not an address"),
        (UPLOADS, no_rank, 5, "the user 'bot' may not upload files there"),
        (ONLY_POSTS, no_rank, 5, "the user 'bot' may not change tags of posts there"),
        (UPLOADS, no_category, 5, "no tag category 'character', and this user may not make one"),
        (ONLY_POSTS, no_category, 5, "no tag category 'character', and this user may not make one"),
        (("szurubooru", "nothing.png"), None, 4, "nothing.png: "),
        ((*UPLOADS, "--journal", "."), None, 5, "the journal is a file, and this is a folder"),
    ],
)
def test_a_dry_run_refuses_what_the_run_refuses(
    here: Here,
    command: tuple[str, ...],
    spoil: Any,
    code: int,
    message: str,
    request: pytest.FixtureRequest,
) -> None:
    fake = request.getfixturevalue("hydrus" if command[0] == "hydrus" else "site")
    if isinstance(fake, FakeSzurubooru):
        fill(fake)
        make_pictures(here.work / "new")
        (here.work / "new" / "other.png").write_bytes(drawn("stranger"))
    if spoil is not None:
        spoil(fake)
    dry = here.run("push", *command, "--dry-run")
    nothing = sent(fake)
    real = here.run("push", *command)
    assert (dry.code, real.code, nothing) == (code, code, [])
    assert message in dry.err and message in real.err


def test_a_site_that_does_not_tell_its_privileges_is_tried(here: Here, site: FakeSzurubooru) -> None:
    site.privileges = None
    fill(site)
    assert here.run(*POSTS, "--dry-run").code == 0
    assert here.run(*POSTS).code == 0


def test_a_dry_run_shows_what_people_said_of_the_picture(here: Here, site: FakeSzurubooru) -> None:
    (here.work / "a.png").write_bytes(drawn("hatsune_miku"))
    assert here.run("tag", "a.png").code == 0
    with Journal.open(here.journal) as journal:
        (tagged,) = journal.reviews.tagged()
        verdict = Verdict("named", "my_oc", tagged.found.faces[0], 96, 80)
        journal.reviews.decide(tagged.picture, [verdict])
    ended = here.run("push", "szurubooru", "a.png", "--dry-run", "--format", "jsonl")
    assert json.loads(ended.out)["faces"][0]["character"]["tag"] == "my_oc"
    assert (ended.code, sent(site)) == (0, [])


def test_an_upload_heeds_what_people_said_of_the_picture(here: Here, site: FakeSzurubooru) -> None:
    (here.work / "a.png").write_bytes(drawn("hatsune_miku"))
    assert here.run("tag", "a.png").code == 0
    with Journal.open(here.journal) as journal:
        (tagged,) = journal.reviews.tagged()
        verdict = Verdict("named", "my_oc", tagged.found.faces[0], 96, 80)
        journal.reviews.decide(tagged.picture, [verdict])
        journal.reviews.wait(tagged.picture, 1)
    assert here.run("push", "szurubooru", "a.png").code == 0
    (post,) = site.posts.values()
    assert "my_oc" in post.tags and "hatsune_miku" not in post.tags
    with Journal.open(here.journal) as journal:
        assert len(journal.reviews.waiting()) == 1, "the queue is about the picture's own files"


def test_posts_are_tagged_and_pictures_uploaded(here: Here, site: FakeSzurubooru) -> None:
    site.post(drawn("cirno"), ["by_hand"])
    make_pictures(here.work / "new")

    ended = here.run(*POSTS, "--batch", "new", "--safety", "sketchy")

    assert ended.code == 0, ended.err
    assert "4 pictures tagged: " in ended.err and "\n3 pictures changed there\n" in ended.err
    assert [post.safety for post in site.posts.values()] == ["safe", "sketchy", "sketchy"]
    for post in site.posts.values():
        named = {tag for tag in post.tags if site.category_of(tag) == "character"}
        assert named <= set(WHO) and len(named) == 1
    assert site.posts[1].tags[0] == "by_hand"
    assert here.run(*POSTS, "--batch", "new", "--safety", "sketchy").code == 0
    assert len(site.posts) == 3


FILMS = [
    pytest.param("gif", "image/gif", "animation"),
    pytest.param("webp", "image/webp", "animation"),
    pytest.param("mp4", "video/mp4", "video", marks=needs_video),
]


def film(path: Path) -> bytes:
    """Half a second of Miku, then half a second of Rin at another place."""
    stills = [paint([Painted(10, 10, 60, WHO[0], "aqua", "aqua")], size=(160, 96))] * 5
    stills += [paint([Painted(90, 20, 60, WHO[2], "blonde", "blue")], size=(160, 96))] * 5
    made = video(path, stills) if path.suffix == ".mp4" else animated(path, stills, path.suffix[1:].upper())
    return made.read_bytes()


@pytest.mark.parametrize(("suffix", "mime", "kind"), FILMS)
def test_a_film_in_hydrus_gets_the_names_of_all_its_scenes(
    here: Here, hydrus: FakeHydrus, suffix: str, mime: str, kind: str
) -> None:
    hydrus.files.clear()
    name = hydrus.put(film(here.work / f"a.{suffix}"), mime)

    ended = here.run("push", "hydrus", "system:inbox")

    assert ended.code == 0, ended.err
    tags = set(hydrus.current[name, MY_TAGS])
    assert {"character:hatsune miku", "character:kagamine rin", "series:vocaloid", "aqua hair"} <= tags
    assert "1 unchanged" in here.run("push", "hydrus", "system:inbox").err


@pytest.mark.parametrize(("suffix", "mime", "kind"), FILMS)
def test_a_film_is_tagged_where_it_is_a_post_and_uploaded_where_it_is_none(
    here: Here, site: FakeSzurubooru, suffix: str, mime: str, kind: str
) -> None:
    post = site.post(film(here.work / f"a.{suffix}"), ["by_hand"], type=kind)
    assert here.run("push", "szurubooru", "--posts", "by_hand").code == 0
    tags = site.posts[post].tags
    assert {"by_hand", "hatsune_miku", "kagamine_rin", "vocaloid"} <= set(tags)

    site.clear()
    for _ in range(2):
        ended = here.run("push", "szurubooru", "--batch", ".")
        assert ended.code == 0, ended.err
    (uploaded,) = site.posts.values()
    assert uploaded.content == (here.work / f"a.{suffix}").read_bytes()
    assert set(uploaded.tags) == set(tags) - {"by_hand"}


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("what", ["posts", "uploads"])
def test_a_push_that_is_killed_resumes_without_doubles(
    here: Here, site: FakeSzurubooru, what: str, after: bool
) -> None:
    command: tuple[str, ...] = POSTS
    if what == "posts":
        fill(site)
    else:
        make_pictures(here.work / "new")
        command = ("push", "szurubooru", "--batch", "new")
    fresh = {number: (post.content, list(post.tags)) for number, post in site.posts.items()}
    assert here.run(*command, "--jobs", "1").code == 0
    wanted, requests = site.state(), len(sent(site))
    assert requests > 6

    for number in range(5, requests + 1, 7):
        here.journal.unlink()
        site.clear()
        for content, tags in fresh.values():
            site.post(content, tags)
        with killing(number, after=after), pytest.raises(KilledError):
            here.run(*command, "--jobs", "1")
        assert here.run(*command, "--jobs", "1").code == 0
        assert site.state() == wanted, f"killed at request {number}"
        # What was sent by the killed run is known for ours: without it, it is taken out again.
        assert here.run(*command, "--jobs", "1", "--deny", "*").code == 0
        assert all(post.tags in ([], ["by_hand"]) for post in site.posts.values())


@pytest.mark.parametrize("booru", ["hydrus", "szurubooru"])
def test_a_push_that_is_really_killed_resumes(tmp_path: Path, tiny_bundle: Path, booru: str) -> None:
    fake: FakeHydrus | FakeSzurubooru = FakeHydrus() if booru == "hydrus" else FakeSzurubooru()
    with fake.running():
        home = make_home(tmp_path / "home", BOORU_TAGGER_MODEL=str(tiny_bundle), **variables(fake))
        if isinstance(fake, FakeHydrus):
            names = [fake.put(drawn(who)) for who in WHO]
            command: tuple[str, ...] = ("push", "hydrus", "system:inbox")
        else:
            make_pictures(home.work / "new")
            command = ("push", "szurubooru", "--batch", "new")
        kill_second(fake, home, command)
        done = home.run(*command)

    assert done.code == 0, done.err
    assert "1 unchanged" in done.err
    if isinstance(fake, FakeHydrus):
        assert sorted(name for name, _ in fake.current) == sorted(names)
    else:
        assert sorted(post.content for post in fake.posts.values()) == sorted(map(drawn, WHO))


def kill_second(fake: Fake, home: Home, command: tuple[str, ...]) -> None:
    """Start the command and kill it while its second picture is on the way."""
    running: list[Any] = []
    pictures = [0]

    def before(asked: Asked) -> None:
        pictures[0] += asked.method == "POST" and asked.path in ("/add_tags/add_tags", "/api/posts/")
        if pictures[0] == 2 and running[0].poll() is None:
            running[0].send_signal(signal.SIGKILL)
            running[0].wait()

    fake.before = before
    running.append(home.start(*command, "--jobs", "1"))
    assert running[0].wait(TIMEOUT) == -signal.SIGKILL


@pytest.mark.parametrize("jobs", ["1", "3"])
def test_a_server_that_goes_away_ends_the_run_with_a_report(
    here: Here, hydrus: FakeHydrus, jobs: str
) -> None:
    def gone(asked: Asked) -> None:
        if asked.path == "/add_tags/add_tags":
            hydrus.faults.extend([drop] * 1000)

    for number in range(7):  # more than are on their way at once: some are left when it is gone
        hydrus.put(drawn("cirno", 97 + number))
    hydrus.before = gone
    ended = here.run("push", "hydrus", "system:inbox", "--jobs", jobs)

    assert ended.code == 10
    assert "stopped early" in ended.err
    assert "cannot be reached" in ended.err
    assert len(hydrus.log) < 40
    hydrus.before = lambda asked: None
    hydrus.faults.clear()
    assert here.run("push", "hydrus", "system:inbox").code == 0
    assert len(hydrus.current) == 10


@pytest.mark.parametrize("dry", [(), ("--dry-run",)], ids=["for good", "dry run"])
@pytest.mark.parametrize("last", [False, True], ids=["in the middle", "at the last picture"])
@pytest.mark.parametrize("booru", ["hydrus", "szurubooru"])
def test_a_server_that_is_lost_while_pictures_are_fetched_ends_it_alike(
    here: Here, booru: str, dry: tuple[str, ...], last: bool, request: pytest.FixtureRequest
) -> None:
    fake = request.getfixturevalue("hydrus" if booru == "hydrus" else "site")
    command = ("push", "hydrus", "system:inbox") if booru == "hydrus" else POSTS
    if isinstance(fake, FakeSzurubooru):
        fill(fake)
    fetched = [0]

    def gone(asked: Asked) -> None:
        fetched[0] += asked.path == "/get_files/file" or asked.path.startswith("/data/posts/")
        if fetched[0] == (len(WHO) if last else 2):
            fake.faults.extend([drop] * 1000)
            raise ConnectionAbortedError

    fake.before = gone
    ended = here.run(*command, *dry, "--jobs", "1")
    assert ended.code == 10, ended.err
    assert "stopped early" in ended.err and "cannot be reached" in ended.err


def test_a_picture_that_fails_does_not_stop_the_others(here: Here, hydrus: FakeHydrus) -> None:
    hydrus.put(b"no picture at all")
    ended = here.run("push", "hydrus", "system:inbox")
    assert ended.code == 3
    assert "3 pictures tagged, 1 failed" in ended.err


def test_a_wrong_key_is_told_and_shown_nowhere(
    here: Here, hydrus: FakeHydrus, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = "cd" * 32
    (here.work / "key").write_text(secret + "\n")
    monkeypatch.setenv("BOORU_TAGGER_HYDRUS_KEY", "@key")

    refused = here.run("--debug", "push", "hydrus", "system:inbox")
    shown = here.run("config", "show")

    assert refused.code == 5
    assert "does not accept this access key" in refused.err
    assert hydrus.log[0].headers["Hydrus-Client-API-Access-Key"] == secret
    assert secret not in refused.err + refused.out + shown.out + shown.err
    assert '# hydrus_key = "***"  # BOORU_TAGGER_HYDRUS_KEY' in shown.out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["hydrus", "system:inbox", "--hydrus-key", "@nowhere"], "cannot be read"),
        (["hydrus", "system:inbox", "--hydrus-key", "a\nb"], "plain letters"),
        (["hydrus"], "Missing argument"),
        (["szurubooru"], "Name pictures to upload"),
        (["szurubooru", "."], "booru-tagger push szurubooru --batch ."),
    ],
)
def test_what_cannot_be_meant_is_refused(here: Here, words: list[str], message: str) -> None:
    ended = here.run("push", *words)
    assert ended.code == 2
    assert message in " ".join(ended.err.split())


def test_a_push_without_an_address_or_a_key_says_what_to_set(
    here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HYDRUS_KEY", "SZURUBOORU_URL"):
        monkeypatch.delenv(f"BOORU_TAGGER_{name}", raising=False)
    for words, name in (
        (["hydrus", "system:inbox"], "hydrus_key"),
        (["szurubooru", "a.png"], "szurubooru_url"),
    ):
        ended = here.run("push", *words)
        assert ended.code == 5
        assert f"{name}: must be set" in ended.err
