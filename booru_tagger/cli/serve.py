"""`booru-tagger serve`: a tagging server."""

from __future__ import annotations

import contextlib

import click

from booru_tagger.cli.help import SectionedCommand, more_at
from booru_tagger.cli.options import Loaded, with_settings
from booru_tagger.config import names_in
from booru_tagger.importing import import_small_numpy


@click.command(cls=SectionedCommand, epilog=more_at("server"))
@with_settings(*names_in("tagging", "policy", "serving"), "max_pixels", "jobs")
def serve(loaded: Loaded) -> int:
    """Answer other programs that ask for the tags of pictures.

    Speaks danbooru/autotagger's protocol (POST /evaluate), that of the SD-webui tagger
    (/tagger/v1/interrogate) and its own (POST /v1/tag); / is a page to try it. Only this computer reaches it,
    unless --host says otherwise, which takes a --token.

    \b
      booru-tagger serve
      booru-tagger serve --host 0.0.0.0 --port 5000 --token @token.txt
    """
    import_small_numpy()
    from booru_tagger.app.serving import open_server  # Pillow, and what leads to onnxruntime

    def log(line: str) -> None:
        click.echo(line, err=True)

    with open_server(loaded.settings, log) as serving:
        click.echo(f"booru-tagger serves at {serving.address}", err=True)
        with contextlib.suppress(KeyboardInterrupt):  # how serving ends
            serving.go()
    return 0
