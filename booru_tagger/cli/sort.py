"""`booru-tagger sort`: tagged pictures into folders, and back."""

from __future__ import annotations

import json
import os
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import click

from booru_tagger.cli.options import Loaded, refuse_null_alone, refuse_without_journal, with_settings
from booru_tagger.cli.printing import REHEARSED, printable, tell
from booru_tagger.errors import EXIT_NOTHING_DONE, EXIT_SOME_FAILED, counted

if TYPE_CHECKING:
    from booru_tagger.app.sorting import SortedPicture
    from booru_tagger.library.placing import TakenBack


@click.command()
@click.argument("paths", nargs=-1, metavar="[PATH]...")
@click.option(
    "--into",
    "tree",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Where the tree of folders grows.",
)
@click.option(
    "--template",
    default="{series}/{character}",
    show_default=True,
    metavar="PATH",
    help="The folder of a picture, of {series}, {character}, {hair}, {eyes}, {heads}, {rating}, {folder}, "
    "{year} and {month}.",
)
@click.option(
    "--by",
    "way",
    type=click.Choice(["hardlink", "link", "copy", "move"]),
    default="hardlink",
    show_default=True,
    help="Give files a second name, link to them, copy or move them.",
)
@click.option(
    "--several",
    type=click.Choice(["first", "each", "together", "apart", "skip"]),
    default="first",
    show_default=True,
    help="A picture with several characters goes to the surest one, to each, to all names joined, to a "
    "folder `several`, or nowhere.",
)
@click.option(
    "--unknown",
    metavar="NAME|skip",
    help="What is not known is called NAME; `skip` leaves out pictures of which neither a name nor a series "
    "is known.  [default: unknown]",
)
@click.option(
    "--min-score", type=click.FloatRange(0, 1), default=0.0, help="Less sure names count as unknown."
)
@click.option("--null", "-0", is_flag=True, help="Paths on standard input end with a null byte.")
@click.option("--dry-run", is_flag=True, help="Change nothing; print what would be done.")
@click.option("--undo", is_flag=True, help="Take back all that was sorted into the folder.")
@with_settings("model", "gallery", "implications", "recursive", "follow_links", "ignore", "format", "journal")
def sort(
    paths: tuple[str, ...],
    tree: Path,
    template: str,
    way: str,
    several: str,
    unknown: str | None,
    min_score: float,
    null: bool,
    dry_run: bool,
    undo: bool,
    loaded: Loaded,
) -> int:
    """Sort tagged pictures into folders by who is in them.

    PATH is a picture, a folder, or - for a list on standard input. Tag files and other files that are named
    after a picture go along. Nothing is ever overwritten: a second a.png becomes `a (2).png`. The same
    command goes on after an interruption, and sorts anew what has got another name since. --undo gives every
    file back.

    \b
      booru-tagger sort ~/fanart --into ~/sorted --dry-run
      booru-tagger find --min-score 0.9 --null | booru-tagger sort - --null --into ~/sure
      booru-tagger sort --undo --into ~/sorted
    """
    _check(paths, undo, way, several, null)
    refuse_without_journal(loaded.settings.recording)
    if undo:
        return _undo(tree, loaded, dry_run)
    from booru_tagger.app.sorting import SortRequest, sort_pictures

    request = SortRequest(paths, tree, template, way, several, min_score, null, dry_run, unknown)  # type: ignore[arg-type]
    tally = _Tally(way, _who_stays(several, unknown))

    def listener(picture: SortedPicture) -> None:
        tally.add(picture)
        _print(picture, tree, loaded.settings.printing.format)

    signal = sort_pictures(request, loaded.settings, listener, tell)
    tell(tally.summary + (REHEARSED if dry_run else ""))
    return tally.exit_code if signal is None else 128 + signal


def _check(paths: tuple[str, ...], undo: bool, way: str, several: str, null: bool) -> None:
    if undo and paths:
        raise click.UsageError("--undo takes back all that was sorted into --into FOLDER; name no pictures.")
    if not undo and not paths:
        raise click.UsageError("Name pictures or folders to sort.")
    refuse_null_alone(paths, null)
    if way == "move" and several == "each":
        raise click.UsageError("A picture can be moved to one place only; use --by hardlink, link or copy.")


