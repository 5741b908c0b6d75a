"""The real server over a real socket: clients who dawdle, clients who go away, and its end."""

from __future__ import annotations

import io
import signal
import socket
import threading
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

import pytest

pytest.importorskip("uvicorn", reason="the server needs the extra [web]")

from starlette.applications import Starlette

from booru_tagger.server.tagging import uvicorn_setup
from tests.support.bundles import Painted, paint
from tests.support.command import TIMEOUT, Home, make_home
from tests.support.serving import running

BOUNDARY = "limit-of-parts"


@pytest.fixture
def home(tmp_path: Path, tiny_bundle: Path) -> Home:
    return make_home(tmp_path / "home", BOORU_TAGGER_MODEL=str(tiny_bundle))


def form() -> bytes:
    stream = io.BytesIO()
    paint([Painted(40, 40, 120)], (256, 256)).save(stream, "PNG")
    head = 'Content-Disposition: form-data; name="file"; filename="a.png"\r\nContent-Type: image/png'
    fields = 'Content-Disposition: form-data; name="format"\r\n\r\njson'
    start = f"--{BOUNDARY}\r\n{fields}\r\n--{BOUNDARY}\r\n{head}\r\n\r\n".encode()
    return start + stream.getvalue() + f"\r\n--{BOUNDARY}--\r\n".encode()


def evaluate(address: str) -> str:
    kind = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    with urllib.request.urlopen(urllib.request.Request(f"{address}/evaluate", form(), kind)) as answer:
        text: str = answer.read().decode()
    return text


def connected(address: str) -> socket.socket:
    parts = urlsplit(address)
    assert parts.hostname and parts.port
    return socket.create_connection((parts.hostname, parts.port), timeout=TIMEOUT)


def test_a_picture_is_tagged_and_the_end_is_clean(home: Home) -> None:
    with running(home) as (address, process):
        assert '"filename":"a.png"' in evaluate(address)
        process.send_signal(signal.SIGTERM)
        assert process.wait(TIMEOUT) in (0, -signal.SIGTERM)


def test_the_access_log_is_on_standard_error_where_it_is_wanted(home: Home) -> None:
    with running(home, "--access-log") as (address, process):
        evaluate(address)
        assert process.stderr is not None
        assert b'"POST /evaluate HTTP/1.1" 200 ' in process.stderr.readline()


def test_nobody_is_suggested_whom_the_user_denies(home: Home) -> None:
    with running(home) as (address, _):
        assert '"hatsune_miku"' in evaluate(address)
    with running(home, "--deny", "hatsune_*") as (address, _):
        assert '"hatsune_miku"' not in evaluate(address)
    with running(home, "--rename", "hatsune_miku=miku") as (address, _):
        assert '"miku"' in (answer := evaluate(address)) and '"hatsune_miku"' not in answer


def test_a_request_that_does_not_go_on_is_given_up(home: Home) -> None:
    with running(home, "--answer-timeout", "1") as (address, _), connected(address) as slow:
        slow.sendall(b"POST /v1/tag HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\n")
        slow.sendall(b"Content-Length: 1000\r\n\r\nabc")
        assert b"408" in slow.recv(1000).split(b"\r\n")[0]
        with urllib.request.urlopen(f"{address}/healthz") as others:
            assert others.status == 200


def test_a_huge_body_is_refused_before_it_is_sent(home: Home) -> None:
    with running(home) as (address, _), connected(address) as client:
        client.sendall(b"POST /evaluate HTTP/1.1\r\nHost: here\r\nContent-Length: 1000000000\r\n\r\n")
        assert b"413" in client.recv(1000).split(b"\r\n")[0]


def test_who_does_not_get_through_with_a_head_is_hung_up_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(uvicorn_setup, "HEADER_SECONDS", 0.2)
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn_setup.make_server(Starlette(), 1)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    with socket.create_connection(listener.getsockname()[:2], timeout=TIMEOUT) as slow:
        slow.sendall(b"GET / HTTP/1.1\r\nHo")
        assert slow.recv(100) == b"", "the connection must be closed"
    monkeypatch.setattr(uvicorn_setup, "HEADER_SECONDS", TIMEOUT)
    with socket.create_connection(listener.getsockname()[:2], timeout=TIMEOUT) as quick:
        for _ in range(2):  # the next request of a connection has its own time
            quick.sendall(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
            answer = b""
            while not answer.endswith(b"Not Found"):
                answer += quick.recv(1000)
            assert b"404" in answer
    server.should_exit = True
    thread.join(TIMEOUT)
    assert not thread.is_alive()


def test_other_computers_are_let_in_with_a_token_only(home: Home) -> None:
    ended = home.run("serve", "--host", "0.0.0.0", "--port", "1")
    assert ended.code == 5 and "set a --token" in ended.err


def test_a_port_that_is_taken_is_named(home: Home) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ended = home.run("serve", "--port", port)
    assert ended.code == 7 and f"127.0.0.1:{port}: cannot be listened on" in ended.err
