"""`booru-tagger push`: tag what is in hydrus, or on a szurubooru site."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from booru_tagger.cli.help import FullGroup, SectionedCommand, complete_paths, more_at
from booru_tagger.cli.options import Loaded, refuse_folders, with_settings
from booru_tagger.cli.printing import summarise, tell
from booru_tagger.cli.progress import show_outcomes
from booru_tagger.config import Settings, names_in
from booru_tagger.errors import counted
from booru_tagger.importing import import_small_numpy

if TYPE_CHECKING:
    from booru_tagger.app import Run

_TAGGING = (*names_in("tagging", "policy"), "format", "jobs", "journal", "max_pixels", "max_bytes")
_SENDING = ("marker", "request_rate", "request_timeout")

_dry_run = click.option("--dry-run", is_flag=True, help="Send nothing; print what would be sent.")
_force = click.option("--force", is_flag=True, help="Push again what was pushed before.")


@click.group(cls=FullGroup, epilog=more_at("boorus"))
def push() -> None:
    """Tag what is in hydrus, or on a szurubooru site, by way of its API.

    Keys and passwords belong in the configuration file or the environment; @FILE reads one from a file.
    """


@push.command(cls=SectionedCommand)
@click.argument("query", nargs=-1, required=True, metavar="PREDICATE...")
@_dry_run
@_force
@with_settings(*_TAGGING, *_SENDING, "hydrus_url", "hydrus_key", "hydrus_service")
def hydrus(query: tuple[str, ...], dry_run: bool, force: bool, loaded: Loaded) -> int:
    """Tag the pictures in hydrus that match every PREDICATE, as one types them in hydrus's search box.

    Tags are added; those that you deleted in hydrus stay deleted.

    \b
      booru-tagger push hydrus system:inbox
      booru-tagger push hydrus 'system:number of tags < 5' --marker 'meta:auto tagged'
    """
    import_small_numpy()
    from booru_tagger.app import pushing  # Pillow, and what leads to onnxruntime

    settings = loaded.settings
    with pushing.open_hydrus_run(query, settings, dry_run=dry_run, force=force, tell=tell) as run:
        return _go(run, settings, dry_run)


@push.command(cls=SectionedCommand)
@click.argument("paths", nargs=-1, metavar="[PATH]...", shell_complete=complete_paths)
@click.option("--posts", metavar="QUERY", help="Tag the posts that match, as in the site's search box.")
@click.option("--batch", is_flag=True, help="Upload all pictures below the folders named.")
@click.option("--similar", is_flag=True, help="Also upload pictures that look like an existing post.")
@_dry_run
@_force
@with_settings(
    *_TAGGING,
    *("recursive", "follow_links", "file_links", "ignore", "safety"),
    *_SENDING,
    *("szurubooru_url", "szurubooru_user", "szurubooru_token", "szurubooru_password", "szurubooru_category"),
)
def szurubooru(
    paths: tuple[str, ...],
    posts: str | None,
    batch: bool,
    similar: bool,
    dry_run: bool,
    force: bool,
    loaded: Loaded,
) -> int:
    """Tag posts of a szurubooru site, and upload the pictures PATH to it with their tags.

    A picture that is there already is not uploaded again; its post is tagged. Tags that were taken out of a
    post stay out, and its safety is never lowered.

    \b
      booru-tagger push szurubooru --posts 'tag-count:..3'
      booru-tagger push szurubooru --batch ~/fanart
    """
    import_small_numpy()
    from booru_tagger.app import pushing  # Pillow, and what leads to onnxruntime

    if posts is None and not paths:
        raise click.UsageError("Name pictures to upload, or posts to tag with --posts QUERY.")
    refuse_folders(paths, batch, "upload")
    uploads, settings = pushing.Uploads(paths, batch, similar), loaded.settings
    with pushing.open_szurubooru_run(
        posts, uploads, settings, dry_run=dry_run, force=force, tell=tell
    ) as run:
        return _go(run, settings, dry_run)


def _go(run: Run, settings: Settings, dry_run: bool) -> int:
    """Run, print and sum up; the exit code."""
    with show_outcomes(settings.printing, run.count) as listener:
        report = run.go(listener)
    changed = f"{counted(report.changed_files, 'picture')} changed there"
    summarise(report, "nothing sent (dry run)" if dry_run else changed)
    return report.exit_code
