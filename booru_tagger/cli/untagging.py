"""What `booru-tagger untag` does, put together from the journal and the undo."""

from __future__ import annotations

import json
import os
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import click

from booru_tagger.app import writer_options
from booru_tagger.cli.journal import need_journal
from booru_tagger.cli.printing import counted, printable
from booru_tagger.config import Settings
from booru_tagger.errors import EXIT_NOTHING_DONE, EXIT_SOME_FAILED
from booru_tagger.runner.interrupts import Interrupted, Interrupts
from booru_tagger.runner.undo import Fate, Undoing, untag, written_for
from booru_tagger.sources.listed import Walk

_SAID: dict[Fate, str] = {
    "restored": "as it was before",
    "deleted": "deleted, as there was none before",
    "edited": "taken out",
    "missing": "gone already",
    "failed": "failed",
}


@dataclass(frozen=True, slots=True)
class Request:
    """What one call asks for, besides the settings."""

    paths: tuple[str, ...]
    batch: bool = False
    dry_run: bool = False
    forget_deletions: bool = False


@dataclass(slots=True)
class _Tally:
    """How it went: pictures whose tags are out, unknown ones, failed ones, and what became of files."""

    done: int = 0
    unknown: int = 0
    failed: int = 0
    fates: Counter[Fate] = field(default_factory=Counter)

    def add(self, undoing: Undoing) -> None:
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


def untag_pictures(request: Request, settings: Settings) -> int:
    """Untag what is asked for, print it, and return the exit code. Raises UsageError and BooruTaggerError."""
    _check(request)
    paths = [Path(path) for path in request.paths or (os.curdir,)]
    options = writer_options(settings, [path if path.is_dir() else path.parent for path in paths])
    walk = Walk(recursive=settings.reading.recursive, follow_links=settings.reading.follow_links)
    tally, code = _Tally(), None
    with need_journal(settings) as journal, Interrupts() as interrupts:
        try:
            for picture in written_for(paths, journal, walk):
                with interrupts.shield():
                    undoing = untag(
                        picture,
                        journal,
                        options,
                        dry_run=request.dry_run,
                        forget_deletions=request.forget_deletions,
                    )
                    tally.add(undoing)
                    _print(undoing, settings.printing.format)
        except Interrupted as interruption:
            code = interruption.exit_code
    click.echo(_summary(tally, request), err=True)
    return tally.exit_code if code is None else code


def _check(request: Request) -> None:
    """Refuse what cannot be meant before anything is begun."""
    if not request.paths and not request.batch:
        raise click.UsageError("Name pictures to untag, or give --batch for all below the current folder.")
    folders = [path for path in request.paths if Path(path).is_dir()]
    if folders and not request.batch:
        raise click.UsageError(
            f"{printable(folders[0])} is a folder. To untag the pictures in it: "
            f"booru-tagger untag --batch {printable(folders[0])}"
        )


def _print(undoing: Undoing, form: str) -> None:
    if form == "jsonl":
        click.echo(json.dumps(_to_json(undoing)))
    elif form == "table":
        for undone in undoing.targets:
            tags = f" ({', '.join(undone.tags)})" if undone.tags else ""
            click.echo(printable(f"{undone.target}: {_SAID[undone.fate]}{tags}"))
    if not undoing.targets:
        click.echo(
            printable(f"{undoing.picture}: nothing of ours is known; was it tagged under another --journal?"),
            err=True,
        )
    for undone in undoing.targets:
        if undone.error is not None:
            click.echo(printable(undone.error.message), err=True)


def _to_json(undoing: Undoing) -> dict[str, object]:
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


def _summary(tally: _Tally, request: Request) -> str:
    if not (tally.done or tally.failed):
        return "booru-tagger: nothing to untag"
    parts = [f"{counted(tally.done, 'picture')} untagged"]
    parts += [f"{tally.failed:,} failed"] if tally.failed else []
    files = [
        f"{counted(tally.fates['restored'], 'file')} as before",
        f"{tally.fates['deleted']:,} deleted",
        f"{tally.fates['edited']:,} rid of our tags",
    ]
    rehearsed = " (dry run: nothing was changed)" if request.dry_run else ""
    return f"{', '.join(parts)}; {', '.join(files)}{rehearsed}"
