"""The tagging server's addresses: three protocols, and what they refuse."""

from __future__ import annotations

import base64
import re
import threading
from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("starlette", reason="the server needs the extra [web]")
pytest.importorskip("httpx", reason="Starlette's test client needs httpx")

from starlette.testclient import TestClient

from booru_tagger.server.tagging import RequestLimits, make_app
from booru_tagger.types import TagResult
from tests.support.serving import MODEL, Stub, picture

BOUNDS = RequestLimits(body=100_000, files=3, jobs=1, waiting=2, seconds=5)


@pytest.fixture
def stub() -> Stub:
    return Stub()


@pytest.fixture
def client(stub: Stub) -> Iterator[TestClient]:
    with TestClient(make_app(stub.tag, BOUNDS, model=MODEL)) as client:
        yield client


def send(client: TestClient, place: str = "/evaluate", name: str = "a.png", **fields: str) -> Any:
    return client.post(place, files={"file": (name, picture())}, data=fields)


def test_a_client_of_danbooru_gets_what_it_expects(client: TestClient) -> None:
    # It posts the file with these fields, takes the first item's tags and pairs them with their scores.
    answer = send(client, threshold="0.01", limit="50", format="json")
    assert answer.status_code == 200
    tags = answer.json()[0]["tags"]
    assert tags == {"hatsune_miku": 0.9, "aqua_hair": 0.8, "rating:s": 0.7, "akiyama_mio": 0.05}
    assert list(tags.values()) == sorted(tags.values(), reverse=True)


def test_threshold_and_limit_choose_tags_and_have_defaults(client: TestClient) -> None:
    assert list(send(client, format="json").json()[0]["tags"]) == ["hatsune_miku", "aqua_hair", "rating:s"]
    assert list(send(client, format="json", limit="1").json()[0]["tags"]) == ["hatsune_miku"]
    assert send(client, format="json", threshold="0.95").json() == [{"filename": "a.png", "tags": {}}]


def test_several_files_are_answered_in_their_order(client: TestClient) -> None:
    files = [("file", (f"{number}.png", picture())) for number in range(3)]
    answer = client.post("/evaluate", files=files, data={"format": "json"})
    assert [item["filename"] for item in answer.json()] == ["0.png", "1.png", "2.png"]


def test_people_get_a_page(client: TestClient) -> None:
    page = client.get("/")
    assert page.status_code == 200 and "<form" in page.text
    answer = send(client, name="<b>.png")
    assert "text/html" in answer.headers["content-type"]
    assert "hatsune_miku" in answer.text and "<b>" not in answer.text and "&lt;b&gt;.png" in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"threshold": "high"}, "threshold: must be a number from 0 to 1"),
        ({"threshold": "nan"}, "threshold: must be a number from 0 to 1"),
        ({"limit": "-1"}, "limit: must be a number"),
        ({"format": "xml"}, "format: must be json or html"),
    ],
)
def test_wishes_that_make_no_sense_are_refused(
    client: TestClient, fields: dict[str, str], complaint: str
) -> None:
    answer = send(client, **fields)
    assert answer.status_code == 400 and complaint in answer.json()["message"]


def test_a_request_without_a_picture_is_refused(client: TestClient, stub: Stub) -> None:
    for options in ({"data": {"format": "json"}}, {"content": b"junk"}, {"data": {"file": "/etc/passwd"}}):
        answer = client.post("/evaluate", **options)
        assert answer.status_code == 400, options
        assert "no picture" in answer.json()["message"] or "not a form" in answer.json()["message"]
    assert stub.asked == []


def test_a_damaged_picture_is_told(client: TestClient) -> None:
    answer = client.post("/evaluate", files={"file": ("a.png", b"no picture")}, data={"format": "json"})
    assert answer.status_code == 422
    assert answer.json() == {"error": "damaged", "message": "a.png: no picture"}
    mixed = [("file", ("a.png", b"junk")), ("file", ("b.png", picture()))]
    both = client.post("/v1/tag", files=mixed).json()
    assert [item["error"] and item["error"]["kind"] for item in both] == ["damaged", None]


