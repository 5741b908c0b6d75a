"""What every request passes on its way in: the token, the bounds on its body, the clock."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hmac
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from starlette.datastructures import Headers
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from booru_tagger.server.tagging.access_log import access_line
from booru_tagger.server.tagging.metrics import Metrics
from booru_tagger.server.tagging.pool import RequestLimits

OPEN = frozenset({"/healthz"})
"""Addresses that need no token, so that monitoring need not know it."""
_HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


class _TooLargeError(Exception):
    pass


class Gate:
    """ASGI middleware. Without ``token`` everybody who reaches the server may use it; ``log`` is given a line
    for each request but those for health."""

    def __init__(
        self,
        app: ASGIApp,
        bounds: RequestLimits,
        metrics: Metrics,
        token: str | None,
        known_paths: frozenset[str],
        log: Callable[[str], None] | None = None,
    ) -> None:
        self._app, self._bounds, self._metrics, self._log = app, bounds, metrics, log
        self._token = token
        self._known_paths = known_paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return
        started, status, sent, when = time.monotonic(), 500, 0, datetime.now(UTC)

        async def sending(message: Message) -> None:
            nonlocal status, sent
            sent += len(message.get("body", b""))
            if message["type"] == "http.response.start":
                status = message["status"]
                names = {name for name, _ in message.get("headers", ())}
                more = [(n.encode(), v.encode()) for n, v in _HEADERS.items() if n.encode() not in names]
                message = {**message, "headers": [*message.get("headers", ()), *more]}
            await send(message)

        try:
            await self._let_in(scope, receive, sending)
        finally:
            path = scope["path"] if scope["path"] in self._known_paths else "other"
            seconds = time.monotonic() - started
            self._metrics.answered(path, status, seconds)
            if self._log is not None and path not in OPEN:
                self._log(access_line(scope, status, sent, seconds, when))

    async def _let_in(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        answer: Response | None = None
        if scope["path"] not in OPEN and not self._may_enter(headers):
            answer = _refusal(401, "unauthorized", "this server needs its token: Authorization: Bearer …")
            answer.headers["www-authenticate"] = 'Basic realm="booru-tagger", charset="UTF-8"'
        elif _announced(headers) > self._bounds.body:
            answer = self._too_large()
        if answer is not None:
            await answer(scope, receive, send)
            return
        try:
            await self._app(scope, self._bounded(receive), send)
        except _TooLargeError:
            await self._too_large()(scope, receive, send)
        except TimeoutError:
            seconds = f"{self._bounds.seconds:g}"
            await _refusal(408, "late", f"the request did not arrive within {seconds} seconds")(
                scope, receive, send
            )

    def _bounded(self, receive: Receive) -> Receive:
        """The request's body, as long as it is neither too large nor too slow."""
        end = asyncio.get_running_loop().time() + self._bounds.seconds
        count, whole = 0, False

        async def receiving() -> Message:
            nonlocal count, whole
            if whole:  # what comes now is the news that the client went away, and may take its time
                return await receive()
            async with asyncio.timeout_at(end):
                message = await receive()
            count += len(message.get("body", b""))
            whole = not message.get("more_body", False)
            if count > self._bounds.body:
                raise _TooLargeError
            return message

        return receiving

    def _too_large(self) -> Response:
        limit = f"{self._bounds.body / 1e6:g}"
        answer = _refusal(413, "too-large", f"a request may have {limit} MB at most")
        answer.headers["connection"] = "close"  # the rest of the body is not waited for
        return answer

    def _may_enter(self, headers: Headers) -> bool:
        if self._token is None:
            return True
        kind, _, value = headers.get("authorization", "").partition(" ")
        if kind.lower() == "basic":  # what browsers can send: any user, the token as the password
            try:
                value = base64.b64decode(value, validate=True).decode("utf-8").partition(":")[2]
            except (binascii.Error, ValueError):
                return False
        elif kind.lower() != "bearer":
            return False
        return hmac.compare_digest(value.strip().encode(), self._token.encode())


def _announced(headers: Headers) -> int:
    text = headers.get("content-length", "")
    return int(text) if text.isdecimal() else 0


def _refusal(status: int, error: str, message: str) -> JSONResponse:
    body: dict[str, Any] = {"error": error, "message": message}
    return JSONResponse(body, status)
