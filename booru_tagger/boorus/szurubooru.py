"""szurubooru's REST API: posts, tags with their categories, uploads.

See doc/API.md of szurubooru. The API's own errors tell a lost race (409) from a wrong request (400).
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urljoin, urlsplit, urlunsplit

from booru_tagger.boorus.http import Server, StatusError, multipart, split_url
from booru_tagger.errors import ConfigError, RemoteError

_PAGE = 100
_FIELDS = "id,version,safety,contentUrl,tags"
_PICTURES = frozenset({"image", "animation"})
_REFUSED = frozenset({401, 403, 404})
_COLORS = {"character": "#00aa00", "copyright": "#aa00aa", "artist": "#aa0000", "meta": "#aa7700"}
_COLOR = "#777777"
_RANKS = ("anonymous", "restricted", "regular", "power", "moderator", "administrator", "nobody")
"""From those who may least."""

MAKE_CATEGORIES, MAKE_TAGS = "tagCategories:create", "tags:create"
TAG_POSTS = {"posts:list": "list posts", "posts:view": "see posts", "posts:edit:tags": "change tags of posts"}
UPLOAD = {
    "uploads:create": "upload files",
    "posts:reverseSearch": "look for similar posts",
    "posts:create:identified": "make posts",
}
"""Privileges, by the site's names for them, and what they are for."""


@dataclass(frozen=True, slots=True)
class Post:
    """A post. ``tags`` are first names, ``aliases`` leads from every name of these to the first one, and
    ``categories`` from that to its category."""

    id: int
    version: int
    safety: str
    content: str
    tags: tuple[str, ...]
    aliases: Mapping[str, str]
    categories: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SimilarPosts:
    """Posts like an uploaded file: the one of the very same content, and those that look the same."""

    exact: int | None
    similar: tuple[tuple[int, float], ...]


class ConflictError(RemoteError):
    """Somebody else changed the post since it was read."""


class UploadedError(RemoteError):
    """There is a post of this content already: ``post``."""

    def __init__(self, post: int) -> None:
        super().__init__(f"post {post} has this content already")
        self.post = post


def api_address(url: str) -> str:
    """The API of a site; the site's own address and that of its API will both do."""
    address = split_url(url).geturl().rstrip("/")
    return address if address.endswith("/api") else f"{address}/api"


def login(user: str | None, token: str | None, password: str | None) -> dict[str, str]:
    """Headers for requests in the name of ``user``. Raises :class:`ConfigError` where a part is missing."""
    headers = {"Accept": "application/json"}
    if user is None:
        if token or password:
            raise ConfigError("szurubooru_user: must be set, too, where a token or a password is")
        return headers
    if not (token or password):
        raise ConfigError(f"szurubooru_token: must be set for the user {user!r}, or szurubooru_password")
    kind, secret = ("Token", token) if token else ("Basic", password)
    headers["Authorization"] = f"{kind} {base64.b64encode(f'{user}:{secret}'.encode()).decode()}"
    return headers


