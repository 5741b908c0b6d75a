"""A model hub on this machine: the few answers of the real one that pulling a model needs."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"
_API = re.compile(r"/api/models/([^/]+/[^/]+)(?:/revision/([^/]+))?")
_FILE = re.compile(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)")


@dataclass
class Repository:
    """Files by path. ``large`` ones are stored as the hub stores networks: hashed by SHA-256, on a CDN."""

    files: dict[str, bytes]
    commit: str = COMMIT
    revisions: set[str] = field(default_factory=lambda: {"main", "v1.0"})
    licence: str | None = "apache-2.0"
    large: tuple[str, ...] = (".onnx",)


@dataclass
class FakeHub:
    """``cut`` breaks the connection after so many bytes of a file, once; ``damaged`` files arrive changed;
    ``refused`` maps a path's beginning to a status. ``asked`` are the requests, with their ranges."""

    address: str = ""
    repositories: dict[str, Repository] = field(default_factory=dict)
    cut: dict[str, int] = field(default_factory=dict)
    damaged: set[str] = field(default_factory=set)
    refused: dict[str, int] = field(default_factory=dict)
    ranges: bool = True
    asked: list[tuple[str, str]] = field(default_factory=list)

    def downloads(self) -> list[tuple[str, str]]:
        return [(path.rpartition("/")[2], span) for path, span in self.asked if path.startswith("/cdn/")]


def described(name: str, data: bytes, large: bool) -> dict[str, Any]:
    """A file as the hub's API tells of it."""
    blob = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
    item: dict[str, Any] = {"rfilename": name, "size": len(data), "blobId": blob}
    if large:
        digest = hashlib.sha256(data).hexdigest()
        item["lfs"] = {"sha256": digest, "size": len(data), "pointerSize": 134}
    return item


@contextmanager
def running(repositories: Mapping[str, Repository]) -> Iterator[FakeHub]:
    """Serve the repositories on the loopback interface."""
    hub = FakeHub(repositories=dict(repositories))

    class Handler(_Handler):
        state = hub

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    state: FakeHub

    def log_message(self, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.state.asked.append((path, self.headers.get("Range", "")))
        for start, status in self.state.refused.items():
            if path.startswith(start):
                self._answer(status, b"{}", "application/json")
                return
        if match := _API.fullmatch(path):
            self._describe(match[1], match[2] or "main")
        elif match := _FILE.fullmatch(path):
            self._redirect(f"/cdn/{match[1]}/{match[2]}/{match[3]}")
        elif path.startswith("/cdn/"):
            _, _, owner, name, commit, file = path.split("/", 5)
            self._send(f"{owner}/{name}", commit, file)
        else:
            self._answer(404, b"{}", "application/json")

    def _describe(self, name: str, revision: str) -> None:
        repository = self.state.repositories.get(name)
        if repository is None or revision not in {*repository.revisions, repository.commit}:
            code = "RepoNotFound" if repository is None else "RevisionNotFound"
            self._answer(404, b"{}", "application/json", {"X-Error-Code": code})
            return
        siblings = [
            described(path, data, path.endswith(repository.large)) for path, data in repository.files.items()
        ]
        card = {"license": repository.licence} if repository.licence else {}
        body = {"id": name, "sha": repository.commit, "siblings": siblings, "cardData": card, "tags": []}
        self._answer(200, json.dumps(body).encode(), "application/json")

    def _redirect(self, place: str) -> None:
        self._answer(302, b"", "text/plain", {"Location": place})

    def _send(self, name: str, commit: str, file: str) -> None:
        repository = self.state.repositories[name]
        assert commit == repository.commit
        data = repository.files[file]
        if file in self.state.damaged:
            data = data[:-1] + bytes([data[-1] ^ 1])
        start, status = 0, 200
        if self.state.ranges and (match := re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))):
            start, status = int(match[1]), 206
        rest = data[start:]
        self.send_response(status)
        self.send_header("Content-Length", str(len(rest)))
        self.end_headers()
        cut = self.state.cut.pop(file, None)
        self.wfile.write(rest if cut is None else rest[: cut - start])
        self.close_connection = True

    def _answer(self, status: int, body: bytes, kind: str, headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for key, value in (headers or {}).items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(body)
