"""The review's addresses: what they answer, what they change, and whom they refuse."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("starlette", reason="the extra [web] is not installed")
pytest.importorskip("httpx", reason="Starlette's test client needs httpx")

from starlette.testclient import TestClient

from booru_tagger.journal import Journal
from booru_tagger.models.bundle import Label
from booru_tagger.models.gallery import Enrolled, Gallery, load
from booru_tagger.runner import rewrite
from booru_tagger.server.review import ReviewSession, make_app
from booru_tagger.server.review.images import FaceImages
from booru_tagger.server.review.portraits import Portraits
from booru_tagger.tagging.options import TaggerOptions
from booru_tagger.tagging.policy import Policy
from booru_tagger.tagging.tagger import Tagger
from tests.support.booru_servers import KilledError
from tests.support.bundles import Painted
from tests.support.chromium import until
from tests.support.old_journal import age
from tests.support.sessions import ReviewSetup, open_review_setup, paint_all, unsure
from tests.support.taggers import ROWS, make_wd

PORT, KEY = 8000, "the-key-of-this-session"
BASE = f"http://127.0.0.1:{PORT}"


@pytest.fixture
def setup(tmp_path: Path, tiny_bundle: Path) -> Iterator[ReviewSetup]:
    with open_review_setup(tmp_path, tiny_bundle) as setup:
        paint_all(
            setup.folder,
            {
                "a.png": [Painted(20, 40, 80), unsure(180)],
                "b.png": [unsure(60)],
                "below/c.png": [unsure(20, shade=4), Painted(200, 40, 80, "stranger", "red", "red")],
            },
        )
        (setup.folder / "a.png.txt").write_text("mine, my own")
        setup.tag()
        yield setup


@pytest.fixture
def client(setup: ReviewSetup) -> Iterator[TestClient]:
    app = make_app(setup.session(), setup.face_cache, port=PORT, key=KEY)
    with TestClient(app, base_url=BASE) as client:
        assert client.get(f"/?key={KEY}").status_code == 200
        yield client


def faces(client: TestClient) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.get("/api/session").json()["faces"]
    return found


def waiting(client: TestClient) -> list[int]:
    return [face["id"] for face in faces(client) if face["w"]]


def judge(client: TestClient, numbers: list[int], kind: str, tag: str = "") -> dict[str, Any]:
    answer = client.post("/api/verdict", json={"faces": numbers, "kind": kind, "tag": tag})
    assert answer.status_code == 200, answer.text
    changes: dict[str, Any] = answer.json()
    assert changes["failures"] == []
    return changes


class TestPage:
    def test_is_there_with_all_its_parts(self, client: TestClient) -> None:
        page = client.get("/")
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        for name in ("review.css", "main.js", "panel.js"):
            assert client.get(f"/page/{name}").status_code == 200

    def test_asks_nobody_else_for_anything(self, client: TestClient) -> None:
        from booru_tagger.server.review.app import PAGE

        for name in PAGE:
            text = client.get(f"/page/{name}").text.replace("http://www.w3.org/2000/svg", "")
            assert "http://" not in text and "https://" not in text, name
        policy = client.get("/").headers["content-security-policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy

    @pytest.mark.parametrize(
        "path", ["/page/app.py", "/page/../app.py", "/page/%2e%2e/app.py", "/page/..%2fapp.py", "/page/"]
    )
    def test_gives_no_other_file_away(self, client: TestClient, path: str) -> None:
        assert client.get(path).status_code == 404


class TestOverview:
    def test_lists_faces_with_what_is_known(self, client: TestClient) -> None:
        session = client.get("/api/session").json()
        assert [name for _, _, name in session["pictures"]] == ["a.png", "b.png", "c.png"]
        assert len(session["faces"]) == 5 and sum(face["w"] for face in session["faces"]) == 3
        assert ["cirno", "touhou", True] in session["names"]
        assert session["undo"] == 0

    def test_counts_no_face_that_only_serves_to_compare_with(self, setup: ReviewSetup) -> None:
        session = ReviewSession(setup.tools)
        session.add(setup.journal.reviews.tagged(setup.folder / "below"))
        own = session.waiting
        session.add(setup.journal.reviews.tagged(), listed=False)
        assert sum(head.waits for head in session.heads.values()) == 3
        assert session.waiting == own < 3

    def test_shows_a_face_in_full(self, client: TestClient) -> None:
        for face in faces(client):  # so that all are cut out
            client.get(f"/face/{face['id']}.jpg")
        first = waiting(client)[0]
        shown = client.get(f"/api/face/{first}").json()
        assert shown["picture"]["name"] == "a.png"
        assert [other["id"] for other in shown["picture"]["faces"]].count(first) == 1
        assert shown["candidates"][0]["tag"] == "cirno"
        miku = next(one for one in shown["candidates"] if one["tag"] == "hatsune_miku")
        assert len(miku["samples"]) == 1 and miku["series"] == "vocaloid"
        assert shown["candidates"][0]["bulk"] and not miku["bulk"], "0.25 is no guess for several at once"
        assert shown["hair"]["tag"] == "blue_hair"
        assert {other["id"] for other in shown["alike"]} == set(waiting(client)) - {first}
        sources = {tag["tag"]: tag["source"] for tag in shown["tags"]}
        assert sources["mine"] == "person" and sources["hatsune_miku"] == "recogniser"

    @pytest.mark.parametrize(("kind", "side"), [("face", 160), ("large", 512)])
    def test_shows_faces_as_pictures(self, client: TestClient, kind: str, side: int) -> None:
        answer = client.get(f"/{kind}/{waiting(client)[0]}.jpg")
        assert answer.headers["content-type"] == "image/jpeg"
        with Image.open(io.BytesIO(answer.content)) as image:
            assert image.size == (side, side)

    def test_shows_whole_pictures(self, client: TestClient) -> None:
        number = client.get("/api/session").json()["pictures"][0][0]
        with Image.open(io.BytesIO(client.get(f"/picture/{number}.jpg").content)) as image:
            assert image.size == (320, 160)

    @pytest.mark.parametrize("path", ["/face/999.jpg", "/large/999.jpg", "/picture/999.jpg", "/api/face/999"])
    def test_knows_only_what_is_in_the_session(self, client: TestClient, path: str) -> None:
        assert client.get(path).status_code == 404

    def test_a_picture_that_is_gone_is_said_to_be(self, client: TestClient, setup: ReviewSetup) -> None:
        number = waiting(client)[1]
        (setup.folder / "b.png").write_bytes(b"no picture any more")
        answer = client.get(f"/large/{number}.jpg")
        assert answer.status_code == 409 and "b.png" in answer.json()["error"]


class TestVerdicts:
    def test_a_name_reaches_every_file_and_the_journal(self, client: TestClient, setup: ReviewSetup) -> None:
        changes = judge(client, [waiting(client)[0]], "named", "Kagamine Rin")
        assert {"kagamine_rin", "hair_bow", "mine", "my own"} <= set(setup.caption("a.png"))
        assert "cirno" not in setup.caption("a.png") and "ice_wings" not in setup.caption("a.png")
        assert '"kagamine_rin"' in (setup.folder / "a.png.json").read_text()
        entry = setup.journal.entry(setup.folder / "a.png")
        assert entry is not None and entry.result is not None
        assert "kagamine_rin" in {tag.tag for tag in entry.result.tags}
        assert changes["undo"] == 1

    def test_says_what_was_written(self, client: TestClient) -> None:
        wrote = judge(client, [waiting(client)[0]], "named", "Kagamine Rin")["wrote"]
        assert set(wrote["files"]) == {"a.png.txt", "a.png.json"} and wrote["pictures"] == 1
        assert {"kagamine_rin", "hair_bow"} <= set(wrote["added"]) and "cirno" in wrote["removed"]
        back = client.post("/api/undo", json={}).json()["wrote"]
        assert set(back["added"]) == set(wrote["removed"])

    def test_later_runs_heed_it(self, client: TestClient, setup: ReviewSetup) -> None:
        judge(client, [waiting(client)[0]], "named", "kagamine_rin")
        setup.tag()
        assert "kagamine_rin" in setup.caption("a.png")
        setup.tag(character=0.5)  # with other settings, so that all is tagged again
        assert "kagamine_rin" in setup.caption("a.png") and "cirno" not in setup.caption("a.png")

    def test_the_picture_stays_done(self, client: TestClient, setup: ReviewSetup) -> None:
        judge(client, [waiting(client)[0]], "unknown")
        assert setup.journal.is_done(setup.folder / "a.png", setup.tools.tagger.fingerprint)

    def test_no_face_takes_its_tags_along(self, client: TestClient, setup: ReviewSetup) -> None:
        judge(client, [waiting(client)[1]], "not_a_face")
        assert not (setup.folder / "b.png.txt").exists()
        assert [face["v"] for face in faces(client)].count("not_a_face") == 1

    def test_many_at_once_are_one_step(self, client: TestClient, setup: ReviewSetup) -> None:
        before = {path: path.read_bytes() for path in setup.folder.rglob("*.txt")}
        numbers = waiting(client)
        changes = judge(client, numbers, "named", "kagamine_rin")
        assert changes["undo"] == 1 and waiting(client) == []
        assert all("kagamine_rin" in path.read_text() for path in before)
        undone = client.post("/api/undo", json={}).json()
        assert undone["undo"] == 0 and sorted(waiting(client)) == sorted(numbers)
        assert {path: path.read_bytes() for path in setup.folder.rglob("*.txt")} == before
        assert client.post("/api/undo", json={}).json()["faces"] == []

    def test_a_change_of_mind(self, client: TestClient, setup: ReviewSetup) -> None:
        number = waiting(client)[1]
        judge(client, [number], "not_a_face")
        judge(client, [number], "named", "hatsune_miku")
        assert setup.caption("b.png")[0] == "hatsune_miku"
        assert "cirno" not in setup.caption("b.png")
        cleared = client.post("/api/clear", json={"faces": [number]}).json()
        assert cleared["faces"][0]["w"] and setup.journal.reviews.verdicts(setup.folder / "b.png") == ()
        assert setup.caption("b.png")[0] == "cirno"

    def test_a_new_name_becomes_a_candidate_for_look_alikes(self, client: TestClient) -> None:
        one, other, _ = waiting(client)
        client.get(f"/face/{one}.jpg"), client.get(f"/face/{other}.jpg")
        judge(client, [one], "named", "my_oc")
        first = client.get(f"/api/face/{other}").json()["candidates"][0]
        assert (first["tag"], first["source"], first["samples"]) == ("my_oc", "review", [one])

    def test_another_session_knows_what_was_said(self, client: TestClient, setup: ReviewSetup) -> None:
        judge(client, [waiting(client)[0]], "named", "my_oc")
        judge(client, [waiting(client)[1]], "not_a_face")
        again = setup.session()
        assert [head.verdict.kind for head in again.heads.values() if head.verdict] == ["named", "not_a_face"]
        assert sum(head.waits for head in again.heads.values()) == 1

    @pytest.mark.parametrize("after", [False, True], ids=["before writing", "after writing"])
    def test_a_kill_leaves_no_answered_picture_in_the_queue(
        self, setup: ReviewSetup, monkeypatch: pytest.MonkeyPatch, after: bool
    ) -> None:
        def killed(*args: Any) -> None:
            if after:
                rewrite(*args)
            raise KilledError

        session, picture = setup.session(), setup.folder / "b.png"
        (number,) = [
            head.id for head in session.heads.values() if head.waits and head.picture.path == picture
        ]
        assert picture in setup.journal.reviews.waiting()
        monkeypatch.setattr("booru_tagger.server.review.session.rewrite", killed)
        with pytest.raises(KilledError):
            session.decide([number], "named", "my_oc")
        assert picture not in setup.journal.reviews.waiting()
        setup.tag()
        assert "my_oc" in setup.caption("b.png"), "the next run writes what was not written yet"

    def test_what_a_person_took_out_stays_out(self, client: TestClient, setup: ReviewSetup) -> None:
        caption = setup.folder / "b.png.txt"
        caption.write_text(caption.read_text().replace("ice_wings, ", "").replace(", ice_wings", ""))
        judge(client, [waiting(client)[1]], "named", "cirno")
        assert "cirno" in setup.caption("b.png") and "ice_wings" not in setup.caption("b.png")


class TestPolicy:
    """What is written is always the policy applied to what was found and said: once, whoever writes."""

    POLICY = Policy(
        rename={"hatsune_miku": "miku", "miku": "singer", "1girl": "long_hair", "long_hair": "locks"},
        deny=("*_eyes",),
        prefix=("first",),
        suffix=("last",),
        order="score",
    )

    @pytest.fixture
    def setup(self, tmp_path: Path, tiny_bundle: Path) -> Iterator[ReviewSetup]:
        with self.open(tmp_path, tiny_bundle) as setup:
            paint_all(setup.folder, {"a.png": [Painted(20, 40, 80), unsure(180)]})
            setup.tag()
            yield setup

    def open(self, folder: Path, bundle: Path) -> AbstractContextManager[ReviewSetup]:
        scores = [0.9 if name in ("1girl", "long_hair", "aqua_hair") else 0.0 for name, _ in ROWS]
        wd = make_wd(folder / "wd", scores)
        return open_review_setup(folder, bundle, policy=self.POLICY, model=wd)

    def files(self, setup: ReviewSetup) -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in setup.folder.glob("a.png.*")}

    def test_a_verdict_on_one_face_leaves_the_names_of_the_others(
        self, client: TestClient, setup: ReviewSetup
    ) -> None:
        before = self.files(setup)
        assert {"miku", "long_hair", "locks"} <= set(setup.caption("a.png"))
        judge(client, waiting(client), "named", "my_oc")
        caption = setup.caption("a.png")
        assert {"miku", "my_oc", "vocaloid", "long_hair", "locks"} <= set(caption)
        assert "singer" not in caption and (caption[0], caption[-1]) == ("first", "last")
        client.post("/api/undo", json={})
        assert self.files(setup) == before

    def test_the_page_and_a_run_write_the_same(self, client: TestClient, setup: ReviewSetup) -> None:
        judge(client, waiting(client), "named", "kagamine_rin")
        said = self.files(setup)
        setup.tag(force=True)
        assert self.files(setup) == said

    def test_a_journal_of_before_holds_no_more_than_what_was_written(
        self, tmp_path: Path, tiny_bundle: Path, setup: ReviewSetup
    ) -> None:
        """So what was found is found once more, rather than guessed."""
        before = self.files(setup)
        setup.journal.close()
        age(setup.journal.path)
        with self.open(tmp_path, tiny_bundle) as again:
            session = again.session()
            numbers = [head.id for head in session.heads.values() if head.waits]
            assert session.decide(numbers, "named", "my_oc").failures == ()
            assert {"miku", "my_oc", "long_hair", "locks"} <= set(again.caption("a.png"))
            assert session.undo().failures == ()
            assert self.files(again) == before
            entry = again.journal.entry(again.folder / "a.png")
            assert entry is not None and entry.raw is not None
            assert entry.raw.fingerprint == again.tools.tagger.fingerprint


class TestDrawing:
    def test_a_face_that_was_missed_is_added_and_named(self, client: TestClient, setup: ReviewSetup) -> None:
        session = client.get("/api/session").json()
        number, known = session["pictures"][1][0], {face["id"] for face in session["faces"]}
        changes = client.post("/api/box", json={"picture": number, "box": [200, 20, 260, 80]}).json()
        (drawn,) = [face for face in changes["faces"] if face["id"] not in known]
        assert drawn["d"] and drawn["v"] == "unknown"
        judge(client, [drawn["id"]], "named", "hatsune_miku")
        assert "hatsune_miku" in setup.caption("b.png")
        setup.tag(character=0.55)
        assert "hatsune_miku" in setup.caption("b.png")
        gone = judge(client, [drawn["id"]], "not_a_face")
        assert gone["gone"] == [drawn["id"]] and "hatsune_miku" not in setup.caption("b.png")

    @pytest.mark.parametrize(
        ("box", "reason"),
        [
            ([60, 40, 140, 120], "already"),
            ([10, 10, 11, 11], "small"),
            ([900, 900, 990, 990], "outside"),
            ([1, 2, 3], "four numbers"),
            ([1, 2, 3, "4"], "four numbers"),
            ("all", "four numbers"),
        ],
    )
    def test_a_box_that_is_none_is_refused(self, client: TestClient, box: object, reason: str) -> None:
        number = client.get("/api/session").json()["pictures"][1][0]
        answer = client.post("/api/box", json={"picture": number, "box": box})
        assert answer.status_code == 409 and reason in answer.json()["error"]


class TestTrouble:
    def test_a_file_that_cannot_be_written_is_told_and_not_remembered(
        self, client: TestClient, setup: ReviewSetup
    ) -> None:
        (setup.folder / "b.png.txt").unlink()
        (setup.folder / "b.png.txt").mkdir()
        answer = client.post("/api/verdict", json={"faces": waiting(client), "kind": "unknown", "tag": ""})
        (failure,) = answer.json()["failures"]
        assert "b.png.txt" in failure
        assert setup.journal.reviews.verdicts(setup.folder / "b.png") == ()
        assert len(waiting(client)) == 1

    def test_a_picture_that_changed_is_left_alone(self, client: TestClient, setup: ReviewSetup) -> None:
        paint_all(setup.folder, {"b.png": [Painted(30, 30, 90)]})
        before = (setup.folder / "b.png.txt").read_bytes()
        answer = client.post("/api/verdict", json={"faces": waiting(client)[1:2], "kind": "unknown"}).json()
        assert "tag it again" in answer["failures"][0]
        assert (setup.folder / "b.png.txt").read_bytes() == before

    @pytest.mark.parametrize(
        "body",
        [
            {"faces": [1], "kind": "perhaps"},
            {"faces": [], "kind": "unknown"},
            {"faces": ["1"], "kind": "unknown"},
            {"faces": [True], "kind": "unknown"},
            {"kind": "unknown"},
            {"faces": [1], "kind": "named", "tag": ""},
            {"faces": [1], "kind": "named", "tag": "a,b"},
            {"faces": [1], "kind": "named", "tag": 3},
            [],
        ],
    )
    def test_what_makes_no_sense_is_refused(self, client: TestClient, body: object) -> None:
        assert client.post("/api/verdict", json=body).status_code == 409
        assert client.post("/api/verdict", json={"faces": [999], "kind": "unknown"}).status_code == 404


def cut(client: TestClient) -> None:
    """Have all faces cut out, so that they can be compared."""
    for face in faces(client):
        assert client.get(f"/face/{face['id']}.jpg").status_code == 200


class TestPortraits:
    def test_a_face_of_the_folder(self, client: TestClient) -> None:
        answer = client.get("/portrait?tag=hatsune_miku")
        assert answer.headers["content-type"] == "image/jpeg"

    @pytest.mark.parametrize("tag", ["kagamine_rin", "nobody_at_all", ""])
    def test_of_others_an_outline(self, client: TestClient, tag: str) -> None:
        answer = client.get("/portrait", params={"tag": tag})
        assert answer.status_code == 200 and answer.headers["content-type"] == "image/svg+xml"

    def test_a_face_that_somebody_was_enrolled_from(self, setup: ReviewSetup, tmp_path: Path) -> None:
        paint_all(tmp_path, {"elsewhere.png": [Painted(20, 40, 80), Painted(200, 40, 80, *SOMEBODY)]})
        networks = setup.tools.tagger.networks
        look = networks.look_at_faces((tmp_path / "elsewhere.png").read_bytes(), "elsewhere.png")
        (right,) = [
            answer for face, answer in zip(look.faces, look.answers, strict=True) if face.box.x0 > 160
        ]
        assert right.embedding is not None
        enrolled = Enrolled(Label("my_oc"), right.embedding[None], (str(tmp_path / "elsewhere.png"),))
        gallery = Gallery(setup.tools.tagger.bundle.recogniser_sha256 or "", [enrolled])
        tagger = Tagger(TaggerOptions(setup.tools.tagger.bundle.folder, gallery=gallery))
        session = setup.session()
        session.use(tagger)
        portraits = Portraits(session, FaceImages(session, setup.face_cache))
        jpeg = portraits.of("my_oc")
        assert jpeg is not None
        with Image.open(io.BytesIO(jpeg)) as image:
            red, green, blue = np.asarray(image)[int(image.height * 0.3), image.width // 2].tolist()
            assert red > 150 > max(green, blue), "her red hair, and not the other one's"
        (tmp_path / "elsewhere.png").unlink()
        assert Portraits(session, FaceImages(session, setup.face_cache)).of("my_oc") is None


SOMEBODY = ("stranger", "red", "red")
SOMEBODY_ELSE = ("stranger", "white", "blue")


class TestStrangers:
    @pytest.fixture
    def setup(self, setup: ReviewSetup) -> ReviewSetup:
        many = {f"{number}.png": [Painted(20, 40, 80, *SOMEBODY)] for number in range(3)}
        twice = {f"x{number}.png": [Painted(20, 40, 80, *SOMEBODY_ELSE)] for number in range(3)}
        small = {f"s{number}.png": [Painted(20, 40, 30, *SOMEBODY)] for number in range(2)}
        paint_all(setup.folder, many | twice)
        paint_all(setup.folder, small, (120, 90))
        setup.tag()
        return setup

    def groups(self, client: TestClient) -> list[list[dict[str, Any]]]:
        found: list[list[dict[str, Any]]] = client.get("/api/strangers").json()["groups"]
        return found

    def test_stand_together_the_most_frequent_first(self, client: TestClient) -> None:
        cut(client)
        assert [len(group) for group in self.groups(client)] == [4, 3]
        assert all(face["ticked"] for group in self.groups(client) for face in group)

    def test_who_has_a_name_is_none(self, client: TestClient) -> None:
        cut(client)
        judge(client, [face["id"] for face in self.groups(client)[0]], "named", "my_oc")
        assert [len(group) for group in self.groups(client)] == [3]

    def test_are_enrolled_and_looked_for_again(self, client: TestClient, setup: ReviewSetup) -> None:
        cut(client)
        group = [face["id"] for face in self.groups(client)[0]]
        judge(client, group[:3], "named", "my_oc")
        judge(client, waiting(client)[:1], "named", "another_oc")
        said = client.post("/api/teach", json={"tags": ["my_oc"], "confirm": True}).json()
        assert said["characters"] == {"my_oc": 3}
        client.post("/api/again", json={"tags": ["my_oc"]})
        until(lambda: not client.get("/api/progress").json()["again"]["running"], "the second look")
        again = client.get("/api/progress").json()["again"]
        assert again["failures"] == [] and again["named"] == 3, "the fourth, and the two small ones"
        assert {face["n"] for face in faces(client) if face["id"] in group} == {"my_oc"}
        assert sum("my_oc" in path.read_text() for path in setup.folder.rglob("*.png.txt")) == 6
        assert len(setup.journal.reviews.decided()) == 4, "what was found anew is no verdict"

    def test_two_people_under_one_name_are_asked_about(self, client: TestClient, setup: ReviewSetup) -> None:
        cut(client)
        judge(client, [face["id"] for group in self.groups(client) for face in group], "named", "my_oc")
        warned = client.post("/api/teach", json={}).json()
        assert "my_oc" in warned["warning"] and warned["characters"] == {}
        assert setup.tools.gallery is not None and not setup.tools.gallery.exists()
        done = client.post("/api/teach", json={"confirm": True}).json()
        assert not done["warning"] and done["characters"] == {"my_oc": 7}

    @pytest.mark.parametrize("tags", ["my_oc", [1], {"a": 1}])
    def test_names_that_are_none_are_refused(self, client: TestClient, tags: object) -> None:
        assert client.post("/api/teach", json={"tags": tags}).status_code == 409
        assert client.post("/api/again", json={"tags": tags}).status_code == 409


class TestTeaching:
    def test_new_names_go_into_the_gallery(self, client: TestClient, setup: ReviewSetup) -> None:
        assert client.post("/api/teach", json={}).status_code == 409, "nothing to learn yet"
        numbers = waiting(client)
        judge(client, numbers[:2], "named", "my_oc")
        changes = judge(client, numbers[2:], "named", "hatsune_miku")
        assert changes["teachable"] == {"my_oc": 2}
        path = setup.tools.gallery
        assert path is not None
        asked = client.post("/api/teach", json={}).json()
        assert "my_oc: only 2 of the pictures count" in asked["warning"] and asked["characters"] == {}
        assert not path.exists(), "nothing is learned before somebody says so"
        done = client.post("/api/teach", json={"confirm": True}).json()
        assert done["characters"] == {"my_oc": 2} and done["warning"] == ""
        again = client.post("/api/teach", json={}).json()
        assert again["characters"] == {"my_oc": 0} and again["warning"] == "", "each face once"
        assert client.post("/api/teach", json={"confirm": "yes"}).status_code == 409
        enrolled = load(path).find("my_oc")
        assert enrolled is not None and "blue_hair" in enrolled.label.implied
        paint_all(setup.folder, {"new.png": [unsure(100, shade=2)]})
        found = Tagger(TaggerOptions(setup.tools.tagger.bundle.folder, gallery=path)).tag(
            setup.folder / "new.png"
        )
        assert [face.character.tag for face in found.faces if face.character] == ["my_oc"]


class TestGuard:
    @pytest.fixture
    def stranger(self, setup: ReviewSetup) -> Iterator[TestClient]:
        with TestClient(
            make_app(setup.session(), setup.face_cache, port=PORT, key=KEY), base_url=BASE
        ) as client:
            yield client

    @pytest.mark.parametrize("path", ["/", "/?key=guess", "/?key=", "/api/session", "/page/main.js"])
    def test_without_the_key_there_is_nothing(self, stranger: TestClient, path: str) -> None:
        assert stranger.get(path).status_code == 403
        assert stranger.get(path, headers={"cookie": 'booru_tagger_review_8000="'}).status_code == 403

    @pytest.mark.parametrize(
        "host", ["evil.example", "127.0.0.1", "127.0.0.1:8001", "127.0.0.1.evil:8000", ""]
    )
    def test_another_host_is_refused(self, client: TestClient, host: str) -> None:
        assert client.get("/api/session", headers={"host": host}).status_code == 421

    def test_localhost_is_the_same(self, stranger: TestClient) -> None:
        answer = stranger.get(f"/?key={KEY}", headers={"host": f"localhost:{PORT}"}, follow_redirects=False)
        assert answer.status_code == 303
        cookie = answer.headers["set-cookie"].lower()
        assert "httponly" in cookie and "samesite=strict" in cookie

    @pytest.mark.parametrize(
        "headers",
        [
            {"origin": "http://evil.example"},
            {"origin": "null"},
            {"origin": f"http://127.0.0.1:{PORT + 1}"},
            {"sec-fetch-site": "cross-site"},
            {"sec-fetch-site": "same-site"},
        ],
    )
    def test_other_sites_change_nothing(self, client: TestClient, headers: dict[str, str]) -> None:
        answer = client.post("/api/undo", json={}, headers=headers)
        assert answer.status_code == 403

    def test_the_page_itself_may(self, client: TestClient) -> None:
        headers = {"origin": BASE, "sec-fetch-site": "same-origin"}
        assert client.post("/api/undo", json={}, headers=headers).status_code == 200

    def test_forms_and_large_bodies_are_refused(self, client: TestClient) -> None:
        assert client.post("/api/undo", data={"a": "b"}).status_code == 415
        json_type = {"content-type": "application/json"}
        assert client.post("/api/undo", content=b" " * 2_000_000, headers=json_type).status_code == 413
        assert client.post("/api/undo", content=iter([b"{}"]), headers=json_type).status_code == 411
        assert client.post("/api/undo", content=b"{", headers=json_type).status_code == 409
        assert client.get("/api/undo").status_code == 405


def test_verdicts_are_known_after_the_journal_is_opened_again(setup: ReviewSetup, tmp_path: Path) -> None:
    session = setup.session()
    number = next(head.id for head in session.heads.values() if head.waits)
    session.decide([number], "named", "my_oc")
    with Journal.open(tmp_path / "journal.sqlite3") as journal:
        assert [verdict.tag for _, verdicts in journal.reviews.decided() for verdict in verdicts] == ["my_oc"]