def test_a_fault_of_ours_is_told_and_spoils_no_other_picture(stub: Stub) -> None:
    def tag(data: bytes, name: str) -> TagResult:
        if name == "a.png":
            raise ZeroDivisionError("oops")
        return stub.tag(data, name)

    with TestClient(make_app(tag, BOUNDS, model=MODEL)) as client:
        assert send(client, format="json").status_code == 500
        both = [("file", (name, picture())) for name in ("a.png", "b.png")]
        told = client.post("/v1/tag", files=both).json()
    assert [item["error"] and item["error"]["kind"] for item in told] == ["error", None]


@pytest.mark.parametrize(
    ("sent", "told"),
    [("../../etc/passwd", "passwd"), ("C:\\windows\\a.png", "a.png"), ("a\u202eb.png", "ab.png")],
)
def test_names_are_bare_and_never_paths(client: TestClient, stub: Stub, sent: str, told: str) -> None:
    assert send(client, name=sent).status_code == 200
    assert stub.asked == [told]


def test_the_stable_json_is_answered_to_forms_and_to_json(client: TestClient) -> None:
    by_form = send(client, "/v1/tag").json()
    assert by_form[0]["schema"] == 1 and by_form[0]["faces"][0]["box"] == [1, 2, 30, 40]
    encoded = base64.b64encode(picture()).decode()
    by_json = client.post("/v1/tag", json={"image": encoded}).json()
    assert by_json[0]["faces"] == by_form[0]["faces"]


def test_a_client_of_the_webui_tagger_gets_what_it_expects(client: TestClient) -> None:
    assert client.get("/tagger/v1/interrogators").json() == {"models": [MODEL]}
    encoded = base64.b64encode(picture()).decode()
    body = {"image": encoded, "model": MODEL, "threshold": 0.1, "queue": "", "name_in_queue": ""}
    caption = client.post("/tagger/v1/interrogate", json=body).json()["caption"]
    ratings = {"general": 0.0, "sensitive": 0.7, "questionable": 0.0, "explicit": 0.0}
    assert caption == {"rating": ratings, "tag": {"hatsune_miku": 0.9, "aqua_hair": 0.8}}
    url = {"image": f"data:image/png;base64,{encoded}"}
    assert client.post("/tagger/v1/interrogate", json=url).status_code == 200
    assert client.post("/tagger/v1/interrogate", json={**body, "model": "other"}).status_code == 404
    assert isinstance(client.post("/tagger/v1/unload-interrogators").json(), str)


@pytest.mark.parametrize(
    "image", ["http://127.0.0.1/a.png", "file:///etc/passwd", "/etc/passwd", "", 7, None]
)
def test_addresses_and_paths_are_never_opened(client: TestClient, stub: Stub, image: object) -> None:
    answer = client.post("/tagger/v1/interrogate", json={"image": image})
    # "/etc/passwd" happens to be base64 of a few bytes, which are no picture
    assert answer.status_code in (400, 422)
    assert client.post("/tagger/v1/interrogate", content=b"[" * 100_000).status_code == 400


def test_large_requests_end_at_the_bound(client: TestClient, stub: Stub) -> None:
    large = client.post("/evaluate", files={"file": ("a.png", bytes(200_000))})
    assert large.status_code == 413 and "0.1 MB at most" in large.json()["message"]

    def pieces() -> Iterator[bytes]:  # without a length in front
        for _ in range(200):
            yield bytes(1_000)

    kind = {"Content-Type": "application/json"}
    assert client.post("/tagger/v1/interrogate", content=pieces(), headers=kind).status_code == 413
    assert stub.asked == []


@pytest.mark.parametrize("count", [4, 5, 20])
def test_more_pictures_than_the_bound_are_too_large_a_request(
    client: TestClient, stub: Stub, count: int
) -> None:
    files = [("file", (f"{number}.png", picture())) for number in range(count)]
    for place in ("/evaluate", "/v1/tag"):
        answer = client.post(place, files=files)
        assert answer.status_code == 413
        assert answer.json()["message"] == "a request may have 3 pictures at most"
    assert stub.asked == []
    assert client.post("/evaluate", files=files[:3]).status_code == 200


