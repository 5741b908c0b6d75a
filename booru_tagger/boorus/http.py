"""Requests to one server: at a bounded rate, with a timeout, tried again where that may help."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, urlencode, urlsplit

from booru_tagger.errors import ConfigError, RemoteError

TRIES = 5
"""Times that a request is sent before it is given up."""
LONGEST_WAIT = 60.0
"""Seconds; a server that asks for more patience (Retry-After) gets this much."""
JSON_BYTES = 1 << 28
"""Answers that are lists are not larger than this."""

_EXCERPT = 300
_LATER = frozenset({429, 500, 502, 503, 504})


class StatusError(RemoteError):
    """The server answered with an error. ``status`` is HTTP's, ``body`` what it said, cut short."""

    def __init__(self, message: str, status: int, body: bytes) -> None:
        super().__init__(message)
        self.status = status
        self.body = body

    def json(self) -> Mapping[str, Any]:
        """The error in the server's terms; empty where it is not JSON."""
        try:
            data = json.loads(self.body)
        except ValueError:
            return {}
        return data if isinstance(data, dict) else {}


class LostError(RemoteError):
    """The server cannot be reached, however often one tries."""


class LargeError(RemoteError):
    """The answer has more bytes than the caller allows."""


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    body: bytes
    wait: float | None
    """Seconds that the server asks to wait."""


class RateLimit:
    """Lets ``rate`` requests a second through, evenly. For any number of threads."""

    def __init__(self, rate: float) -> None:
        self._gap = 1 / rate
        self._next = 0.0
        self._lock = threading.Lock()

    def wait(self) -> None:
        with self._lock:
            now = time.monotonic()
            turn = max(now, self._next)
            self._next = turn + self._gap
        if turn > now:
            time.sleep(turn - now)


