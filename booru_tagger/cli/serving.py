"""What `booru-tagger serve` does, put together from the model and the server."""

from __future__ import annotations

import contextlib
import ipaddress

import click

from booru_tagger.app import make_policy, make_tagger
from booru_tagger.cli.listening import listen
from booru_tagger.config import Settings
from booru_tagger.errors import ConfigError, MissingExtraError
from booru_tagger.parallel import available_cores
from booru_tagger.types import TagResult


def serve_pictures(settings: Settings) -> int:
    """Serve until a signal comes; the exit code. Raises BooruTaggerError."""
    try:
        from booru_tagger.server.tagging import Bounds, chosen, make_app
        from booru_tagger.server.tagging.listening import make_server
    except ImportError as error:
        raise MissingExtraError(
            f"the server needs {error.name or error}; install it: pip install 'booru-tagger[web]'"
        ) from error
    if settings.serving.token is None and not _is_loopback(settings.serving.host):
        raise ConfigError(
            f"--host {settings.serving.host} can be reached from other computers: "
            "set a --token that they must know"
        )
    tagger, policy = make_tagger(settings), make_policy(settings)
    tagger.load()

    def tag(data: bytes, name: str) -> TagResult:
        return chosen(tagger.tag_bytes(data, name), policy)

    bounds = Bounds(
        body=settings.serving.max_upload,
        jobs=settings.running.jobs or available_cores(),
        waiting=settings.serving.max_waiting,
        seconds=float(settings.serving.answer_timeout),
    )
    app = make_app(tag, bounds, model=tagger.model, token=settings.serving.token)
    with listen(settings.serving.host, settings.serving.port) as listener:
        place = f"[{settings.serving.host}]" if ":" in settings.serving.host else settings.serving.host
        click.echo(f"booru-tagger serves at http://{place}:{listener.getsockname()[1]}/", err=True)
        with contextlib.suppress(KeyboardInterrupt):  # how serving ends
            make_server(app, bounds.seconds).run(sockets=[listener])
    return 0


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
