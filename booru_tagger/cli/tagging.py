"""What `booru-tagger tag` does, put together from the runner's parts."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import click

from booru_tagger.app import (
    Desk,
    make_limits,
    make_policy,
    make_tagger,
    make_workers,
    open_desk,
    running_on,
    tagging_parts,
)
from booru_tagger.cli.journal import tell
from booru_tagger.cli.printing import counted, make_printer, printable, summarise
from booru_tagger.cli.progress import show_progress
from booru_tagger.config import Settings
from booru_tagger.drawing.contact_sheet import ContactSheet, is_sheet
from booru_tagger.errors import OutputError
from booru_tagger.files.replace import replace_file
from booru_tagger.imaging import Limits
from booru_tagger.runner import Outcome, run
from booru_tagger.runner.records import Records
from booru_tagger.sources.listed import Elsewhere, Item, Walk, failure, from_list, from_manifest, from_pattern
from booru_tagger.sources.storage import Remote, is_url, path_of
from booru_tagger.sources.storage import pictures as remote_pictures
from booru_tagger.tagging.policy import Policy
from booru_tagger.tagging.tagger import Tagger
from booru_tagger.types import TagResult

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
    manifest: Path | None = None
    records: Path | None = None


def tag_pictures(request: Request, settings: Settings) -> int:
    """Tag what is asked for, print it, and return the exit code. Raises UsageError and BooruTaggerError."""
    _check(request)
    sheet = SheetFile(request.contact_sheet, make_limits(settings)) if request.contact_sheet else None
    tagger, policy = make_tagger(settings), make_policy(settings)
    if line := running_on(settings, tagger):
        click.echo(f"booru-tagger: {line}", err=True)
    with (
        _desk(request, settings, tagger, policy) as desk,
        _records(request, tagger, policy) as records,
        show_progress(_counter(request, settings), wanted=wants_progress(settings)) as progress,
    ):
        printer = make_printer(settings.printing.format, progress.pause)

        def listener(outcome: Outcome) -> None:
            progress(outcome)
            printer(outcome)
            if sheet is not None and desk is not None:
                sheet.add(outcome, desk.output.recall)

        report = run(
            _items(request, settings),
            _tag_function(request, settings, tagger),
            executor=make_workers(settings),
            policy=policy,
            output=desk.output if desk is not None else records,
            reviewer=desk.reviewer if desk is not None else None,
            listener=listener,
        )
        printer.close()
    if sheet is not None:
        sheet.save()
    files = counted(report.changed_files, "file")
    summarise(report, "nothing written (dry run)" if request.dry_run else f"{files} changed")
    return report.exit_code


def _tag_function(request: Request, settings: Settings, tagger: Tagger) -> Callable[[Path], TagResult]:
    """Only where no files are written beside pictures may these be in storage."""
    if request.records is None and not request.dry_run:
        return tagger.tag
    return Remote(tagger.tag, tagger.tag_bytes, make_limits(settings))


def _desk(
    request: Request, settings: Settings, tagger: Tagger, policy: Policy
) -> AbstractContextManager[Desk | None]:
    if request.dry_run or request.records is not None:
        return nullcontext()
    return open_desk(settings, tagger, policy, _roots(request), force=request.force, tell=tell)


def _records(request: Request, tagger: Tagger, policy: Policy) -> AbstractContextManager[Records | None]:
    if request.dry_run or request.records is None:
        return nullcontext()
    parts = repr(tagging_parts(tagger, policy)).encode("utf-8", "backslashreplace")
    return Records(request.records, hashlib.sha256(parts).hexdigest()[:16], force=request.force)


def wants_progress(settings: Settings) -> bool:
    """Not where JSON lines run over the same terminal and show themselves how far it is."""
    return settings.printing.format != "jsonl" or not sys.stdout.isatty()


def _check(request: Request) -> None:
    """Refuse what cannot be meant before anything is begun."""
    if not request.paths and not request.batch and request.manifest is None:
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
    if request.contact_sheet is not None and request.records is not None:
        raise click.UsageError("--contact-sheet draws what lies in files here; leave out --records.")
    if request.records is None and not request.dry_run and any(map(is_url, request.paths)):
        raise click.UsageError(
            "Nothing can be written beside pictures in storage: give --records FILE.jsonl for their tags."
        )
    if request.contact_sheet is not None and request.dry_run:
        raise click.UsageError("--contact-sheet writes a file, and --dry-run writes none; leave one out.")


def _roots(request: Request) -> list[Path]:
    """The folders that are mirrored into an output folder."""
    named = [Path(path) for path in request.paths if path != STDIN and not is_url(path)]
    roots = [path if path.is_dir() else path.parent for path in named]
    if STDIN in request.paths or not named:
        roots.append(Path())
    return list(dict.fromkeys(roots))


def _items(request: Request, settings: Settings) -> Iterator[Item | None]:
    walk, elsewhere = _walk(request, settings), _elsewhere(request)
    if request.manifest is not None:
        yield from from_manifest(request.manifest, walk, elsewhere=elsewhere)
    for path in request.paths or (() if request.manifest else (os.curdir,)):
        if path == STDIN:
            separator = b"\0" if request.null else b"\n"
            yield from from_list(sys.stdin.buffer, walk, separator=separator, elsewhere=elsewhere)
        elif is_url(path):
            yield from remote_pictures(path, batch=request.batch, recursive=settings.reading.recursive)
        else:
            yield from from_pattern(path.removeprefix("file://"), walk)


def _elsewhere(request: Request) -> Elsewhere:
    """What a line of a list stands for that names no file here."""

    def item(name: str) -> Item | None:
        if not is_url(name):
            return None
        if request.records is None and not request.dry_run:
            return failure(path_of(name), "input", "give --records FILE.jsonl for pictures in storage")
        return path_of(name)

    return item


def _walk(request: Request, settings: Settings) -> Walk | None:
    if not request.batch:
        return None
    sheet = request.contact_sheet
    return Walk(
        recursive=settings.reading.recursive,
        follow_links=settings.reading.follow_links,
        file_links=settings.reading.file_links,
        exclude=frozenset() if sheet is None else frozenset({sheet.resolve()}),
    )


def _counter(request: Request, settings: Settings) -> Callable[[], int] | None:
    """How many pictures there are, where that can be told before they are read."""
    if STDIN in request.paths or any(map(is_url, request.paths)):  # storage is not listed twice
        return None
    return lambda: sum(1 for _ in _items(request, settings))


class SheetFile:
    """Collects the faces of a run and draws them into ``path`` at its end.

    Raises UsageError for a name that is not a PNG file's, and :class:`OutputError` where something else than
    an older sheet has that name.
    """

    def __init__(self, path: Path, limits: Limits) -> None:
        if path.suffix.lower() != ".png":
            raise click.UsageError(f"--contact-sheet {path}: the file's name must end in .png")
        if path.exists() and not is_sheet(path):
            raise OutputError(
                f"{path}: exists and is no contact sheet; it is left alone, choose another name"
            )
        self.path = path
        self._limits = limits
        self._sheet = ContactSheet()

    def add(self, outcome: Outcome, recall: Callable[[Path], TagResult | None]) -> None:
        """Take a picture's faces; ``recall`` knows those of a picture that was tagged in an earlier run."""
        result = outcome.result
        if result is None and not self._sheet.full:
            result = recall(Path(outcome.path))
        if result is not None:
            self._sheet.add(result, self._limits)

    def save(self) -> None:
        """Raises :class:`OutputError`."""
        replace_file(self.path, self._sheet.png())
