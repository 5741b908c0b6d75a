"""Servers for a push to talk to, in this process and on loopback, with faults as they are wanted."""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest

from booru_tagger.boorus.http import Server


@dataclass
class Asked:
    """A request."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class AnswerError(Exception):
    """Ends a request with this status and body."""

    def __init__(self, status: int, body: object) -> None:
        super().__init__(status)
        self.status = status
        self.body = body


class Fake:
    """A server; subclasses answer. A fault is a status, with headers if need be, or what is done instead."""

    def __init__(self) -> None:
        self.log: list[Asked] = []
        self.faults: deque[int | tuple[int, dict[str, str]] | Callable[[Any], None]] = deque()
        self.before: Callable[[Asked], None] = lambda asked: None
        self._lock = threading.Lock()
        self.url = ""

    def answer(self, asked: Asked) -> object:
        raise NotImplementedError

    @contextmanager
    def running(self) -> Iterator[None]:
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def log_message(self, *_: object) -> None:
                pass

            def do_GET(self) -> None:
                fake.handle(self)

            do_POST = do_PUT = do_GET  # noqa: N815

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        self.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            server.server_close()
            thread.join()

    def handle(self, handler: BaseHTTPRequestHandler) -> None:
        parts = urlsplit(handler.path)
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        query = dict(parse_qsl(parts.query, strict_parsing=bool(parts.query)))
        asked = Asked(handler.command, unquote(parts.path), query, dict(handler.headers.items()), body)
        with self._lock:
            self.log.append(asked)
            fault = self.faults.popleft() if self.faults else None
        if callable(fault):
            fault(handler)
            return
        if fault is not None:
            status, headers = fault if isinstance(fault, tuple) else (fault, {})
            _send(handler, status, b"out of order", headers)
            return
        self.before(asked)
        with self._lock:
            try:
                answer, status = self.answer(asked), 200
            except AnswerError as error:
                answer, status = error.body, error.status
        _send(handler, status, answer if isinstance(answer, bytes) else json.dumps(answer).encode(), {})


def _send(handler: BaseHTTPRequestHandler, status: int, body: bytes, headers: dict[str, str]) -> None:
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name, value)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def drop(handler: Any) -> None:
    """Hang up without a word."""
    handler.close_connection = True
    handler.connection.close()


def silence(handler: Any) -> None:
    """Say nothing until the client hangs up."""
    handler.rfile.read(1)
    drop(handler)


class KilledError(BaseException):
    """Stands for kill -9."""


@contextmanager
def killing(number: int, *, after: bool) -> Iterator[None]:
    """The program dies right before, or after, it sends something for the ``number``-th time."""
    real: Callable[..., Any] = Server._once
    left = [number]

    def once(server: Server, method: str, *rest: Any) -> Any:
        left[0] -= method != "GET"
        if left[0] or method == "GET":
            return real(server, method, *rest)
        if after:
            real(server, method, *rest)
        raise KilledError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Server, "_once", once)
        yield