class Server:
    """One HTTP server below ``url``. May be used from any thread; each has a connection of its own.

    ``headers`` go with every request and never into a message. ``patience`` is the first wait between two
    tries, in seconds; each further one is twice as long. Redirections are not followed: they would take the
    secret in the headers elsewhere.

    Raises :class:`ConfigError` for an invalid address.
    """

    def __init__(
        self,
        url: str,
        headers: Mapping[str, str],
        *,
        rate: float = 20,
        timeout: float = 60,
        patience: float = 0.5,
    ) -> None:
        self._parts = split_url(url)
        self.url = self._parts.geturl().rstrip("/")
        self._headers = dict(headers)
        self._pace = RateLimit(rate)
        self._timeout = timeout
        self._patience = patience
        self._local = threading.local()
        self.lost: LostError | None = None
        """Set once the server could not be reached; from then on every request fails at once with it."""

    def get_json(self, path: str, query: Mapping[str, str] | None = None) -> Any:
        """Raises :class:`RemoteError`, as all methods here do."""
        return self.parse(self.send("GET", path, query=query), path)

    def send_json(self, method: str, path: str, data: object, query: Mapping[str, str] | None = None) -> Any:
        """Send JSON; the JSON that comes back, ``None`` where nothing does."""
        body = json.dumps(data).encode()
        answer = self.send(method, path, query=query, body=body, kind="application/json")
        return self.parse(answer, path) if answer else None

    def send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        kind: str = "",
        max_bytes: int = JSON_BYTES,
    ) -> bytes:
        """The body of a good answer of at most ``max_bytes``. Requests must be safe to repeat."""
        target = self._parts.path.rstrip("/") + path + (f"?{urlencode(query)}" if query else "")
        headers = {**self._headers, **({"Content-Type": kind} if kind else {})}
        answer = self._insist(method, target, body, headers, max_bytes)
        if 200 <= answer.status < 300:
            return answer.body
        raise self._error(f"{method} {self.url}{path}", answer)

    def parse(self, answer: bytes, path: str) -> Any:
        """The JSON that came from ``path``."""
        try:
            return json.loads(answer)
        except ValueError as error:
            raise RemoteError(
                f"{self.url}{path}: the answer is not JSON; is that the address of the API?"
            ) from error

    def understanding(self) -> AbstractContextManager[None]:
        """While an answer is taken apart: one of another form than documented is a :class:`RemoteError`."""
        return _understanding(self.url)

    def sibling(self, url: str) -> Server:
        """Another server, asked at the same pace, without the headers of this one."""
        other = Server(url, {}, timeout=self._timeout, patience=self._patience)
        other._pace = self._pace
        return other

    def _insist(
        self, method: str, target: str, body: bytes | None, headers: dict[str, str], max_bytes: int
    ) -> _Answer:
        for attempt in range(TRIES):
            if self.lost is not None:
                raise self.lost
            wait = self._patience * 2**attempt
            try:
                self._pace.wait()
                answer = self._once(method, target, body, headers, max_bytes)
            except (OSError, http.client.HTTPException) as error:
                self._hang_up()
                reason = error
            else:
                if answer.status not in _LATER or attempt == TRIES - 1:
                    return answer
                wait = max(wait, min(answer.wait or 0.0, LONGEST_WAIT))
            if attempt < TRIES - 1:
                time.sleep(wait)
        self.lost = LostError(
            f"{self.url}: cannot be reached ({_reason(reason)}), tried {TRIES} times; "
            "see that it runs and that the address is right"
        )
        raise self.lost from reason

    def _once(
        self, method: str, target: str, body: bytes | None, headers: dict[str, str], max_bytes: int
    ) -> _Answer:
        connection = self._connection()
        connection.request(method, target, body=body, headers=headers)
        response = connection.getresponse()
        data = response.read(max_bytes + 1)
        if len(data) > max_bytes:
            self._hang_up()
            raise LargeError(f"{self.url}: an answer has more than {max_bytes:,} bytes")
        return _Answer(response.status, data, _seconds(response.getheader("Retry-After")))

    def _connection(self) -> http.client.HTTPConnection:
        connection: http.client.HTTPConnection | None = getattr(self._local, "connection", None)
        if connection is None:
            secure = self._parts.scheme == "https"
            make = http.client.HTTPSConnection if secure else http.client.HTTPConnection
            connection = make(self._parts.hostname or "", self._parts.port, timeout=self._timeout)
            self._local.connection = connection
        return connection

    def _hang_up(self) -> None:
        connection = getattr(self._local, "connection", None)
        self._local.connection = None
        if connection is not None:
            connection.close()

    def _error(self, what: str, answer: _Answer) -> StatusError:
        text = answer.body[:_EXCERPT].decode("utf-8", "replace")
        for secret in self._headers.values():  # szurubooru repeats a header that it does not understand
            text = text.replace(secret, "***").replace(secret.rpartition(" ")[2], "***")
        said = " ".join(text.split())
        return StatusError(f"{what}: {answer.status}{': ' if said else ''}{said}", answer.status, answer.body)


@contextmanager
def _understanding(url: str) -> Iterator[None]:
    try:
        yield
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise RemoteError(f"{url}: an answer is not of the documented form ({reason})") from error


def split_url(url: str) -> SplitResult:
    """Raises :class:`ConfigError` where that is not the address of a web server, or has a password in it."""
    try:
        parts = urlsplit(url.strip())
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        usable = False
    if not usable:
        raise ConfigError(f"{url!r} is not an address; it must look like http://127.0.0.1:8080")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise ConfigError("the address must have no user, password, query or fragment in it")
    return parts


def multipart(files: Mapping[str, tuple[str, bytes]], boundary: str) -> tuple[bytes, str]:
    """A form with files (name and content, by field) and its Content-Type."""
    parts = []
    for field, (name, content) in files.items():
        quoted = name.replace("\\", "_").replace('"', "_")
        head = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="{field}"; filename="{quoted}"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        )
        parts += [head.encode("utf-8", "replace"), content, b"\r\n"]
    return b"".join([*parts, f"--{boundary}--\r\n".encode()]), f"multipart/form-data; boundary={boundary}"


def _seconds(text: str | None) -> float | None:
    return float(text) if text is not None and text.strip().isdecimal() else None


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__
