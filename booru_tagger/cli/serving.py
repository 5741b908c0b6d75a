"""What `booru-tagger serve` does, put together from the model and the server."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import socket
from dataclasses import replace

import click

from booru_tagger.cli.assembly import make_policy, make_tagger
from booru_tagger.config import Settings
from booru_tagger.errors import ConfigError, MissingExtraError, OutputError
from booru_tagger.parallel import available_cores
from booru_tagger.types import TagResult


def serve_pictures(settings: Settings) -> int:
    """Serve until a signal comes; the exit code. Raises BooruTaggerError."""
    try:
        from booru_tagger.server.tagging import Bounds, make_app
        from booru_tagger.server.tagging.listening import make_server
    except ImportError as error:
        raise MissingExtraError(
            f"the server needs {error.name or error}; install it: pip install 'booru-tagger[web]'"
        ) from error
    if settings.token is None and not _is_loopback(settings.host):
        raise ConfigError(
            f"--host {settings.host} can be reached from other computers: set a --token that they must know"
        )
    tagger, policy = make_tagger(settings), make_policy(settings)
    tagger.load()

    def tag(data: bytes, name: str) -> TagResult:
        result = tagger.tag_bytes(data, name)
        return replace(result, tags=policy.apply(result.tags))

    bounds = Bounds(
        body=settings.max_upload,
        jobs=settings.jobs or available_cores(),
        waiting=settings.max_waiting,
        seconds=float(settings.answer_timeout),
    )
    app = make_app(tag, bounds, model=tagger.model, token=settings.token)
    with _listening(settings.host, settings.port) as listener:
        place = f"[{settings.host}]" if ":" in settings.host else settings.host
        click.echo(f"booru-tagger serves at http://{place}:{listener.getsockname()[1]}/", err=True)
        with contextlib.suppress(KeyboardInterrupt):  # how serving ends
            make_server(app, bounds.seconds).run(sockets=[listener])
    return 0


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _listening(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise OutputError(f"{host}: no address of this computer ({error.strerror or error})") from error
    try:
        if os.name != "nt":  # there it would let two servers share the port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(128)
    except (OSError, OverflowError) as error:
        listener.close()
        reason = getattr(error, "strerror", None) or error
        raise OutputError(
            f"{host}:{port}: cannot be listened on ({reason}); choose another --port"
        ) from error
    return listener
