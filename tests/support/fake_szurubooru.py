"""A szurubooru as far as a push sees it, strict about the protocol: what it does not allow is refused."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from email import message_from_bytes
from typing import Any

from tests.support.booru_servers import AnswerError, Asked, Fake


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
        self.privileges: dict[str, str] | None = {
            "posts:list": "anonymous",
            "posts:view": "anonymous",
            "posts:edit:tags": "regular",
            "posts:create:identified": "regular",
            "posts:reverseSearch": "regular",
            "uploads:create": "regular",
            "tags:create": "regular",
            "tagCategories:create": "moderator",
        }
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
            ("GET", "user"): lambda asked, name: {"name": name, "rank": self.rank},
            ("GET", "post"): lambda asked, number: self._shown(int(number)),
            ("PUT", "post"): self._update,
            ("GET", "tag"): self._tag,
        }
        several: dict[tuple[str, str], Callable[[Asked], object]] = {
            ("GET", "/info"): self._info,
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

    @property
    def rank(self) -> str:
        return "moderator" if self.is_moderator else "regular"

    def _info(self, asked: Asked) -> object:
        config = {} if self.privileges is None else {"privileges": self.privileges}
        return {"postCount": len(self.posts), "config": config}

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
                assert isinstance(content, bytes)
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