class Szurubooru:
    """A szurubooru site, by its API. Methods raise :class:`RemoteError`."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self._hosts: dict[str, Server] = {}
        self._tags: set[str] = set()
        self._categories: dict[str, str] | None = None
        self._privileges: Mapping[str, str] = {}
        self._rank = _RANKS[0]

    def connect(self, user: str | None, needed: Mapping[str, str] | None = None) -> None:
        """Raises :class:`ConfigError` where the login is wrong, or lacks a privilege that is ``needed``."""
        try:
            if user is None:
                self.categories()
            else:
                answer = self.server.get_json(f"/user/{quote(user, safe='')}", {"bump-login": "true"})
                self._rank = str(answer.get("rank")) if isinstance(answer, dict) else ""
            self._privileges = self._asked_privileges()
        except StatusError as error:
            if error.status not in _REFUSED:
                raise
            keys = "szurubooru_user and szurubooru_token (or szurubooru_password)"
            raise ConfigError(f"{keys}: szurubooru does not accept this login ({error})") from error
        missing = [what for privilege, what in (needed or {}).items() if not self.may(privilege)]
        if missing:
            who = f"the user {user!r}" if user is not None else "a visitor without a login"
            raise ConfigError(
                f"szurubooru_user: {who} may not {' and '.join(missing)} there; have an administrator raise "
                "the rank, or use another login"
            )

    def may(self, privilege: str) -> bool:
        """Whether the user has a privilege, as far as the site tells."""
        wanted = self._privileges.get(privilege)
        if wanted not in _RANKS or self._rank not in _RANKS:
            return True
        return _RANKS.index(self._rank) >= _RANKS.index(wanted)

    def _asked_privileges(self) -> Mapping[str, str]:
        """The least rank for each privilege; nothing where the site keeps that to itself."""
        try:
            answer = self.server.get_json("/info")
        except StatusError:
            return {}
        privileges = answer.get("config", {}).get("privileges") if isinstance(answer, dict) else None
        return privileges if isinstance(privileges, dict) else {}

    @property
    def lost(self) -> RemoteError | None:
        """Why the site, or a host of its files, cannot be reached any more."""
        return next((server.lost for server in (self.server, *self._hosts.values()) if server.lost), None)

    def posts(self, query: str, *, videos: bool = False) -> Iterator[int]:
        """Numbers of the pictures, and ``videos``, among the posts that match, newest first.

        Each page begins below the last one's numbers, for tagging may take posts out of what matches.
        """
        below, wanted_types = "", (*_PICTURES, *(("video",) if videos else ()))
        while True:
            wanted = {
                "query": f"{query} sort:id{below}".strip(),
                "limit": str(_PAGE),
                "fields": "id,type",
            }
            answer = self.server.get_json("/posts/", wanted)
            with self.server.understanding():
                found = [(int(item["id"]), item["type"] in wanted_types) for item in answer["results"]]
            yield from (number for number, is_picture in found if is_picture)
            last = min((number for number, _ in found), default=1) - 1
            if len(found) < _PAGE or last < 1:
                return
            below = f" id:..{last}"

    def post(self, number: int) -> Post:
        data = self.server.get_json(f"/post/{number}", {"fields": _FIELDS})
        with self.server.understanding():
            return _post(data)

    def fetch(self, post: Post, max_bytes: int) -> bytes:
        """The post's file. Raises :class:`LargeError` above ``max_bytes`` bytes."""
        address = urljoin(self.server.url.removesuffix("api"), post.content)
        parts = urlsplit(address)
        origin = f"{parts.scheme}://{parts.netloc}"
        # Files are open to anyone who knows their address, and may be on another host: no login goes there.
        host = self._hosts.setdefault(origin, self.server.sibling(origin))
        return host.send("GET", urlunsplit(("", "", parts.path, parts.query, "")), max_bytes=max_bytes)

    def update(self, post: Post, tags: Sequence[str], safety: str | None) -> None:
        """Replace the post's tags, and its safety where one is given. Raises :class:`ConflictError`."""
        data: dict[str, Any] = {"version": post.version, "tags": list(tags)}
        if safety is not None:
            data["safety"] = safety
        try:
            self.server.send_json("PUT", f"/post/{post.id}", data, {"fields": "id"})
        except StatusError as error:
            if error.status == 409:
                raise ConflictError(str(error)) from error
            raise

    def upload(self, name: str, content: bytes) -> str:
        """Lay a file down for an hour; the token that stands for it."""
        body, kind = multipart({"content": (name, content)}, secrets.token_hex(16))
        answer = self.server.send("POST", "/uploads", body=body, kind=kind)
        with self.server.understanding():
            return str(self.server.parse(answer, "/uploads")["token"])

    def lookalikes(self, token: str) -> SimilarPosts:
        answer = self.server.send_json("POST", "/posts/reverse-search", {"contentToken": token})
        with self.server.understanding():
            exact = answer["exactPost"]
            similar = [(int(item["post"]["id"]), float(item["distance"])) for item in answer["similarPosts"]]
            return SimilarPosts(int(exact["id"]) if exact else None, tuple(similar))

    def create(self, token: str, tags: Sequence[str], safety: str, relations: Sequence[int]) -> int:
        """Make a post of an uploaded file; its number. Raises :class:`UploadedError`."""
        data = {"contentToken": token, "tags": list(tags), "safety": safety, "relations": list(relations)}
        try:
            answer = self.server.send_json("POST", "/posts/", data, {"fields": "id"})
        except StatusError as error:
            said = error.json()
            if said.get("name") == "PostAlreadyUploadedError" and "otherPostId" in said:
                raise UploadedError(int(said["otherPostId"])) from error
            raise
        with self.server.understanding():
            return int(answer["id"])

    def categories(self) -> dict[str, str]:
        """Names of the tag categories as they are spelled there, by their lower case."""
        if self._categories is None:
            answer = self.server.get_json("/tag-categories")
            with self.server.understanding():
                names = [str(item["name"]) for item in answer["results"]]
            self._categories = {name.lower(): name for name in names}
        return self._categories

    def need_category(self, name: str) -> str:
        """Make the tag category where it is missing; its name as it is spelled there.

        Raises :class:`ConfigError` where the user may not.
        """
        known = self.categories()
        if name.lower() not in known:
            data = {"name": name, "color": _COLORS.get(name.lower(), _COLOR), "order": len(known) + 1}
            try:
                self.server.send_json("POST", "/tag-categories", data)
            except StatusError as error:
                if error.status == 403:
                    raise self._no_category(name) from error
                if error.json().get("name") != "TagCategoryAlreadyExistsError":
                    raise
            known[name.lower()] = name
        return known[name.lower()]

    def _no_category(self, name: str) -> ConfigError:
        return ConfigError(
            f"szurubooru_category: the site has no tag category {name!r}, and this user may not "
            f"make one; have a moderator make it, or name another ({', '.join(self.categories().values())})"
        )

    def check_tag(self, name: str, category: str) -> None:
        """Raises what :meth:`need_tag` would, as far as that can be told without making anything."""
        if self._has_tag(name):
            return
        if category.lower() not in self.categories() and not self.may(MAKE_CATEGORIES):
            raise self._no_category(category)
        if not self.may(MAKE_TAGS):
            raise RemoteError(f"{self.server.url}: has no tag {name!r}, and this user may not make one")

    def _has_tag(self, name: str) -> bool:
        if name.lower() not in self._tags:
            try:
                self.server.get_json(f"/tag/{quote(name, safe='')}", {"fields": "names"})
            except StatusError as error:
                if error.status != 404:
                    raise
                return False
            self._tags.add(name.lower())
        return True

    def need_tag(self, name: str, category: str) -> None:
        """Make the tag in that category where it is missing. One that exists stays in its own."""
        if not self._has_tag(name):
            self._make_tag(name, self.need_category(category))
            self._tags.add(name.lower())

    def _make_tag(self, name: str, category: str) -> None:
        try:
            self.server.send_json("POST", "/tags", {"names": [name], "category": category})
        except StatusError as error:
            if error.json().get("name") != "TagAlreadyExistsError":
                raise


def _post(data: Any) -> Post:
    names = [[str(name) for name in tag["names"]] for tag in data["tags"]]
    return Post(
        int(data["id"]),
        int(data["version"]),
        str(data["safety"]),
        str(data["contentUrl"]),
        tuple(group[0] for group in names),
        {name.lower(): group[0] for group in names for name in group},
        {str(tag["names"][0]): str(tag.get("category", "")) for tag in data["tags"]},
    )
