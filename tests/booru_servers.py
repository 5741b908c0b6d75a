"""hydrus and szurubooru as far as a push sees them: in this process, on loopback, strict about the protocol.

What the documents do not allow is refused as the real ones refuse it. ``faults`` makes the next answers fail,
``log`` is what was asked.
"""

from __future__ import annotations

import base64
import hashlib
import json
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest

from booru_tagger.boorus.http import Server

KEY = "ab" * 32
MY_TAGS, REPOSITORY, MY_FILES = "6c6f63616c2074616773", "37e3849b", "6c6f63616c2066696c6573"


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


def dawdle(seconds: float) -> Callable[[Any], None]:
    """Answer too late."""

    def fault(handler: Any) -> None:
        time.sleep(seconds)
        drop(handler)

    return fault


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


class FakeHydrus(Fake):
    """``files`` are contents by hash; ``current`` and ``deleted`` the tags of each, by service."""

    def __init__(self) -> None:
        super().__init__()
        self.files: dict[str, bytes] = {}
        self.mimes: dict[str, str] = {}
        self.permissions = [2, 3]
        self.current: dict[tuple[str, str], list[str]] = {}
        self.deleted: dict[tuple[str, str], set[str]] = {}
        self.pending: dict[tuple[str, str], list[str]] = {}

    def put(self, content: bytes, mime: str = "image/png") -> str:
        name = hashlib.sha256(content).hexdigest()
        self.files[name], self.mimes[name] = content, mime
        return name

    def answer(self, asked: Asked) -> object:
        key = asked.headers.get("Hydrus-Client-API-Access-Key")
        if key is None:
            raise AnswerError(401, {"error": "no access key"})
        if key != KEY:
            raise AnswerError(403, {"error": f"Did not find an entry for access key {key}!"})
        routes: dict[tuple[str, str], Callable[[Asked], object]] = {
            ("GET", "/verify_access_key"): self._verify,
            ("GET", "/get_services"): self._services,
            ("GET", "/get_files/search_files"): self._search,
            ("GET", "/get_files/file_metadata"): self._metadata,
            ("GET", "/get_files/file"): self._file,
            ("POST", "/add_tags/add_tags"): self._add,
        }
        if (asked.method, asked.path) not in routes:
            raise AnswerError(404, {"error": "no such request"})
        return routes[asked.method, asked.path](asked)

    def _verify(self, asked: Asked) -> object:
        return {"name": "test", "permits_everything": False, "basic_permissions": self.permissions}

    def _services(self, asked: Asked) -> object:
        rows = (
            (MY_TAGS, "my tags", 5, "local tag service"),
            (REPOSITORY, "public tag repo", 0, "hydrus tag repository"),
            (MY_FILES, "my files", 2, "local file domain"),
        )
        return {"services": {key: {"name": n, "type": t, "type_pretty": p} for key, n, t, p in rows}}

    def _need(self, permission: int) -> None:
        if permission not in self.permissions:
            raise AnswerError(403, {"error": "insufficient permission"})

    def _search(self, asked: Asked) -> object:
        self._need(3)
        predicates = json.loads(asked.query["tags"])
        found = list(self.files)
        for predicate in predicates:
            if not predicate.startswith("system:"):
                found = [name for name in found if predicate in self.current.get((name, MY_TAGS), [])]
        answer: dict[str, object] = {}
        if asked.query.get("return_file_ids", "true") == "true":
            answer["file_ids"] = list(range(len(found)))
        if asked.query.get("return_hashes", "false") == "true":
            answer["hashes"] = found
        return answer

    def _metadata(self, asked: Asked) -> object:
        self._need(3)
        rows = []
        for name in json.loads(asked.query["hashes"]):
            if name not in self.files:
                raise AnswerError(404, {"error": "no such file"})
            rows.append({"hash": name, "mime": self.mimes[name], "size": len(self.files[name])})
        return {"metadata": rows, "services": {}}

    def _file(self, asked: Asked) -> object:
        self._need(3)
        if asked.query["hash"] not in self.files:
            raise AnswerError(404, {"error": "no such file"})
        return self.files[asked.query["hash"]]

    def _add(self, asked: Asked) -> object:
        self._need(2)
        if asked.headers.get("Content-Type") != "application/json":
            raise AnswerError(400, {"error": "not JSON"})
        data = asked.json()
        overrides = data.get("override_previously_deleted_mappings", True)
        for service, actions in data["service_keys_to_actions_to_tags"].items():
            for action, tags in actions.items():
                if (service, action) not in ((MY_TAGS, "0"), (REPOSITORY, "2")):
                    raise AnswerError(400, {"error": f"no action {action} for {service}"})
                for name in data["hashes"]:
                    self._give(name, service, tags, overrides)
        return b""

    def _give(self, name: str, service: str, tags: list[str], overrides: bool) -> None:
        place = (name, service)
        into = self.current if service == MY_TAGS else self.pending
        for tag in tags:
            if tag in self.deleted.get(place, ()) and not overrides:
                continue
            self.deleted.get(place, set()).discard(tag)
            if tag not in into.setdefault(place, []):
                into[place].append(tag)


