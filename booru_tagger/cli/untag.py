"""`booru-tagger untag`: take out again what was written."""

from __future__ import annotations

import json
import os
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import click

from booru_tagger.cli.help import SectionedCommand, complete_paths, more_at
from booru_tagger.cli.options import Loaded, refuse_folders, refuse_without_journal, with_settings
from booru_tagger.cli.printing import printable, tell
from booru_tagger.errors import EXIT_NOTHING_DONE, EXIT_SOME_FAILED, counted

if TYPE_CHECKING:
    from booru_tagger.runner.undo import PictureUndo


@click.command(cls=SectionedCommand, epilog=more_at("journal"))
@click.argument("paths", nargs=-1, metavar="[PATH]...", shell_complete=complete_paths)
@click.option("--batch", is_flag=True, help="Untag all pictures below the folders named, or the current one.")
@click.option("--dry-run", is_flag=True, help="Change nothing; print what would become of each file.")
@click.option(
    "--forget-deletions",
    is_flag=True,
    help="Forget which tags you took out by hand, so that a later run may write them again.",
)
@with_settings(
    "recursive", "follow_links", "ignore", "sidecar_name", "output", "keep_mtime", "format", "journal"
)
def untag(paths: tuple[str, ...], batch: bool, dry_run: bool, forget_deletions: bool, loaded: Loaded) -> int:
    """Take out exactly the tags that this program wrote for pictures.

    A file that nobody has touched since becomes what it was, to the byte, or goes if there was none. In a
    file that was edited, everything stays but our tags. PATH is a picture, even one that is gone, or with
    --batch a folder.

    \b
      booru-tagger untag a.png
      booru-tagger untag --batch --dry-run ~/fanart
    """
    if not paths and not batch:
        raise click.UsageError("Name pictures to untag, or give --batch for all below the current folder.")
    refuse_folders(paths, batch, "untag")
    refuse_without_journal(loaded.settings.recording)
    from booru_tagger.app.untagging import untag_pictures

    tally = _Tally()

    def listener(undoing: PictureUndo) -> None:
        tally.add(undoing)
        _print(undoing, loaded.settings.printing.format)

    named = [Path(path) for path in paths or (os.curdir,)]
    signal = untag_pictures(
        named, loaded.settings, listener, dry_run=dry_run, forget_deletions=forget_deletions, tell=tell
    )
    click.echo(_summary(tally, dry_run), err=True)
    return tally.exit_code if signal is None else 128 + signal


_SAID: dict[str, str] = {
    "restored": "as it was before",
    "deleted": "deleted, as there was none before",
    "edited": "taken out",
    "missing": "gone already",
    "failed": "failed",
}


@dataclass(slots=True)
class _Tally:
    """How it went: pictures whose tags are out, unknown ones, failed ones, and what became of files."""

    done: int = 0
    unknown: int = 0
    failed: int = 0
    fates: Counter[str] = field(default_factory=Counter)

    def add(self, undoing: PictureUndo) -> None:
        self.fates.update(undone.fate for undone in undoing.targets)
        if undoing.failed:
            self.failed += 1
        elif undoing.targets:
            self.done += 1
        else:
            self.unknown += 1

    @property
    def exit_code(self) -> int:
        if not self.done:
            return EXIT_NOTHING_DONE
        return EXIT_SOME_FAILED if self.failed else 0


def _print(undoing: PictureUndo, form: str) -> None:
    if form == "jsonl":
        click.echo(json.dumps(_to_json(undoing)))
    elif form == "table":
        for undone in undoing.targets:
            tags = f" ({', '.join(undone.tags)})" if undone.tags else ""
            click.echo(printable(f"{undone.target}: {_SAID[undone.fate]}{tags}"))
    if not undoing.targets:
        click.echo(
            printable(
                f"{undoing.picture}: no tags of this program are known; was it tagged with another --journal?"
            ),
            err=True,
        )
    for undone in undoing.targets:
        if undone.error is not None:
            click.echo(printable(undone.error.message), err=True)


def _to_json(undoing: PictureUndo) -> dict[str, object]:
    return {
        "path": str(undoing.picture),
        "targets": [
            {
                "path": str(undone.target),
                "writer": undone.writer,
                "fate": undone.fate,
                "tags": list(undone.tags),
                "error": undone.error.to_json() if undone.error else None,
            }
            for undone in undoing.targets
        ],
    }


def _summary(tally: _Tally, dry_run: bool) -> str:
    if not (tally.done or tally.failed):
        return "booru-tagger: nothing to untag"
    parts = [f"{counted(tally.done, 'picture')} untagged"]
    parts += [f"{tally.failed:,} failed"] if tally.failed else []
    files = [
        f"{counted(tally.fates['restored'], 'file')} as before",
        f"{tally.fates['deleted']:,} deleted",
        f"{tally.fates['edited']:,} freed of our tags",
    ]
    rehearsed = " (dry run: nothing was changed)" if dry_run else ""
    return f"{', '.join(parts)}; {', '.join(files)}{rehearsed}"