def test_only_so_many_pictures_wait(client: TestClient, stub: Stub) -> None:
    stub.gate.clear()
    answers: list[Any] = []
    threads = [threading.Thread(target=lambda: answers.append(send(client, format="json"))) for _ in range(3)]
    for thread in threads:
        thread.start()
    while "booru_tagger_pictures_held 3" not in client.get("/metrics").text:
        pass
    refused = send(client, format="json")
    assert refused.status_code == 503 and int(refused.headers["retry-after"]) >= 1
    assert refused.json()["error"] == "busy"
    stub.gate.set()
    for thread in threads:
        thread.join()
    assert [answer.status_code for answer in answers] == [200] * 3
    assert send(client).status_code == 200


def test_an_answer_that_takes_too_long_is_given_up(stub: Stub) -> None:
    stub.gate.clear()
    with TestClient(make_app(stub.tag, RequestLimits(seconds=0.2), model=MODEL)) as client:
        late = send(client, format="json")
        assert late.status_code == 503 and late.json()["error"] == "late"
        stub.gate.set()


def test_a_token_is_asked_for_where_there_is_one(stub: Stub) -> None:
    with TestClient(make_app(stub.tag, BOUNDS, model=MODEL, token="sesame")) as client:
        assert client.get("/healthz").status_code == 200
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic ???"}):
            refused = client.post("/evaluate", files={"file": ("a.png", picture())}, headers=headers)
            assert refused.status_code == 401
            assert "Basic" in refused.headers["www-authenticate"]
        assert stub.asked == []
        assert client.get("/", headers={"Authorization": "Bearer sesame"}).status_code == 200
        assert client.get("/", auth=("anybody", "sesame")).status_code == 200


def test_counts_are_told_to_prometheus(client: TestClient) -> None:
    send(client)
    client.post("/evaluate", files={"file": ("a.png", b"junk")})
    client.get("/nowhere/else")
    text = client.get("/metrics").text
    assert 'booru_tagger_requests_total{path="/evaluate",status="200"} 1' in text
    assert 'booru_tagger_requests_total{path="/evaluate",status="422"} 1' in text
    assert 'booru_tagger_requests_total{path="other",status="404"} 1' in text
    assert 'booru_tagger_pictures_total{outcome="failed"} 1' in text
    assert 'booru_tagger_request_seconds_bucket{le="+Inf"} 3' in text


def test_every_address_is_described(client: TestClient) -> None:
    described = client.get("/openapi.json").json()
    app: Any = client.app
    assert set(described["paths"]) == {route.path for route in app.routes}
    for place, operations in described["paths"].items():
        for method in operations:
            assert client.request(method, place).status_code != 405, (method, place)


def test_each_request_leaves_a_line_that_tools_for_web_servers_read(stub: Stub) -> None:
    lines: list[str] = []
    with TestClient(make_app(stub.tag, BOUNDS, model=MODEL, token="sesame", log=lines.append)) as client:
        client.get("/healthz")
        client.get("/")
        client.get('/"%0a\\x?token=sesame', headers={"Authorization": "Bearer sesame"})
        answer = send_with(client, "Bearer sesame")
    common = re.compile(r'(\S+) - - \[[^\]]+ \+0000\] "([^"\\\n]*)" (\d{3}) (\d+) \d+\.\d{3}')
    parts = [match.groups() for line in lines if (match := common.fullmatch(line))]
    assert len(parts) == len(lines) == 3, lines
    assert [part[2] for part in parts] == ["401", "404", "200"]
    assert parts[2][1] == "POST /evaluate HTTP/1.1" and parts[2][3] == str(len(answer.content))
    assert "sesame" not in "".join(lines)


def send_with(client: TestClient, authorization: str) -> Any:
    files = {"file": ("a.png", picture())}
    return client.post("/evaluate", files=files, headers={"Authorization": authorization})
