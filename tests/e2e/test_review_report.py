"""`booru-tagger review` and `booru-tagger report`, on what `booru-tagger tag` wrote."""

from __future__ import annotations

import csv
import html.parser
import re
import signal
import sqlite3
import subprocess
import sys
import urllib.error
import urllib.request
from contextlib import closing
from pathlib import Path

import pytest

from booru_tagger import errors
from booru_tagger.errors import EXIT_NOTHING_DONE, OutputError
from booru_tagger.journal import Journal
from booru_tagger.types import Box, Verdict
from tests.support.bundles import RGB, Painted, paint
from tests.support.command import TIMEOUT, make_home
from tests.support.here import Here
from tests.support.old_journal import age
from tests.support.person_regions import packet

UNSURE: RGB = (30, 140, 230)


@pytest.fixture
def home(
    tmp_path: Path, tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Here:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    work = tmp_path / "work"
    (work / "below").mkdir(parents=True)
    paint([Painted(20, 20, 100), Painted(180, 60, 80, "stranger", "red", "blue")]).save(work / "a.png")
    for number in range(3):
        stranger = Painted(40, 60, 90, "stranger", "red", "blue")
        paint([stranger], background=(200, 230, 200 + number)).save(work / "below" / f"{number}.png")
    paint([Painted(100, 60, 90, UNSURE, "blue", "blue")]).save(work / "below" / "unsure.png")
    return Here(work, tiny_bundle, monkeypatch, capsys)


def say(home: Here, picture: str, tag: str) -> None:
    with Journal.open(home.journal) as journal:
        path = home.work / picture
        entry = journal.entry(path)
        assert entry is not None and entry.result is not None
        result = entry.result
        journal.reviews.decide(path, [Verdict("named", tag, result.faces[0], result.width, result.height)])


class TestTag:
    def test_says_who_waits(self, home: Here) -> None:
        ended = home.run("tag", "--batch", "--format", "none", "--review-band", "0.4-0.95")
        assert "1 waiting\n" in ended.err and ended.err.endswith("next: booru-tagger review\n")
        with Journal.open(home.journal) as journal:
            assert [path.name for path in journal.reviews.waiting()] == ["unsure.png"]
        again = home.run("tag", "--batch", "--format", "none", "--review-band", "0-0", "--force")
        assert "waits" not in again.err
        with Journal.open(home.journal) as journal:
            assert journal.reviews.waiting() == []

    def test_heeds_verdicts(self, home: Here) -> None:
        home.run("tag", "--batch", "--format", "none")
        say(home, "below/unsure.png", "kagamine_rin")
        ended = home.run("tag", "--batch", "--format", "none")
        assert "1 picture tagged" in ended.err, "only the one about which something was said"
        assert "kagamine_rin" in (home.work / "below" / "unsure.png.txt").read_text()
        assert "review" in home.run("show", "below/unsure.png").out

    def test_verdicts_outlive_untag(self, home: Here) -> None:
        home.run("tag", "--batch", "--format", "none")
        say(home, "below/unsure.png", "kagamine_rin")
        home.run("untag", "--batch")
        home.run("tag", "--batch", "--format", "none")
        assert "kagamine_rin" in (home.work / "below" / "unsure.png.txt").read_text()


class TestReview:
    @pytest.mark.parametrize(
        ("args", "words"),
        [(["--queue", "--no-journal"], "journal"), (["nowhere"], "nowhere")],
    )
    def test_what_cannot_be_meant_is_refused(self, home: Here, args: list[str], words: str) -> None:
        ended = home.run("review", *args)
        assert ended.code == 2 and words in ended.err

    def test_nothing_to_review(self, home: Here) -> None:
        pytest.importorskip("starlette", reason="the extra [web] is not installed")
        assert home.run("review", ".").code == EXIT_NOTHING_DONE
        ended = home.run("review", "--queue")
        assert ended.code == EXIT_NOTHING_DONE and "no face waits" in ended.err

    def test_what_was_answered_leaves_the_queue_though_its_count_was_left_behind(self, home: Here) -> None:
        pytest.importorskip("starlette", reason="the extra [web] is not installed")
        band = ("--review-band", "0.4-0.95")
        home.run("tag", "--batch", "--format", "none", *band)
        say(home, "below/unsure.png", "my_oc")
        with (
            closing(sqlite3.connect(home.journal)) as connection,
            connection,
        ):  # as a killed run of 0.1 left it
            connection.execute("UPDATE reviews SET uncertain = 1")
        assert "1 pictures wait" in home.run("doctor").out
        ended = home.run("review", "--queue", *band)
        assert ended.code == EXIT_NOTHING_DONE and "no face waits" in ended.err
        assert "0 pictures wait" in home.run("doctor").out

    def test_the_extra_is_named_where_it_is_missing(
        self, home: Here, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        home.run("tag", "--batch", "--format", "none")
        monkeypatch.setitem(sys.modules, "uvicorn", None)
        ended = home.run("review", ".")
        assert ended.code == 9 and "booru-tagger[web]" in ended.err

    def test_verdicts_as_a_table(self, home: Here, tmp_path: Path) -> None:
        home.run("tag", "--batch", "--format", "none")
        table = tmp_path / "verdicts.csv"
        assert home.run("review", "--export", table).code == EXIT_NOTHING_DONE
        say(home, "below/unsure.png", "my_oc")
        assert home.run("review", "--export", table, "below").code == 0
        with table.open(encoding="utf-8", newline="") as handle:
            (row,) = csv.DictReader(handle)
        assert (row["tag"], row["verdict"], Path(row["picture"]).name) == ("my_oc", "named", "unsure.png")
        assert [int(row[side]) for side in ("x0", "y0", "x1", "y1")] == [100, 60, 190, 150]

    @pytest.mark.skipif(sys.platform == "win32", reason="signals are not sent there")
    def test_serves_until_it_is_stopped(self, tmp_path: Path, tiny_bundle: Path) -> None:
        pytest.importorskip("starlette", reason="the extra [web] is not installed")
        pytest.importorskip("uvicorn", reason="the extra [web] is not installed")
        home = make_home(tmp_path / "home", BOORU_TAGGER_MODEL=str(tiny_bundle))
        paint([Painted(100, 60, 90, UNSURE, "blue", "blue")]).save(home.work / "a.png")
        band = ("--review-band", "0.4-0.95")
        assert home.run("tag", "--batch", *band).code == 0
        server = home.start("review", "--queue", "--no-open", *band, stderr=subprocess.PIPE)
        try:
            assert server.stderr is not None
            said = server.stderr.readline()
            address = re.search(rb"1 face waits for you at (http://127\.0\.0\.1:\d+/)\?key=", said)
            assert address is not None
            server.stderr.readline()
            with pytest.raises(urllib.error.HTTPError, match="403"):
                urllib.request.urlopen(address[1].decode(), timeout=TIMEOUT)
            server.send_signal(signal.SIGINT)
            rest = server.communicate(timeout=TIMEOUT)[1]
        finally:
            server.kill()
        assert server.returncode == 0, rest
        assert b"0 steps done, 1 face left" in rest


class TestVerdicts:
    """What people said counts wherever tags come out, and an old journal knows it, too."""

    def test_holds_for_what_is_only_printed_or_collected(self, home: Here) -> None:
        home.run("tag", "--batch", "--format", "none")
        say(home, "below/unsure.png", "my_oc")
        before = home.run("show", "below/unsure.png", "--format", "json").out
        dry = home.run("tag", "below/unsure.png", "--dry-run", "--format", "jsonl")
        assert '"my_oc"' in dry.out and '"cirno"' not in dry.out.split('"tags"')[-1]
        assert home.run("tag", "below/unsure.png", "--records", "all.jsonl").code == 0
        assert '"my_oc"' in (home.work / "all.jsonl").read_text()
        assert home.run("show", "below/unsure.png", "--format", "json").out == before
        assert "my_oc" in home.run("tag", "below/unsure.png", "--format", "jsonl").out

    def test_an_old_journal_goes_on(self, home: Here) -> None:
        home.run("tag", "--batch", "--format", "none", "--rename", "hatsune_miku=miku")
        say(home, "below/unsure.png", "my_oc")
        home.run("tag", "--batch", "--format", "none", "--rename", "hatsune_miku=miku")
        shown = home.run("show", "a.png", "--format", "json").out
        age(home.journal)
        assert home.run("show", "a.png", "--format", "json").out == shown
        page = TestReport().report(home)
        assert "my oc" in page and "hatsune miku" in page
        again = home.run("tag", "--batch", "--format", "none", "--rename", "hatsune_miku=miku")
        assert "0 pictures tagged, 5 unchanged" in again.err
        assert home.run("tag", "--batch", "--format", "none").code == 0
        assert "hatsune_miku" in (home.work / "a.png.txt").read_text()
        assert "my_oc" in (home.work / "below" / "unsure.png.txt").read_text()
        assert home.run("untag", "--batch").code == 0
        assert not list(home.work.rglob("*.txt"))


class Links(html.parser.HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value for name, value in attrs if name in ("src", "href") and value]


class TestReport:
    def report(self, home: Here, *args: str) -> str:
        ended = home.run("report", ".", "-o", "report.html", *args)
        assert ended.code == 0, ended.err
        return (home.work / "report.html").read_text("utf-8")

    def test_says_who_is_there_and_who_might_be(self, home: Here) -> None:
        (home.work / "broken.png").write_bytes(b"no picture")
        home.run("tag", "--batch", "--format", "none")
        paint([]).save(home.work / "later.png")
        page = self.report(home, "--review-band", "0.4-0.95")
        assert "hatsune miku" in page and "vocaloid" in page and "aqua hair" in page
        assert "Stranger 1" in page and "4 faces in 4 pictures" in page and "characters add NAME" in page
        assert "sure of all, 1.00 at least" in page
        assert f"booru-tagger review {home.work} --strangers" in page
        assert "broken.png" in page and "not a picture" in page
        assert "No picture that can be read <small>1</small>" in page and "save it as PNG" in page
        assert "not tagged yet: 1" in page
        assert "<b>1</b><span>waiting for you</span>" in page

    def test_who_waits_for_review_is_no_stranger(self, home: Here) -> None:
        home.run("tag", "--batch", "--format", "none")
        page = self.report(home, "--review-band", "0-0.95")
        assert "<b>5</b><span>waiting for you</span>" in page and "Stranger 1" not in page

    def test_tells_how_sure_it_is(self, home: Here) -> None:
        home.run("tag", "--batch", "--format", "none")
        assert "sure of 0 of 1 (0.9 or more), the least 0.7" in self.report(home), "Cirno"
        say(home, "below/unsure.png", "cirno")
        assert "all named by a person" in self.report(home)
        paint([Painted(20, 20, 100, "cirno", "blue", "blue")]).save(home.work / "sure.png")
        home.run("tag", "--batch", "--format", "none")
        assert "1 named by a person, sure of all others, 1.00 at least" in self.report(home)

    def test_takes_the_word_of_other_programs(self, home: Here) -> None:
        region = packet(Box(100, 60, 190, 150), "Sakura Miku", 320, 240)
        (home.work / "below" / "unsure.png.xmp").write_text(region, "utf-8")
        ended = home.run("tag", "--batch", "below", "--format", "none", "--review-band", "0.4-0.95")
        assert "waiting" not in ended.err
        page = self.report(home, "--review-band", "0.4-0.95")
        assert "sakura miku" in page and "all named by a person" in page
        assert "<b>0</b><span>waiting for you</span>" in page

    def test_knows_the_series_of_characters_who_are_never_alone(self, home: Here) -> None:
        both = [Painted(20, 20, 100), Painted(180, 60, 80, "cirno", "blue", "blue")]
        paint(both).save(home.work / "a.png")
        home.run("tag", "--batch", "--format", "none")
        page = self.report(home)
        assert '<p class="count">vocaloid</p>' in page and '<p class="count">touhou</p>' in page

    def test_needs_nothing_but_itself(self, home: Here) -> None:
        home.run("tag", "--batch", "--format", "none")
        links = Links()
        page = self.report(home)
        links.feed(page)
        assert any(link.startswith("data:image/jpeg;base64,") for link in links.found)
        for link in links.found:
            assert link.startswith("data:") or (home.work / link).exists(), link
        assert "http" not in re.sub(r"base64,[A-Za-z0-9+/=]+", "", page)

    def test_names_are_text_and_no_code(self, home: Here) -> None:
        home.run("tag", "--batch", "--format", "none")
        (home.work / "below" / "unsure.png").rename(home.work / "below" / "<img src=x>&'\".png")
        paint([Painted(100, 60, 90, UNSURE, "blue", "blue")]).save(home.work / "below" / "<b>.png")
        home.run("tag", "--batch", "--format", "none")
        say(home, "below/<b>.png", "<script>alert(1)</script>")
        home.run("tag", "--batch", "--format", "none")
        page = self.report(home)
        assert "<script>alert" not in page and "<img src=x>" not in page and "<b>.png" not in page

    def test_a_picture_that_changed_or_went_is_told(self, home: Here) -> None:
        home.run("tag", "--batch", "--format", "none")
        (home.work / "a.png").write_bytes(b"no picture any more")
        (home.work / "below" / "0.png").unlink()
        page = self.report(home)
        assert "has changed since it was tagged" in page or "not a picture" in page
        assert "Changed since they were tagged" in page or "No picture that can be read" in page
        assert "0.png" not in re.sub(r"base64,[A-Za-z0-9+/=]+", "", page)

    def test_writes_over_no_other_file(self, home: Here) -> None:
        home.run("tag", "--batch", "--format", "none")
        self.report(home)
        self.report(home)
        (home.work / "mine.html").write_text("<p>mine")
        ended = home.run("report", ".", "-o", "mine.html")
        assert ended.code == OutputError.exit_code and "left alone" in ended.err
        assert home.run("report", ".", "-o", "page.txt").code == 2

    def test_nothing_to_report(self, home: Here) -> None:
        ended = home.run("report", ".")
        assert ended.code == EXIT_NOTHING_DONE and "tag --batch" in ended.err
        assert not (home.work / "report.html").exists()


class TestIgnore:
    def test_ignored_folders_are_left_out_by_every_command(self, home: Here) -> None:
        home.run("tag", "--batch", "--format", "none", "--writer", "txt")
        captions = sorted(path.name for path in (home.work / "below").glob("*.txt"))
        assert len(captions) == 4

        page = home.work.parent / "r.html"
        home.run("report", ".", "--ignore", "below", "-o", str(page))
        assert "unsure.png" not in page.read_text("utf-8") and "a.png" in page.read_text("utf-8")

        home.run("untag", ".", "--batch", "--ignore", "below")
        assert sorted(path.name for path in (home.work / "below").glob("*.txt")) == captions
        assert not (home.work / "a.png.txt").exists()

        missed = home.run("characters", "add", "oc", "below", "--ignore", "*.png", "--dry-run")
        assert missed.code == errors.DataError.exit_code and "there are no pictures" in missed.err

        nobody = home.run("review", "below", "--ignore", "*.png", "--no-open")
        assert nobody.code == EXIT_NOTHING_DONE
