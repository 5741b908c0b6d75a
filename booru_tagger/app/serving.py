"""Answering other programs, and the review page: servers from settings."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from booru_tagger.app.parts import make_policy, make_tagger
from booru_tagger.config import Settings
from booru_tagger.errors import ConfigError, MissingExtraError
from booru_tagger.parallel import available_cores
from booru_tagger.server.sockets import listen
from booru_tagger.types import TagResult


@dataclass(frozen=True, slots=True)
class Serving:
    """A server that listens at ``address``; ``go`` answers until a signal comes."""

    address: str
    go: Callable[[], None]


@contextmanager
def open_server(settings: Settings, log: Callable[[str], None]) -> Iterator[Serving]:
    """The tagging server, listening, with its model loaded. ``log`` is given its access log, where the
    settings want one. Raises BooruTaggerError."""
    try:
        from booru_tagger.server.tagging import RequestLimits, chosen, make_app
        from booru_tagger.server.tagging.uvicorn_setup import make_server
    except ImportError as error:
        raise MissingExtraError(
            f"the server needs {error.name or error}; install it: pip install 'booru-tagger[web]'"
        ) from error
    serving = settings.serving
    if serving.token is None and not _is_loopback(serving.host):
        raise ConfigError(
            f"--host {serving.host} can be reached from other computers: set a --token that they must know"
        )
    tagger, policy = make_tagger(settings), make_policy(settings.policy)
    tagger.load()

    def tag(data: bytes, name: str) -> TagResult:
        return chosen(tagger.tag_bytes(data, name), policy)

    bounds = RequestLimits(
        body=serving.max_upload,
        jobs=settings.running.jobs or available_cores(),
        waiting=serving.max_waiting,
        seconds=float(serving.answer_timeout),
    )
    access_log = log if serving.access_log else None
    app = make_app(tag, bounds, model=tagger.model, token=serving.token, log=access_log)
    with listen(serving.host, serving.port) as listener:
        place = f"[{serving.host}]" if ":" in serving.host else serving.host
        server = make_server(app, bounds.seconds)
        yield Serving(f"http://{place}:{listener.getsockname()[1]}/", lambda: server.run(sockets=[listener]))


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
