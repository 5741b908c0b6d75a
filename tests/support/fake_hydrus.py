"""The hydrus Client API as far as a push sees it, strict about the protocol."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable

from tests.support.booru_servers import AnswerError, Asked, Fake

KEY = "ab" * 32
ALL_TAGS = "616c6c206b6e6f776e2074616773"
MY_TAGS, REPOSITORY, MY_FILES = "6c6f63616c2074616773", "37e3849b", "6c6f63616c2066696c6573"


class FakeHydrus(Fake):
    """``files`` are contents by hash, ``missing`` those not on its disk; ``current`` and ``deleted`` the tags
    of each, by service."""

    def __init__(self) -> None:
        super().__init__()
        self.files: dict[str, bytes] = {}
        self.mimes: dict[str, str] = {}
        self.missing: set[str] = set()
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
            row: dict[str, object] = {"hash": name, "mime": self.mimes[name], "size": len(self.files[name])}
            if asked.query.get("only_return_basic_information", "false") != "true":
                row["tags"] = self._tags(name)
            rows.append(row)
        return {"metadata": rows, "services": {}}

    def _tags(self, name: str) -> object:
        """Of both services that hold tags, and of their union."""
        rows = {key: self._in_service(name, key) for key in (MY_TAGS, REPOSITORY)}
        union: dict[str, list[str]] = {}
        for tags in rows.values():
            for status, some in tags.items():
                union[status] = sorted({*union.get(status, ()), *some})
        kinds = {
            MY_TAGS: ("my tags", 5),
            REPOSITORY: ("public tag repo", 0),
            ALL_TAGS: ("all known tags", 10),
        }
        return {
            key: {"name": kinds[key][0], "type": kinds[key][1], "storage_tags": tags, "display_tags": tags}
            for key, tags in {**rows, ALL_TAGS: union}.items()
        }

    def _in_service(self, name: str, key: str) -> dict[str, list[str]]:
        rows = {
            "0": self.current.get((name, key), []),
            "1": self.pending.get((name, key), []),
            "2": sorted(self.deleted.get((name, key), ())),
        }
        return {status: tags for status, tags in rows.items() if tags}

    def _file(self, asked: Asked) -> object:
        self._need(3)
        if asked.query["hash"] not in self.files.keys() - self.missing:
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
