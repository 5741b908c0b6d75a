"""`booru-tagger review`: people say who the uncertain faces are."""

from __future__ import annotations

from pathlib import Path

import click

from booru_tagger.cli.options import Loaded, with_settings
from booru_tagger.config import names_in


@click.command()
@click.argument(
    "folders", nargs=-1, metavar="[FOLDER]...", type=click.Path(path_type=Path, exists=True, file_okay=False)
)
@click.option("--queue", is_flag=True, help="Review the faces that wait, in whichever folder they are.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, help="Port on 127.0.0.1.  [default: any free one]"
)
@click.option("--open/--no-open", "opens", default=True, help="Open the page in a browser.  [default: open]")
@click.option(
    "--export",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE.csv",
    help="Open no page; write what was said of faces so far into a table, for `dataset collect --verdicts`.",
)
@with_settings(
    *names_in("tagging", "policy", "writing", "recording", without=("respect_deletions",)),
    *("max_pixels", "max_bytes", "executor", "address"),
)
def review(
    folders: tuple[Path, ...], queue: bool, port: int, opens: bool, export: Path | None, loaded: Loaded
) -> int:
    """Open a page, on this computer only, on which you say who the uncertain faces are.

    FOLDER is one whose pictures were tagged; its faces are all there, those that wait for you first. Each
    verdict is written into the picture's tag files at once, and holds for every later run. See
    docs/review.md.

    \b
      booru-tagger review ~/fanart
      booru-tagger review --queue
    """
    from booru_tagger.cli.reviewing import Request, review_faces  # numpy, Pillow and onnxruntime

    return review_faces(Request(folders, queue, port, opens, export), loaded.settings)
