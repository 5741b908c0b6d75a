"""hydrus's Client API: find files, fetch them, give them tags.

See https://hydrusnetwork.github.io/hydrus/developer_api.html.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from booru_tagger.boorus.http import Server, StatusError
from booru_tagger.errors import ConfigError

KEY_HEADER = "Hydrus-Client-API-Access-Key"

EDIT_TAGS, SEARCH_FILES = 2, 3
"""The client's numbers for the permissions that a push needs."""
_PERMISSIONS = {EDIT_TAGS: "edit file tags", SEARCH_FILES: "search for and fetch files"}

_REPOSITORY, _LOCAL, _ALL_KNOWN = 0, 5, 10
"""Types of services that hold tags, and of the union of all of these; others are files and ratings."""
_STATUSES = ("0", "1", "2")
"""Of a tag: current, pending, deleted."""
_ACTIONS = {_LOCAL: "0", _REPOSITORY: "2"}
"""What gives a tag: local services add, those shared with others pend until a person commits."""

_CHUNK = 256
"""Files asked about at once: their hashes must fit into an address."""
_REFUSED = frozenset({401, 403, 419})


@dataclass(frozen=True, slots=True)
class Service:
    """A tag service: its key, which never changes, and its type."""

    key: str
    type: int


@dataclass(frozen=True, slots=True)
class HydrusFile:
    """A file in hydrus: SHA-256, MIME type and size in bytes."""

    hash: str
    mime: str
    size: int

    @property
    def is_picture(self) -> bool:
        return self.mime.startswith("image/")

    @property
    def is_video(self) -> bool:
        return self.mime.startswith("video/")


@dataclass(frozen=True, slots=True)
class ServiceTags:
    """A file's tags in one service, as they were given: those that stand there, those that wait for a person
    to commit them, and those that a person took out. ``shown``: the first, with siblings and parents as
    hydrus shows them."""

    current: frozenset[str] = frozenset()
    pending: frozenset[str] = frozenset()
    deleted: frozenset[str] = frozenset()
    shown: tuple[str, ...] = ()


class Hydrus:
    """A hydrus client. Methods raise :class:`RemoteError`."""

    def __init__(self, server: Server) -> None:
        self.server = server

    def connect(self) -> None:
        """Raises :class:`ConfigError` where the access key is wrong or does not allow enough."""
        try:
            access = self.server.get_json("/verify_access_key")
        except StatusError as error:
            if error.status not in _REFUSED:
                raise
            raise ConfigError(
                f"hydrus_key: hydrus does not accept this access key ({error}); "
                "see services > review services > local > client api"
            ) from error
        with self.server.understanding():
            granted = access["basic_permissions"]
            everything = access.get("permits_everything") is True
            missing = [name for number, name in _PERMISSIONS.items() if number not in granted]
        if missing and not everything:
            raise ConfigError(
                f"hydrus_key: this access key does not permit to {' and '.join(missing)}; "
                "change that in services > review services > local > client api"
            )

    def service(self, name: str) -> Service:
        """The tag service of that name. Raises :class:`ConfigError` where there is none."""
        answer = self.server.get_json("/get_services")
        with self.server.understanding():
            found = {
                str(item["name"]): Service(key, item["type"])
                for key, item in answer["services"].items()
                if item["type"] in _ACTIONS
            }
        if name not in found:
            names = ", ".join(map(repr, found)) or "none"
            raise ConfigError(f"hydrus_service: there is no tag service {name!r}; there are: {names}")
        return found[name]

    def search(self, predicates: Sequence[str]) -> list[str]:
        """Hashes of the files that match all ``predicates``, spelled as in hydrus's own search box."""
        query = {
            "tags": json.dumps(list(predicates)),
            "return_hashes": "true",
            "return_file_ids": "false",
        }
        answer = self.server.get_json("/get_files/search_files", query)
        with self.server.understanding():
            return [str(item) for item in answer["hashes"]]

    def files(self, hashes: Sequence[str]) -> Iterator[HydrusFile]:
        """What they are, some hundreds a request."""
        for start in range(0, len(hashes), _CHUNK):
            query = {
                "hashes": json.dumps(hashes[start : start + _CHUNK]),
                "only_return_basic_information": "true",
            }
            answer = self.server.get_json("/get_files/file_metadata", query)
            with self.server.understanding():
                found = [
                    HydrusFile(item["hash"], str(item["mime"]), item["size"] or 0)
                    for item in answer["metadata"]
                ]
            yield from found

    def tags(self, hashes: Sequence[str]) -> Iterator[tuple[HydrusFile, dict[str, ServiceTags]]]:
        """What they are, with their tags by the keys of the services that hold them."""
        for start in range(0, len(hashes), _CHUNK):
            query = {"hashes": json.dumps(hashes[start : start + _CHUNK])}
            answer = self.server.get_json("/get_files/file_metadata", query)
            with self.server.understanding():
                found = [
                    (
                        HydrusFile(item["hash"], str(item["mime"]), item["size"] or 0),
                        _by_service(item["tags"]),
                    )
                    for item in answer["metadata"]
                ]
            yield from found

    def fetch(self, hash_: str, max_bytes: int) -> bytes:
        """The file itself. Raises :class:`LargeError` above ``max_bytes`` bytes."""
        return self.server.send("GET", "/get_files/file", query={"hash": hash_}, max_bytes=max_bytes)

    def add(self, hash_: str, service: Service, tags: Sequence[str]) -> None:
        """Give the file tags; those that a person took from it before stay away."""
        actions: Mapping[str, Any] = {service.key: {_ACTIONS[service.type]: list(tags)}}
        self.server.send_json(
            "POST",
            "/add_tags/add_tags",
            {
                "hashes": [hash_],
                "service_keys_to_actions_to_tags": actions,
                # The API's default is to act like a person, whose word stands above an earlier deletion.
                "override_previously_deleted_mappings": False,
            },
        )


def _by_service(services: Mapping[str, Any]) -> dict[str, ServiceTags]:
    return {key: _service_tags(tags) for key, tags in services.items() if tags.get("type") != _ALL_KNOWN}


def _service_tags(tags: Mapping[str, Any]) -> ServiceTags:
    stored = tags.get("storage_tags", {})
    current, pending, deleted = (frozenset(map(str, stored.get(status, ()))) for status in _STATUSES)
    return ServiceTags(current, pending, deleted, tuple(map(str, tags["display_tags"].get(_STATUSES[0], ()))))
