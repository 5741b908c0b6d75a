"""`booru-tagger report`: a page about who was found in a folder."""

from __future__ import annotations

from pathlib import Path

import click

from booru_tagger.cli.options import Loaded, with_settings


@click.command()
@click.argument("folder", metavar="FOLDER", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option(
    "-o",
    "--output",
    "target",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("report.html"),
    metavar="FILE.html",
    help="Where to write the page.  [default: report.html]",
)
@with_settings(
    *("model", "crops", "threshold", "gallery", "review_band", "recursive", "follow_links", "journal"),
    *("max_pixels", "max_bytes"),
)
def report(folder: Path, target: Path, loaded: Loaded) -> int:
    """Write one page about the tagged pictures in FOLDER: who is in them, with contact sheets.

    Also colours and counts, unknown faces that look alike and may be worth a name, and what went wrong. The
    page is one file that opens from disk and needs nothing else; the pictures are not changed.

    \b
      booru-tagger report ~/fanart -o fanart.html
    """
    from booru_tagger.cli.reporting import write_report  # numpy, Pillow and onnxruntime

    return write_report(folder, target, loaded.settings)
