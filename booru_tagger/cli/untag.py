"""`booru-tagger untag`: take out again what was written."""

from __future__ import annotations

import click

from booru_tagger.cli.options import Loaded, with_settings


@click.command()
@click.argument("paths", nargs=-1, metavar="[PATH]...")
@click.option("--batch", is_flag=True, help="Untag all pictures below the folders named, or the current one.")
@click.option("--dry-run", is_flag=True, help="Change nothing; print what would become of each file.")
@click.option(
    "--forget-deletions",
    is_flag=True,
    help="Forget which tags you took out by hand, so that a later run may write them again.",
)
@with_settings("recursive", "follow_links", "sidecar_name", "output", "keep_mtime", "format", "journal")
def untag(paths: tuple[str, ...], batch: bool, dry_run: bool, forget_deletions: bool, loaded: Loaded) -> int:
    """Take out exactly the tags that this program wrote for pictures.

    A file that nobody has touched since becomes what it was, to the byte, or goes if there was none. In a
    file that was edited, everything stays but our tags. PATH is a picture, even one that is gone, or with
    --batch a folder.

    \b
      booru-tagger untag a.png
      booru-tagger untag --batch --dry-run ~/fanart
    """
    from booru_tagger.cli.untagging import Request, untag_pictures

    return untag_pictures(Request(paths, batch, dry_run, forget_deletions), loaded.settings)
