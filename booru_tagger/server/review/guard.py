"""Who may talk to the review page: this computer's user, in a tab that the program itself opened.

The page shows and changes private files, so it is guarded against other web sites (which can send requests to
127.0.0.1, too) and against other users of the computer:

- a request must name this server as its host (DNS rebinding ends here);
- it must carry the key that the program printed: once in the address, from then on as a cookie that no other
  site can make a browser send;
- what changes something must come from the page itself, as JSON.
"""

from __future__ import annotations

import hmac
import secrets
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOCAL = ("127.0.0.1", "localhost", "[::1]")
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "content-security-policy": _POLICY,
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
MAX_BYTES = 1 << 20
"""Bytes of a request's body at most; ten thousand face numbers need a tenth of it."""


class Guard:
    """ASGI middleware; ``port`` is the one that the server listens on."""

    def __init__(self, app: ASGIApp, port: int, key: str) -> None:
        self._app = app
        self._hosts = {f"{host}:{port}" for host in LOCAL} | (set(LOCAL) if port == 80 else set())
        self._key = key
        self._cookie = f"booru_tagger_review_{port}"  # cookies know no ports

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            return
        answer = self._answer(scope)
        await (answer or self._app)(scope, receive, _with_headers(send))

    def _answer(self, scope: Scope) -> Response | None:
        """A refusal, or the redirection that turns the key into a cookie; ``None`` where all is well."""
        headers = Headers(scope=scope)
        if headers.get("host", "").lower() not in self._hosts:
            return _refused(421, "This server answers to 127.0.0.1 and localhost only.")
        keys = parse_qs(scope["query_string"].decode("latin-1")).get("key", [])
        if scope["path"] == "/" and scope["method"] == "GET" and keys:
            if not hmac.compare_digest(keys[0].encode(), self._key.encode()):
                return _refused(403, "This address is of an earlier session; use the one printed last.")
            response = RedirectResponse("/", 303)
            response.set_cookie(self._cookie, self._key, path="/", httponly=True, samesite="strict")
            return response
        if not hmac.compare_digest(_cookie(headers, self._cookie).encode(), self._key.encode()):
            return _refused(403, "Open the address that `booru-tagger review` printed; it has a key in it.")
        return self._unsafe(scope, headers)

    def _unsafe(self, scope: Scope, headers: Headers) -> Response | None:
        if scope["method"] in ("GET", "HEAD"):
            return None
        origin = headers.get("origin")
        if origin is not None and origin.lower() not in {f"http://{host}" for host in self._hosts}:
            return _refused(403, "Requests from other sites are refused.")
        if headers.get("sec-fetch-site", "same-origin") != "same-origin":
            return _refused(403, "Requests from other sites are refused.")
        if headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            return _refused(415, "Send JSON.")
        length = headers.get("content-length", "")
        if not length.isdecimal():
            return _refused(411, "The request must have a Content-Length header.")
        if int(length) > MAX_BYTES:
            return _refused(413, "The body is too large.")
        return None


def new_key() -> str:
    """A key that nobody can guess."""
    return secrets.token_urlsafe(24)


def _cookie(headers: Headers, name: str) -> str:
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(name)
    except CookieError:
        return ""
    return found.value if found is not None else ""


def _refused(status: int, reason: str) -> Response:
    return PlainTextResponse(reason + "\n", status)


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            raw: list[tuple[bytes, Any]] = list(message.get("headers", []))
            raw += [(name.encode(), value.encode()) for name, value in _HEADERS.items()]
            message = {**message, "headers": raw}
        await send(message)

    return sending
