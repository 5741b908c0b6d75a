"""`booru-tagger characters learn`: enrol characters from the library that one has."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from booru_tagger.cli.help import (
    READ,
    THERE,
    WRITE,
    SectionedCommand,
    SectionedOption,
    complete_paths,
    more_at,
)
from booru_tagger.cli.options import Loaded, with_settings
from booru_tagger.cli.printing import printable, tell
from booru_tagger.cli.progress import looking
from booru_tagger.errors import EXIT_SOME_FAILED, counted

if TYPE_CHECKING:
    from booru_tagger.app.learning import Learning
    from booru_tagger.config import Settings

_path = click.Path(path_type=Path)
_standing = click.Path(path_type=Path, exists=True)
_file = click.Path(path_type=Path, dir_okay=False)
_NAMELESS = (
    "nothing says who is in them; if folders are called after characters: --folder-names; "
    "if their tags are names that nobody knows yet: --names FILE"
)
_SHOWN = 20
"""Doubtful names that are printed; there may be thousands."""


@click.command(cls=SectionedCommand, epilog=more_at("characters"))
@click.argument("paths", nargs=-1, type=_standing, metavar="[PATH]...", shell_complete=complete_paths)
@click.option(
    "--names",
    cls=SectionedOption,
    section=READ,
    type=_file,
    metavar="FILE",
    help="Characters' names: one a line, or a list of tags.",
)
@click.option(
    "--metadata",
    cls=SectionedOption,
    section=READ,
    multiple=True,
    type=_path,
    metavar="PATH",
    help="Posts as JSON (Danbooru's dumps, gallery-dl), by the pictures' names or MD5. May be repeated.",
)
@click.option(
    "--folder-names",
    cls=SectionedOption,
    section=READ,
    is_flag=True,
    help="Each folder is called after the character in it.",
)
@click.option(
    "--hydrus",
    cls=SectionedOption,
    section=THERE,
    multiple=True,
    metavar="TAG",
    help="Files in hydrus that match. May be repeated.",
)
@click.option(
    "--szurubooru",
    cls=SectionedOption,
    section=THERE,
    metavar="QUERY",
    help="Posts of the szurubooru site that match.",
)
@click.option(
    "--lookup",
    cls=SectionedOption,
    section=THERE,
    multiple=True,
    metavar="URL",
    help="Ask a site like Danbooru for pictures without names, by their MD5. May be repeated.",
)
@click.option(
    "--only",
    cls=SectionedOption,
    section=WRITE,
    multiple=True,
    metavar="NAME",
    help="Learn this character. May be repeated.",
)
@click.option(
    "--leave-out",
    cls=SectionedOption,
    section=WRITE,
    multiple=True,
    metavar="NAME",
    help="Do not learn this one. May be repeated.",
)
@click.option(
    "--new-only",
    cls=SectionedOption,
    section=WRITE,
    is_flag=True,
    help="Learn none of the characters that the model knows.",
)
@click.option(
    "--min-faces",
    cls=SectionedOption,
    section=WRITE,
    type=click.IntRange(1),
    default=2,
    metavar="N",
    help="Faces that a character needs.  [default: 2]",
)
@click.option(
    "--page",
    cls=SectionedOption,
    section=WRITE,
    type=_file,
    metavar="FILE",
    help="Write a page to look it all through; learn nothing.",
)
@click.option(
    "--approved",
    cls=SectionedOption,
    section=WRITE,
    type=_file,
    metavar="FILE",
    help="Learn what was approved on the page.",
)
@click.option(
    "--doubts",
    cls=SectionedOption,
    section=WRITE,
    type=_file,
    metavar="FILE",
    help="Write all doubtful names into a table (CSV).",
)
@click.option(
    "--dry-run",
    cls=SectionedOption,
    section=WRITE,
    is_flag=True,
    help="Learn nothing; say what would be learned.",
)
@with_settings(
    *("gallery", "journal", "model", "threshold", "crops", "provider", "jobs"),
    *("recursive", "follow_links", "file_links", "ignore", "max_pixels", "max_bytes"),
    *("hydrus_url", "hydrus_key", "szurubooru_url", "szurubooru_user", "szurubooru_token"),
    *("szurubooru_password", "marker", "request_rate", "request_timeout"),
)
def learn(
    paths: tuple[Path, ...],
    names: Path | None,
    metadata: tuple[Path, ...],
    folder_names: bool,
    hydrus: tuple[str, ...],
    szurubooru: str | None,
    lookup: tuple[str, ...],
    only: tuple[str, ...],
    leave_out: tuple[str, ...],
    new_only: bool,
    min_faces: int,
    page: Path | None,
    approved: Path | None,
    doubts: Path | None,
    dry_run: bool,
    loaded: Loaded,
) -> int:
    """Enrol characters from pictures that say who is in them: a library that was tagged by people.

    Names are taken from sidecars, keywords in the pictures, folders and the journal. Wrong names and faces
    that are unlike the others are listed, not learned. Only pictures that are new since the last time are
    read.

    \b
      booru-tagger characters learn ~/fanart --page look.html
      booru-tagger characters learn ~/fanart --approved approved.json
    """
    from booru_tagger.app import learning as app  # numpy, Pillow and onnxruntime

    if not paths and not hydrus and szurubooru is None:
        raise click.UsageError("Name pictures or folders to learn from, or give --hydrus or --szurubooru.")
    settings = loaded.settings
    request = app.LearnRequest(
        paths=paths,
        names=names,
        metadata=metadata,
        all_folders=folder_names,
        hydrus=hydrus,
        szurubooru=szurubooru,
        lookup=lookup,
        only=only,
        leave_out=leave_out,
        new_only=new_only,
        min_faces=min_faces,
        approved=approved,
    )
    learned = app.learn_library(request, settings, begin=looking, tell=tell)
    _print_lesson(learned)
    _keep(learned, settings, page, doubts, dry_run)
    for failure in learned.failures:
        click.echo(printable(failure), err=True)
    return EXIT_SOME_FAILED if learned.failures else 0


def _keep(
    learned: Learning, settings: Settings, page: Path | None, doubts: Path | None, dry_run: bool
) -> None:
    """Write what was asked for: the table of doubts, and the page or else the gallery."""
    from booru_tagger.app import learning as app
    from booru_tagger.app.characters import gallery_file
    from booru_tagger.app.parts import make_limits

    if doubts is not None:
        app.write_doubts(learned, doubts)
    if page is not None:
        app.write_page(learned, page, make_limits(settings.reading))
        tell(f"nothing learned yet; look at {page}, and save there what you approve")
    else:
        idle = dry_run or not learned.lesson.characters
        gallery = app.enrol_learned(learned, settings, dry_run=idle)
        written = f"written to {gallery_file(settings.tagging)}"
        place = "nothing written (dry run)" if dry_run else "nothing to be learned" if idle else written
        tell(f"{counted(len(gallery), 'character')} in the gallery; {place}")


def _print_lesson(learned: Learning) -> None:
    lesson = learned.lesson
    for one in lesson.characters:
        twin = f"; most look like {one.twin}: the same character?" if one.twin else ""
        click.echo(printable(f"{one.tag}: {counted(len(one.faces), 'face')}{twin}"))
    for doubt in lesson.doubts[:_SHOWN]:
        click.echo(printable(f"doubtful: {doubt.picture}: {doubt.tag}: {doubt}"))
    if len(lesson.doubts) > _SHOWN:
        click.echo(f"and {len(lesson.doubts) - _SHOWN:,} doubtful names more (--doubts FILE lists them)")
    if not learned.named:
        tell(f"{counted(learned.pictures, 'picture')}; {_NAMELESS}")
        return
    few, doubts = len(lesson.too_few), len(lesson.doubts)
    tell(
        f"{counted(learned.pictures, 'picture')}, {learned.named:,} with names, {learned.read:,} of them "
        f"new; {counted(len(lesson.characters), 'character')} with {counted(lesson.faces, 'face')}"
        + (f", {few:,} with too few" if few else "")
        + (f", {counted(doubts, 'name')} doubtful" if doubts else "")
    )
