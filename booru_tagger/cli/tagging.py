"""What `booru-tagger tag` does, put together from the runner's parts."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import click

from booru_tagger.cli.assembly import Desk, make_limits, make_policy, make_tagger, open_desk
from booru_tagger.cli.printing import make_printer
from booru_tagger.cli.progress import show_progress
from booru_tagger.cli.sheet import SheetFile
from booru_tagger.cli.summary import summarise
from booru_tagger.cli.text import counted, printable
from booru_tagger.config import Settings
from booru_tagger.parallel import make_executor
from booru_tagger.policy import Policy
from booru_tagger.runner import Outcome, run
from booru_tagger.sources import Item, Walk, from_list, from_paths
from booru_tagger.tagger import Tagger

STDIN = "-"


@dataclass(frozen=True, slots=True)
class Request:
    """What one call asks for, besides the settings."""

    paths: tuple[str, ...]
    batch: bool = False
    dry_run: bool = False
    force: bool = False
    contact_sheet: Path | None = None
    null: bool = False


def tag_pictures(request: Request, settings: Settings) -> int:
    """Tag what is asked for, print it, and return the exit code. Raises UsageError and BooruTaggerError."""
    _check(request)
    sheet = SheetFile(request.contact_sheet, make_limits(settings)) if request.contact_sheet else None
    tagger, policy = make_tagger(settings), make_policy(settings)
    with (
        _desk(request, settings, tagger, policy) as desk,
        show_progress(_counter(request, settings), wanted=wants_progress(settings)) as progress,
    ):
        printer = make_printer(settings.format, progress.pause)

        def listener(outcome: Outcome) -> None:
            progress(outcome)
            printer(outcome)
            if sheet is not None and desk is not None:
                sheet.add(outcome, desk.output.recall)

        report = run(
            _items(request, settings),
            tagger.tag,
            executor=make_executor(settings.jobs),
            policy=policy,
            output=desk.output if desk is not None else None,
            reviewer=desk.reviewer if desk is not None else None,
            listener=listener,
        )
        printer.close()
    if sheet is not None:
        sheet.save()
    files = counted(report.changed_files, "file")
    summarise(report, "nothing written (dry run)" if request.dry_run else f"{files} changed")
    return report.exit_code


def _desk(
    request: Request, settings: Settings, tagger: Tagger, policy: Policy
) -> AbstractContextManager[Desk | None]:
    if request.dry_run:
        return nullcontext()
    return open_desk(settings, tagger, policy, _roots(request), force=request.force)


def wants_progress(settings: Settings) -> bool:
    """Not where JSON lines run over the same terminal and show themselves how far it is."""
    return settings.format != "jsonl" or not sys.stdout.isatty()


def _check(request: Request) -> None:
    """Refuse what cannot be meant before anything is begun."""
    if not request.paths and not request.batch:
        raise click.UsageError("Name pictures to tag, or give --batch for all below the current folder.")
    folders = [path for path in request.paths if path != STDIN and Path(path).is_dir()]
    if folders and not request.batch:
        raise click.UsageError(
            f"{printable(folders[0])} is a folder. To tag the pictures in it: "
            f"booru-tagger tag --batch {printable(folders[0])}"
        )
    if request.null and STDIN not in request.paths:
        raise click.UsageError(
            "--null says how the list on standard input is separated; name - for that list."
        )
    if request.contact_sheet is not None and request.dry_run:
        raise click.UsageError("--contact-sheet writes a file, and --dry-run writes none; leave one out.")


def _roots(request: Request) -> list[Path]:
    """The folders that are mirrored into an output folder."""
    named = [Path(path) for path in request.paths if path != STDIN]
    roots = [path if path.is_dir() else path.parent for path in named]
    if STDIN in request.paths or not named:
        roots.append(Path())
    return list(dict.fromkeys(roots))


def _items(request: Request, settings: Settings) -> Iterator[Item | None]:
    walk = _walk(request, settings)
    for path in request.paths or (os.curdir,):
        if path == STDIN:
            yield from from_list(sys.stdin.buffer, walk, separator=b"\0" if request.null else b"\n")
        else:
            yield from from_paths([Path(path)], walk)


def _walk(request: Request, settings: Settings) -> Walk | None:
    if not request.batch:
        return None
    sheet = request.contact_sheet
    return Walk(
        recursive=settings.recursive,
        follow_links=settings.follow_links,
        file_links=settings.file_links,
        exclude=frozenset() if sheet is None else frozenset({sheet.resolve()}),
    )


def _counter(request: Request, settings: Settings) -> Callable[[], int] | None:
    """How many pictures there are, where that can be told before they are read."""
    if STDIN in request.paths:
        return None
    return lambda: sum(1 for _ in _items(request, settings))
