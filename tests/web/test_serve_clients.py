"""What other programs send, byte by byte as they do, and what they read of the answer."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("starlette", reason="the server needs the extra [web]")
pytest.importorskip("httpx", reason="Starlette's test client needs httpx")

from starlette.testclient import TestClient

from booru_tagger.server.tagging import RequestLimits, make_app
from booru_tagger.server.tagging.answers import scores
from booru_tagger.types import Box, CharacterMatch, FaceResult, ScoredTag, Tag, TagResult
from tests.support.serving import MODEL, Stub, picture

RATINGS = ["general", "sensitive", "questionable", "explicit"]


@pytest.fixture
def client() -> Iterator[TestClient]:
    with TestClient(make_app(Stub().tag, RequestLimits(), model=MODEL)) as client:
        yield client


def test_danbooru(client: TestClient) -> None:
    """AutotaggerClient: the file under its name on disk, as a stream of bytes; no limit is sent."""
    mark = b"---------------------f00"
    parts = [
        b'Content-Disposition: form-data; name="file"; filename="a1b2c3.jpg"\r\n'
        b"Content-Type: application/octet-stream\r\n\r\n" + picture(),
        b'Content-Disposition: form-data; name="threshold"\r\n\r\n0.01',
        b'Content-Disposition: form-data; name="format"\r\n\r\njson',
    ]
    body = b"".join(b"--%s\r\n%s\r\n" % (mark, part) for part in parts) + b"--%s--\r\n" % mark
    headers = {"Content-Type": f"multipart/form-data; boundary={mark.decode()}"}
    answer = client.post("/evaluate", content=body, headers=headers)
    assert answer.status_code == 200
    tags = answer.json()[0]["tags"]  # response.parse.first["tags"]
    assert all(0 <= round(100 * score) <= 100 for score in tags.values())
    assert tags == {"hatsune_miku": 0.9, "aqua_hair": 0.8, "rating:s": 0.7, "akiyama_mio": 0.05}


@pytest.mark.parametrize(
    "more",
    [
        {"threshold": 0.35, "model": MODEL},  # the first version, and most bots
        {"threshold": 0.35, "model": MODEL, "queue": "", "name_in_queue": ""},  # picobyte's
        {"threshold": 0, "model": ""},
    ],
)
def test_clients_of_the_webui_extension(client: TestClient, more: dict[str, Any]) -> None:
    body = {"image": base64.b64encode(picture()).decode(), **more}
    answer = client.post("/tagger/v1/interrogate", json=body)
    assert answer.status_code == 200
    caption = answer.json()["caption"]
    assert list(caption) == ["rating", "tag"]
    assert all(caption["tag"][name] >= more["threshold"] for name in caption["tag"])
    assert [caption["rating"][name] for name in RATINGS] == [0.0, 0.7, 0.0, 0.0]


def test_shimmie2(client: TestClient) -> None:
    """Automatic1111Tagger: takes the best of the ratings, and every name under ``tag``."""
    body = {"image": base64.b64encode(picture()).decode(), "model": MODEL, "threshold": 0.5}
    caption = client.post("/tagger/v1/interrogate", json=body).json()["caption"]
    assert max(caption["rating"], key=caption["rating"].__getitem__) == "sensitive"
    assert set(caption["rating"]) == set(RATINGS)
    assert set(caption["tag"]) == {"hatsune_miku", "aqua_hair"}


def test_shimmie2_is_given_no_rating_where_none_is_known() -> None:
    def unrated(data: bytes, name: str) -> TagResult:
        return TagResult(name, 64, 48, model=MODEL)

    with TestClient(make_app(unrated, RequestLimits(), model=MODEL)) as client:
        body = {"image": base64.b64encode(picture()).decode()}
        caption = client.post("/tagger/v1/interrogate", json=body).json()["caption"]
        assert caption == {"rating": {}, "tag": {}}


@pytest.mark.parametrize("place", ["/tagger/v1/interrogate", "/v1/tag"])
def test_every_spelling_of_base64_is_taken(client: TestClient, place: str) -> None:
    data = next(data for n in range(1, 99) if base64.b64encode(data := picture((n, 9))).endswith(b"="))
    for text in (
        base64.b64encode(data).decode(),
        base64.b64encode(data).decode().rstrip("="),
        base64.urlsafe_b64encode(data).decode(),
        base64.urlsafe_b64encode(data).decode().rstrip("="),
        "DATA:image/png;base64," + base64.encodebytes(data).decode(),
    ):
        answer = client.post(place, json={"image": text})
        assert answer.status_code == 200, text
    for text in ("a", "abcde", "ab=cd", "ab!d"):
        assert client.post(place, json={"image": text}).status_code == 400, text


def face(who: CharacterMatch | None, *candidates: tuple[str, float]) -> FaceResult:
    return FaceResult(Box(0, 0, 9, 9), 0.9, who, tuple(ScoredTag(*one) for one in candidates))


@pytest.mark.parametrize(
    ("one", "winner", "best"),
    [
        (face(CharacterMatch("miku", 0.97), ("miku", 0.97), ("stranger", 0.9), ("mio", 0.01)), "miku", 0.97),
        (face(CharacterMatch("miku", 0.9), ("stranger", 0.95), ("miku", 0.9)), "miku", 0.9),
        (face(CharacterMatch("mine", 0.8, "gallery"), ("mine", 0.8), ("miku", 0.7), ("b", 0.6)), "mine", 0.8),
        (face(CharacterMatch("miku", 0.97), ("renamed", 0.97), ("stranger", 0.9)), "renamed", 0.97),
        (face(None, ("a", 0.6), ("b", 0.59), ("c", 0.58)), "a", 0.6),
        (face(CharacterMatch("miku", 1.0), ("miku", 1.0), ("b", 0.5)), "miku", 1.0),
    ],
)
def test_scores_of_one_face_share_one_whole(one: FaceResult, winner: str, best: float) -> None:
    tags = (Tag(one.character.tag, "character", one.character.score, "model"),) if one.character else ()
    renamed = winner == "renamed"
    found = scores(TagResult("a", 9, 9, (one,), () if renamed else tags))
    assert found[winner] == best
    assert sum(found.values()) <= 1
    assert set(found) == {candidate.tag for candidate in one.candidates}


def test_scores_that_share_one_whole_already_are_as_found() -> None:
    one = face(None, ("a", 0.5), ("b", 0.2), ("c", 0.0))
    assert scores(TagResult("a", 9, 9, (one,))) == {"a": 0.5, "b": 0.2, "c": 0.0}


def test_a_name_wanted_no_more_leaves_nothing_to_strangers() -> None:
    one = face(CharacterMatch("denied", 0.97), ("stranger", 0.9))
    assert scores(TagResult("a", 9, 9, (one,)))["stranger"] <= 0.03
