"""`booru-tagger show`: whose the tags of a picture are."""

from __future__ import annotations

import json
from pathlib import Path

import click

from booru_tagger.cli.help import SectionedCommand, complete_paths, more_at
from booru_tagger.cli.options import Loaded, refuse_without_journal, with_settings
from booru_tagger.cli.printing import printable, tell
from booru_tagger.errors import EXIT_NOTHING_DONE


@click.command(cls=SectionedCommand, epilog=more_at("journal"))
@click.argument("file", metavar="FILE", shell_complete=complete_paths)
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
    help="Draw the heads, with names and colors, into a copy of the picture.",
)
@with_settings("writer", "sidecar_name", "output", "journal", "max_pixels", "max_bytes")
def show(file: str, form: str, draw: Path | None, loaded: Loaded) -> int:
    """Show every tag of a picture and where it comes from: a person, the model, or what a character implies.

    Also the heads that were found, with scores and boxes, and what was written where and when.

    \b
      booru-tagger show a.png
      booru-tagger show a.png --draw heads.png
    """
    picture = Path(file)
    if picture.is_dir():
        raise click.UsageError(f"{printable(file)} is a folder; name one picture.")
    if draw is not None and draw.suffix.lower() != ".png":
        raise click.UsageError(f"--draw {draw}: the file's name must end in .png")
    refuse_without_journal(loaded.settings.recording)
    from booru_tagger.app.showing import draw_heads, known_of
    from booru_tagger.cli.show_tables import print_tables

    known = known_of(picture, loaded.settings, tell)
    if known.result is None and not known.tags and not picture.exists():
        click.echo(printable(f"{picture}: there is no such file, and nothing is known of it"), err=True)
        return EXIT_NOTHING_DONE
    if draw is not None:
        draw_heads(draw, picture, known, loaded.settings.reading)
    if form == "json":
        click.echo(json.dumps(known.to_json(), indent=2))
    else:
        print_tables(known)
    return 0
