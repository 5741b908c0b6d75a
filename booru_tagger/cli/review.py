"""`booru-tagger review`: people say who the uncertain faces are."""

from __future__ import annotations

import contextlib
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING

import click

from booru_tagger.cli.help import SectionedCommand, more_at
from booru_tagger.cli.options import Loaded, refuse_without_journal, with_settings
from booru_tagger.cli.printing import tell
from booru_tagger.config import names_in
from booru_tagger.errors import EXIT_NOTHING_DONE, counted, quoted

if TYPE_CHECKING:
    from booru_tagger.app.reviewing import Reviewing


@click.command(cls=SectionedCommand, epilog=more_at("review"))
@click.argument(
    "folders", nargs=-1, metavar="[FOLDER]...", type=click.Path(path_type=Path, exists=True, file_okay=False)
)
@click.option("--queue", is_flag=True, help="Review all faces that wait, in any folder.")
@click.option("--strangers", is_flag=True, help="Open the page at groups of unknown faces that look alike.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, help="Port on 127.0.0.1.  [default: any free one]"
)
@click.option("--open/--no-open", "opens", default=True, help="Open the page in a browser.   [default: open]")
@click.option(
    "--export",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE.csv",
    help="Open no page; write the verdicts on faces so far into a table, for `dataset collect --verdicts`.",
)
@with_settings(
    *names_in("tagging", "policy", "writing", "recording", without=("respect_deletions",)),
    *("ignore", "max_pixels", "max_bytes", "executor", "address"),
)
def review(
    folders: tuple[Path, ...],
    queue: bool,
    strangers: bool,
    port: int,
    opens: bool,
    export: Path | None,
    loaded: Loaded,
) -> int:
    """Open a page, on this computer only, on which you say who the uncertain faces are.

    FOLDER is one whose pictures were tagged, by default the current one; its faces are all there, those that
    wait for you first. Each
    verdict is written into the picture's tag files at once, and holds for every later run.

    \b
      booru-tagger review ~/fanart
      booru-tagger review --queue
    """
    if not folders and not queue and export is None:
        folders = (Path(),)
    refuse_without_journal(loaded.settings.recording)
    from booru_tagger.app.reviewing import open_review, write_verdicts  # numpy, Pillow and onnxruntime

    if export is not None:
        rows = write_verdicts(export, folders, loaded.settings, tell)
        tell(f"{counted(rows, 'verdict')} written to {export}")
        return 0 if rows else EXIT_NOTHING_DONE
    with open_review(folders, loaded.settings, queue=queue, port=port, tell=tell) as reviewing:
        if reviewing is None:
            tell(_nothing(folders, queue))
            return EXIT_NOTHING_DONE
        _serve(reviewing, f"{reviewing.address}#strangers" if strangers else reviewing.address, opens)
    return 0


def _serve(reviewing: Reviewing, address: str, opens: bool) -> None:
    waiting = counted(reviewing.waiting, "face waits", "faces wait")
    click.echo(f"{waiting} for you at {address}", err=True)
    click.echo("Ctrl-C ends the review; all that you said is kept.", err=True)
    if opens:
        webbrowser.open(address)
    with contextlib.suppress(KeyboardInterrupt):  # how a review ends
        reviewing.go()
    left = counted(reviewing.waiting, "face")
    tell(f"{counted(reviewing.session.steps, 'step')} done, {left} left")


def _nothing(folders: tuple[Path, ...], queue: bool) -> str:
    if queue and not folders:
        return "no face waits for you; name a folder to see all faces in it"
    tagging = quoted("booru-tagger", "tag", "--batch", *map(str, folders))
    return f"no faces are known there; tag the folder first: {tagging}"
