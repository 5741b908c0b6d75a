"""`booru-tagger show`: whose the tags of a picture are."""

from __future__ import annotations

from pathlib import Path

import click

from booru_tagger.cli.options import Loaded, with_settings


@click.command()
@click.argument("file", metavar="FILE")
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="Print tables, or one JSON object.",
)
@click.option(
    "--draw",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE.png",
    help="Draw the heads, with names and colours, into a copy of the picture.",
)
@with_settings("writer", "sidecar_name", "output", "journal", "max_pixels", "max_bytes")
def show(file: str, form: str, draw: Path | None, loaded: Loaded) -> int:
    """Show every tag of a picture and where it comes from: a person, the model, or what a character implies.

    Also the heads that were found, with scores and boxes, and what was written where and when.

    \b
      booru-tagger show a.png
      booru-tagger show a.png --draw heads.png
    """
    from booru_tagger.cli.showing import Request, show_picture

    return show_picture(Request(Path(file), form, draw), loaded.settings)