def _who_stays(several: str, unknown: str | None) -> str:
    whom = ["several characters"] if several == "skip" else []
    return " or ".join([*whom, *(["nobody known"] if unknown == "skip" else [])])


_DONE = {"hardlink": "hard-linked", "link": "linked", "copy": "copied", "move": "moved"}


@dataclass(slots=True)
class _Tally:
    way: str
    whom: str
    sorted: int = 0
    files: int = 0
    there: int = 0
    stays: int = 0
    failed: int = 0

    def add(self, picture: SortedPicture) -> None:
        self.failed += picture.error is not None or any(one.error for one in picture.taken_out)
        if picture.error is None:
            self.files += picture.files
            self.sorted += bool(picture.files)
            self.there += bool(picture.targets) and not picture.files
            self.stays += not picture.targets

    @property
    def summary(self) -> str:
        parts = [
            f"{counted(self.sorted, 'picture')} sorted ({counted(self.files, 'file')} {_DONE[self.way]})"
        ]
        parts += [f"{self.there:,} there already"] if self.there else []
        parts += [f"{self.stays:,} left out, with {self.whom}"] if self.stays else []
        parts += [f"{self.failed:,} failed"] if self.failed else []
        return ", ".join(parts)

    @property
    def exit_code(self) -> int:
        if not (self.sorted or self.there or self.stays):
            return EXIT_NOTHING_DONE
        return EXIT_SOME_FAILED if self.failed else 0


def _print(picture: SortedPicture, tree: Path, form: str) -> None:
    if form == "jsonl":
        click.echo(json.dumps(_to_json(picture)))
    elif form == "table" and picture.files:
        root = Path(os.path.realpath(tree))
        for target in picture.targets:  # as the tree was named: whole paths are mostly its own
            click.echo(printable(f"{picture.picture} -> {tree / target.relative_to(root)}"))
    errors = [picture.error.message] if picture.error is not None else []
    for message in [*errors, *(str(one.error) for one in picture.taken_out if one.error is not None)]:
        click.echo(printable(message), err=True)


def _to_json(picture: SortedPicture) -> dict[str, object]:
    return {
        "path": str(picture.picture),
        "targets": list(map(str, picture.targets)),
        "files": picture.files,
        "error": picture.error.to_json() if picture.error is not None else None,
    }


_SAID = {
    "removed": "removed from there",
    "returned": "moved back",
    "gone": "gone already",
    "left": "changed since, left there",
    None: "failed",
}


@dataclass(slots=True)
class _UndoTally:
    fates: Counter[str | None] = field(default_factory=Counter)

    @property
    def exit_code(self) -> int:
        if not self.fates:
            return EXIT_NOTHING_DONE
        return EXIT_SOME_FAILED if self.fates[None] else 0


def _undo(tree: Path, loaded: Loaded, dry_run: bool) -> int:
    from booru_tagger.app.sorting import undo_sorting

    tally, form = _UndoTally(), loaded.settings.printing.format

    def listener(step: TakenBack) -> None:
        tally.fates[step.fate] += 1
        target, source = step.placement.target, step.placement.source
        if step.error is not None:
            click.echo(printable(str(step.error)), err=True)
        if form == "jsonl":
            click.echo(json.dumps({"path": str(target), "source": str(source), "fate": step.fate}))
        elif form == "table":
            click.echo(printable(f"{target}: {_SAID[step.fate]}"))

    signal = undo_sorting(tree, loaded.settings, listener, dry_run=dry_run, tell=tell)
    fates = tally.fates
    if not fates:
        tell(f"nothing was sorted into {tree}, as far as this journal knows")
    else:
        rehearsed = REHEARSED if dry_run else ""
        rest = "".join(f", {fates[fate]:,} {_SAID[fate]}" for fate in ("gone", "left", None) if fates[fate])
        back = counted(fates["removed"] + fates["returned"], "file")
        tell(f"{back} taken back{rest}{rehearsed}")
    return tally.exit_code if signal is None else 128 + signal
