"""`booru-tagger tag`: find the faces in pictures and write who they are."""

from __future__ import annotations

from pathlib import Path

import click

from booru_tagger.cli.options import Loaded, with_settings
from booru_tagger.config import names_in


@click.command()
@click.argument("paths", nargs=-1, metavar="[PATH]...")
@click.option("--batch", is_flag=True, help="Tag all pictures below the folders named, or the current one.")
@click.option("--dry-run", is_flag=True, help="Write nothing at all; print what would be written.")
@click.option("--force", is_flag=True, help="Tag again what was tagged before.")
@click.option(
    "--contact-sheet",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE.png",
    help="Draw all faces found, with their names, into one picture.",
)
@click.option(
    "--null", "-0", is_flag=True, help="Paths on standard input end with a null byte, not a newline."
)
@click.option(
    "--manifest",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    metavar="FILE",
    help="Tag the pictures listed in a file: a path a line, or in a .jsonl an object with a path.",
)
@click.option(
    "--records",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE.jsonl",
    help="Write no files beside the pictures, but a line for each into this one.",
)
@with_settings(
    *names_in("tagging", "reading", "policy", "writing", "recording", "running", "printing"),
)
def tag(
    paths: tuple[str, ...],
    batch: bool,
    dry_run: bool,
    force: bool,
    contact_sheet: Path | None,
    null: bool,
    manifest: Path | None,
    records: Path | None,
    loaded: Loaded,
) -> int:
    """Find the faces in pictures, say who they are, and write tags beside them.

    PATH is a picture, a pattern, with --batch also a folder, or - for a list of paths on standard input. With
    --records it may be an address (s3://…, see docs/scale.md), too. What stands in
    existing tag files is kept; what was tagged before and has not changed is skipped.

    \b
      booru-tagger tag a.png b.jpg
      booru-tagger tag --batch ~/fanart
      find . -name '*.webp' -print0 | booru-tagger tag --null -
    """
    from booru_tagger.cli.tagging import Request, tag_pictures  # numpy, Pillow and onnxruntime

    request = Request(paths, batch, dry_run, force, contact_sheet, null, manifest, records)
    return tag_pictures(request, loaded.settings)
