"""Uvicorn, set up so that slow clients and crowds of them do not harm others."""

from __future__ import annotations

import asyncio
from typing import Any

import uvicorn
from starlette.applications import Starlette
from uvicorn.protocols.http.h11_impl import H11Protocol

HEADER_SECONDS = 10.0
"""For the head of a request to arrive. Uvicorn itself would wait for ever."""
MAX_CONNECTIONS = 256
"""More are answered 503 at once."""


class PunctualProtocol(H11Protocol):
    """Hangs up on clients that do not get through with the head of their request."""

    _patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.cycle is not None and not self.cycle.response_complete:
            self._stop_waiting()
        elif self._patience is None:
            self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def _wait(self) -> None:
        self._patience = self.loop.call_later(HEADER_SECONDS, self._hang_up)

    def _stop_waiting(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _hang_up(self) -> None:
        self._patience = None
        if not self.transport.is_closing():
            self.transport.close()


def make_server(app: Starlette, seconds: float) -> uvicorn.Server:
    """A server for sockets that listen already. ``seconds``: for what runs at the end to come to its own."""
    config: dict[str, Any] = {
        "http": PunctualProtocol,
        "ws": "none",
        "log_level": "warning",
        "access_log": False,
        "server_header": False,
        "timeout_keep_alive": 5,
        "timeout_graceful_shutdown": int(seconds) + 1,
        "limit_concurrency": MAX_CONNECTIONS,
        "h11_max_incomplete_event_size": 32_768,
    }
    return uvicorn.Server(uvicorn.Config(app, **config))
