"""`booru-tagger tag`: find the faces in pictures and write who they are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from booru_tagger.cli.help import READ, WRITE, SectionedCommand, SectionedOption, complete_paths, more_at
from booru_tagger.cli.next_step import following
from booru_tagger.cli.options import Loaded, refuse_folders, refuse_null_alone, with_settings
from booru_tagger.cli.printing import printable, summarise, tell
from booru_tagger.cli.progress import show_outcomes
from booru_tagger.config import names_in
from booru_tagger.errors import counted
from booru_tagger.importing import import_small_numpy

if TYPE_CHECKING:
    from booru_tagger.app import TagRequest


@click.command(cls=SectionedCommand, epilog=more_at("configuration", "performance", "scale"))
@click.argument("paths", nargs=-1, metavar="[PATH]...", shell_complete=complete_paths)
@click.option(
    "--batch",
    cls=SectionedOption,
    section=READ,
    is_flag=True,
    help="Tag all pictures below the folders named, or the current one.",
)
@click.option(
    "--dry-run",
    cls=SectionedOption,
    section=WRITE,
    is_flag=True,
    help="Write nothing at all; print what would be written.",
)
@click.option(
    "--force",
    cls=SectionedOption,
    section=WRITE,
    is_flag=True,
    help="Tag again what was tagged before.",
)
@click.option(
    "--contact-sheet",
    cls=SectionedOption,
    section=WRITE,
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE.png",
    help="Draw all faces found, with their names, into one picture.",
)
@click.option(
    "--cast",
    cls=SectionedOption,
    section=WRITE,
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE.html",
    help="Write who appears when in moving pictures: a page, or JSON where the name ends in .json.",
)
@click.option(
    "--null",
    "-0",
    cls=SectionedOption,
    section=READ,
    is_flag=True,
    help="Paths on standard input end with a null byte, not a newline.",
)
@click.option(
    "--manifest",
    cls=SectionedOption,
    section=READ,
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    metavar="FILE",
    help="Tag the pictures listed in a file: a path a line, or in a .jsonl an object with a path.",
)
@click.option(
    "--records",
    cls=SectionedOption,
    section=WRITE,
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE.jsonl",
    help="Write no files beside the pictures, but a line for each into this one; or a row, into a .parquet.",
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
    cast: Path | None,
    null: bool,
    manifest: Path | None,
    records: Path | None,
    loaded: Loaded,
) -> int:
    """Find the faces in pictures, say who they are, and write tags beside them.

    PATH is a picture, a pattern, with --batch also a folder, or - for a list of paths on standard input. With
    --records it may be an address (s3://…), too. What stands in existing tag files is kept; what was tagged
    before and has not changed is skipped.

    \b
      booru-tagger tag a.png b.jpg
      booru-tagger tag --batch ~/fanart
      find . -name '*.webp' -print0 | booru-tagger tag --null -
    """
    import_small_numpy()
    from booru_tagger import app  # Pillow, and what leads to onnxruntime

    request = app.TagRequest(paths, batch, dry_run, force, contact_sheet, null, manifest, records, cast)
    _check(request)
    with (
        app.open_run(request, loaded.settings, tell) as run,
        show_outcomes(loaded.settings.printing, run.count) as listener,
    ):
        if line := app.running_on(run.tagger):
            tell(line)
        report = run.go(listener)
    queue = not dry_run and records is None and loaded.settings.recording.journal is not False
    then = following(report, request, words=click.get_current_context().find_root().obj or (), queue=queue)
    changes = "nothing written (dry run)" if dry_run else _written(report.changed_files, contact_sheet, cast)
    summarise(report, changes, queue=queue, following=then)
    return report.exit_code


def _written(files: int, sheet: Path | None, cast: Path | None) -> str:
    overviews = [f", {what} in {path}" for what, path in (("faces", sheet), ("cast list", cast)) if path]
    return printable(f"{counted(files, 'file')} written{''.join(overviews)}")


def _check(request: TagRequest) -> None:
    """Refuse what cannot be meant before anything is begun."""
    from booru_tagger.app import STDIN
    from booru_tagger.sources.storage import is_url

    if not request.paths and not request.batch and request.manifest is None:
        raise click.UsageError("Name pictures to tag, or give --batch for all below the current folder.")
    refuse_folders([path for path in request.paths if path != STDIN], request.batch, "tag")
    refuse_null_alone(request.paths, request.null)
    if request.records is None and not request.dry_run and any(map(is_url, request.paths)):
        raise click.UsageError(
            "Nothing can be written beside pictures in storage: give --records FILE.jsonl for their tags."
        )
    if request.contact_sheet is not None:
        _check_sheet(request.contact_sheet, request)
    if request.cast is not None:
        _check_cast(request.cast, request)


def _check_sheet(sheet: Path, request: TagRequest) -> None:
    if request.records is not None:
        raise click.UsageError("--contact-sheet draws what lies in files here; leave out --records.")
    if request.dry_run:
        raise click.UsageError("--contact-sheet writes a file, and --dry-run writes none; leave one out.")
    if sheet.suffix.lower() != ".png":
        raise click.UsageError(f"--contact-sheet {sheet}: the file's name must end in .png")


def _check_cast(cast: Path, request: TagRequest) -> None:
    if request.dry_run:
        raise click.UsageError("--cast writes a file, and --dry-run writes none; leave one out.")
    if cast.suffix.lower() not in (".html", ".htm", ".json"):
        raise click.UsageError(f"--cast {cast}: the file's name must end in .html or .json")