@dataclass
class FakePost:
    content: bytes
    tags: list[str]
    safety: str
    version: int = 1
    relations: list[int] = field(default_factory=list)
    type: str = "image"


class FakeSzurubooru(Fake):
    """``tags`` are (names, category) by first name; the API is below /api, files below /data."""

    def __init__(self) -> None:
        super().__init__()
        self.categories = ["default"]
        self.tags: dict[str, tuple[list[str], str]] = {}
        self.posts: dict[int, FakePost] = {}
        self.similar: dict[str, list[tuple[int, float]]] = {}
        self.uploads: dict[str, bytes] = {}
        self.is_moderator = True
        self.logins = {"Token " + _b64("bot:t0ken"), "Basic " + _b64("bot:passw0rd")}

    def post(self, content: bytes, tags: list[str], safety: str = "safe", **more: Any) -> int:
        number = max(self.posts, default=0) + 1
        self.posts[number] = FakePost(content, [self._first(tag) for tag in tags], safety, **more)
        return number

    def clear(self) -> None:
        """As a new site is."""
        for table in (self.tags, self.posts, self.uploads):
            table.clear()
        self.categories[:] = ["default"]

    def state(self) -> list[tuple[bytes, list[str], str]]:
        """The posts, however they are numbered."""
        return sorted((post.content, sorted(post.tags), post.safety) for post in self.posts.values())

    def category_of(self, tag: str) -> str:
        return self.tags[tag][1]

    def answer(self, asked: Asked) -> object:
        if asked.path.startswith("/data/posts/"):
            return self.posts[int(asked.path.split("/")[-1].removesuffix(".png"))].content
        if not asked.path.startswith("/api/"):
            raise AnswerError(404, b"<html>not found</html>")
        if asked.headers.get("Accept") != "application/json":
            raise _refusal(406, "ValidationError")
        if asked.headers.get("Authorization") not in self.logins:
            raise _refusal(403, "AuthError")
        path = asked.path.removeprefix("/api").rstrip("/")
        head, _, rest = path.removeprefix("/").partition("/")
        if (
            asked.method != "GET"
            and path != "/uploads"
            and asked.headers.get("Content-Type") != "application/json"
        ):
            raise _refusal(400, "ValidationError")
        single: dict[tuple[str, str], Callable[[Asked, str], object]] = {
            ("GET", "user"): lambda asked, name: {"name": name, "rank": "regular"},
            ("GET", "post"): lambda asked, number: self._shown(int(number)),
            ("PUT", "post"): self._update,
            ("GET", "tag"): self._tag,
        }
        several: dict[tuple[str, str], Callable[[Asked], object]] = {
            ("GET", "/tag-categories"): lambda asked: {"results": [{"name": n} for n in self.categories]},
            ("POST", "/tag-categories"): self._new_category,
            ("POST", "/tags"): self._new_tag,
            ("GET", "/posts"): self._list,
            ("POST", "/posts"): self._create,
            ("POST", "/posts/reverse-search"): self._reverse,
            ("POST", "/uploads"): self._upload,
        }
        if (asked.method, path) in several:
            return several[asked.method, path](asked)
        if rest and (asked.method, head) in single:
            return single[asked.method, head](asked, rest)
        raise _refusal(404, "ValidationError")

    def _first(self, name: str) -> str:
        """The first name of a tag, which is made in the default category where there is none."""
        if any(letter.isspace() for letter in name) or not name:
            raise _refusal(400, "InvalidTagNameError")
        for first, (names, _) in self.tags.items():
            if name.lower() in map(str.lower, names):
                return first
        self.tags[name] = ([name], "default")
        return name

    def _shown(self, number: int) -> dict[str, object]:
        if number not in self.posts:
            raise _refusal(404, "PostNotFoundError")
        post = self.posts[number]
        tags = [{"names": self.tags[tag][0], "category": self.tags[tag][1]} for tag in post.tags]
        return {
            "id": number,
            "version": post.version,
            "safety": post.safety,
            "type": post.type,
            "contentUrl": f"data/posts/{number}.png",
            "tags": tags,
        }

    def _list(self, asked: Asked) -> object:
        found = sorted(self.posts, reverse=True)
        for token in asked.query["query"].split():
            name, colon, value = token.partition(":")
            if not colon:
                found = [n for n in found if (name.lstrip("-") in self.posts[n].tags) != name.startswith("-")]
            elif name == "id" and value.startswith(".."):
                found = [number for number in found if number <= int(value[2:])]
            elif name == "type":
                found = [number for number in found if self.posts[number].type == value]
            elif token != "sort:id":
                raise _refusal(400, "SearchError")
        start, limit = int(asked.query.get("offset", 0)), min(int(asked.query["limit"]), 100)
        return {"total": len(found), "results": [self._shown(n) for n in found[start : start + limit]]}

    def _update(self, asked: Asked, number: str) -> object:
        post, data = self.posts[int(number)], asked.json()
        if "version" not in data:
            raise _refusal(400, "MissingRequiredParameterError")
        if data["version"] != post.version:
            raise _refusal(409, "IntegrityError")
        post.version += 1
        if "tags" in data:
            post.tags = list(dict.fromkeys(map(self._first, data["tags"])))
        if "safety" in data:
            post.safety = _safety(data)
        return self._shown(int(number))

    def _create(self, asked: Asked) -> object:
        data = asked.json()
        content = self._content(data)
        for number, post in self.posts.items():
            if post.content == content:
                raise _refusal(400, "PostAlreadyUploadedError", otherPostId=number)
        if not all(isinstance(item, int) and item in self.posts for item in data.get("relations", [])):
            raise _refusal(400, "InvalidPostRelationError")
        number = self.post(content, data["tags"], _safety(data))
        self.posts[number].relations = data.get("relations", [])
        return self._shown(number)

    def _content(self, data: dict[str, Any]) -> bytes:
        if data.get("contentToken") not in self.uploads:
            raise _refusal(400, "MissingRequiredFileError")
        return self.uploads[data["contentToken"]]

    def _reverse(self, asked: Asked) -> object:
        content = self._content(asked.json())
        exact = [number for number, post in self.posts.items() if post.content == content]
        similar = [(n, 0.0) for n in exact] + self.similar.get(hashlib.sha1(content).hexdigest(), [])
        return {
            "exactPost": self._shown(exact[0]) if exact else None,
            "similarPosts": [{"distance": away, "post": self._shown(n)} for n, away in similar],
        }

    def _upload(self, asked: Asked) -> object:
        kind = asked.headers["Content-Type"]
        form = message_from_bytes(b"Content-Type: " + kind.encode() + b"\r\n\r\n" + asked.body)
        if form.get_content_type() != "multipart/form-data" or not form.is_multipart():
            raise _refusal(400, "ValidationError")
        for part in form.get_payload():
            if part.get_param("name", header="Content-Disposition") == "content":  # type: ignore[union-attr]
                content = part.get_payload(decode=True)  # type: ignore[union-attr]
                token = hashlib.sha1(content).hexdigest()
                self.uploads[token] = content
                return {"token": token}
        raise _refusal(400, "MissingRequiredFileError")

    def _tag(self, asked: Asked, name: str) -> object:
        for names, category in self.tags.values():
            if name.lower() in map(str.lower, names):
                return {"names": names, "category": category}
        raise _refusal(404, "TagNotFoundError")

    def _new_tag(self, asked: Asked) -> object:
        data = asked.json()
        taken = {name.lower() for names, _ in self.tags.values() for name in names}
        if taken & {name.lower() for name in data["names"]}:
            raise _refusal(400, "TagAlreadyExistsError")
        if data["category"] not in self.categories:
            raise _refusal(404, "TagCategoryNotFoundError")
        self.tags[data["names"][0]] = (data["names"], data["category"])
        return {"names": data["names"], "category": data["category"]}

    def _new_category(self, asked: Asked) -> object:
        data = asked.json()
        if not self.is_moderator:
            raise _refusal(403, "AuthError")
        if data["name"].lower() in map(str.lower, self.categories):
            raise _refusal(400, "TagCategoryAlreadyExistsError")
        if not data["color"] or not isinstance(data["order"], int):
            raise _refusal(400, "InvalidTagCategoryColorError")
        self.categories.append(data["name"])
        return {"name": data["name"]}


def _safety(data: dict[str, Any]) -> str:
    if data.get("safety") not in ("safe", "sketchy", "unsafe"):
        raise _refusal(400, "InvalidPostSafetyError")
    return str(data["safety"])


def _refusal(status: int, name: str, **more: object) -> AnswerError:
    return AnswerError(status, {"name": name, "title": name, "description": "no", **more})


def _b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
