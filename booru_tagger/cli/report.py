"""`booru-tagger report`: a page about who was found in a folder."""

from __future__ import annotations

from pathlib import Path

import click

from booru_tagger.cli.help import SectionedCommand, more_at
from booru_tagger.cli.options import Loaded, refuse_without_journal, with_settings
from booru_tagger.cli.printing import tell
from booru_tagger.cli.progress import looking
from booru_tagger.errors import EXIT_NOTHING_DONE, counted, quoted


@click.command(cls=SectionedCommand, epilog=more_at("review"))
@click.argument(
    "folder",
    metavar="[FOLDER]",
    default=Path(),
    type=click.Path(path_type=Path, exists=True, file_okay=False),
)
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
    *("model", "crops", "threshold", "gallery", "review_band", "recursive", "follow_links", "ignore"),
    *("journal", "max_pixels", "max_bytes"),
)
def report(folder: Path, target: Path, loaded: Loaded) -> int:
    """Write one page about the tagged pictures in FOLDER, or the current one: who is in them, with contact
    sheets.

    Also colors and counts, unknown faces that look alike and may be worth a name, and what went wrong. The
    page is one file that opens from disk and needs nothing else; the pictures are not changed.

    \b
      booru-tagger report ~/fanart -o fanart.html
    """
    if target.suffix.lower() not in (".html", ".htm"):
        raise click.UsageError(f"--output {target}: the file's name must end in .html")
    refuse_without_journal(loaded.settings.recording)
    from booru_tagger.app.reporting import write_report  # numpy, Pillow and onnxruntime

    with looking(None, "looking at the pictures") as step:
        written = write_report(folder, target, loaded.settings, step=step, tell=tell)
    if not written.pictures:
        begin = quoted("booru-tagger", "tag", "--batch", str(folder))
        tell(f"no picture there was tagged yet; begin with: {begin}")
        return EXIT_NOTHING_DONE
    summary = f"{counted(written.faces, 'face')} and {counted(len(written.characters), 'character')}"
    tell(f"{summary} written to {target}")
    return 0
