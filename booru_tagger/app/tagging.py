"""Whole runs over pictures here: from paths to the files that are written for them."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from booru_tagger.app.parts import (
    digest,
    make_limits,
    make_policy,
    make_tagger,
    make_walk,
    make_workers,
    make_writers,
    open_output,
    open_reviewer,
    tagging_parts,
    takes_videos,
    writer_options,
)
from booru_tagger.app.recording import Tell
from booru_tagger.app.run import Run
from booru_tagger.config import ReadingSettings, RunningSettings, Settings
from booru_tagger.files.ignored import Ignored
from booru_tagger.runner import Reviewer, RunListener, RunReport, Sink
from booru_tagger.sources.listed import Elsewhere, Item, failure, from_list, from_manifest, from_pattern
from booru_tagger.sources.storage import StorageTagger, is_url, path_of
from booru_tagger.sources.storage import pictures as remote_pictures
from booru_tagger.tagging.policy import Policy
from booru_tagger.tagging.tagger import Tagger
from booru_tagger.types import TagResult

if TYPE_CHECKING:
    from booru_tagger.app.overviews import Overview

STDIN = "-"
"""A path that stands for the list of paths on standard input."""

_log = logging.getLogger(__name__)


class TagRequest(NamedTuple):
    """Which pictures are to be tagged, and what is to come of it, besides the settings.

    ``paths`` are pictures, patterns, ``-`` for a list on standard input (its lines end with a null byte under
    ``null``) and, with ``batch``, folders; no path at all stands for the current folder. ``manifest`` lists
    more of them in a file. With ``records``, a data set, nothing is written beside the pictures, and
    they may be addresses in storage. ``contact_sheet`` is a PNG file that all faces are drawn into, ``cast``
    a page (or JSON) about who appears when in moving pictures. With ``force`` it is done again what was done
    before, under ``dry_run`` nothing is written.
    """

    paths: tuple[str, ...] = ()
    batch: bool = False
    dry_run: bool = False
    force: bool = False
    contact_sheet: Path | None = None
    null: bool = False
    manifest: Path | None = None
    records: Path | None = None
    cast: Path | None = None


def tag_folder(
    folder: str | Path, settings: Settings | None = None, listener: RunListener = lambda outcome: None
) -> RunReport:
    """Tag all pictures in a folder as `booru-tagger tag --batch` does: with writers, journal and verdicts.

    ``listener`` is called for each picture. Raises :class:`BooruTaggerError` for what would fail for all.
    """
    with open_run(TagRequest((str(folder),), batch=True), settings or Settings()) as run:
        return run.go(listener)


@contextmanager
def open_run(request: TagRequest, settings: Settings, tell: Tell = _log.warning) -> Iterator[Run]:
    """A run over what is asked for, ready to go; what it opens is closed at the end.

    ``tell`` is called with what a person should hear of. Raises BooruTaggerError.
    """
    overviews = _overviews(request, settings.reading)
    tagger, policy = make_tagger(settings), make_policy(settings.policy)
    pictures = partial(_pictures, request, settings.reading)
    with _sink(request, settings, tagger, policy, tell) as (sink, reviewer):
        yield Run(
            tagger,
            policy,
            make_workers(settings.running, tagger.options.provider),
            pictures,
            _tag_function(request, settings.running, tagger),
            sink,
            reviewer,
            count=(lambda: sum(1 for _ in pictures())) if _is_countable(request) else None,
            also=_shown(overviews, sink),
        )
    for overview in overviews:
        overview.save()


@contextmanager
def _sink(
    request: TagRequest, settings: Settings, tagger: Tagger, policy: Policy, tell: Tell
) -> Iterator[tuple[Sink | None, Reviewer]]:
    """Where results go, and who speaks for the people."""
    writing, recording, force = settings.writing, settings.recording, request.force
    if not request.dry_run and request.records is None:
        with open_output(
            writing, recording, tagger, policy, _roots(request), force=force, tell=tell
        ) as opened:
            yield opened
        return
    records: AbstractContextManager[Sink | None] = nullcontext()
    if request.records is None:
        from booru_tagger.runner.rehearsal import Rehearsal

        options = writer_options(writing, _roots(request))
        records = nullcontext(Rehearsal(make_writers(writing, options), options.naming))
    elif not request.dry_run:
        records = _records(request.records, tagger, policy, force)
    with records as sink, open_reviewer(recording, tagger, tell) as reviewer:
        yield sink, reviewer


def _records(path: Path, tagger: Tagger, policy: Policy, force: bool) -> AbstractContextManager[Sink]:
    """The data set of that name, JSON Lines or Parquet."""
    fingerprint = digest(tagging_parts(tagger, policy))[:16]
    if path.suffix.lower() != ".parquet":
        from booru_tagger.runner.records import Records

        return Records(path, fingerprint, force=force)
    from booru_tagger.runner.parquet import ParquetRecords  # an extra

    return ParquetRecords(path, fingerprint, force=force, raw_fingerprint=tagger.fingerprint)


def _tag_function(
    request: TagRequest, running: RunningSettings, tagger: Tagger
) -> Callable[[Path], TagResult]:
    """Only where no files are written beside pictures may these be in storage."""
    tag = tagger.tag if running.address is None else _FromHere(tagger.tag, Path.cwd())
    if request.records is None and not request.dry_run:
        return tag
    return StorageTagger(tag, tagger.tag_bytes, tagger.options.limits)


@dataclass(frozen=True, slots=True)
class _FromHere:
    """Tags pictures as they are called in ``folder``: workers of a cluster run in folders of their own."""

    tag: Callable[[Path], TagResult]
    folder: Path

    def __call__(self, path: Path) -> TagResult:
        return replace(self.tag(self.folder / path), path=str(path))


def _roots(request: TagRequest) -> list[Path]:
    """The folders that are mirrored into an output folder."""
    named = [Path(path) for path in request.paths if path != STDIN and not is_url(path)]
    roots = [path if path.is_dir() else path.parent for path in named]
    if STDIN in request.paths or not named:
        roots.append(Path())
    return list(dict.fromkeys(roots))


def _pictures(request: TagRequest, reading: ReadingSettings) -> Iterator[Item | None]:
    sheets = () if request.contact_sheet is None else (request.contact_sheet,)
    walk, elsewhere = make_walk(reading, sheets) if request.batch else None, _elsewhere(request)
    ignored = Ignored(reading.ignore)
    if request.manifest is not None:
        yield from from_manifest(request.manifest, walk, elsewhere=elsewhere)
    for path in request.paths or (() if request.manifest else (os.curdir,)):
        if path == STDIN:
            separator = b"\0" if request.null else b"\n"
            yield from from_list(sys.stdin.buffer, walk, separator=separator, elsewhere=elsewhere)
        elif is_url(path):
            yield from remote_pictures(
                path,
                batch=request.batch,
                recursive=reading.recursive,
                ignored=ignored,
                videos=takes_videos(reading),
            )
        else:
            yield from from_pattern(path.removeprefix("file://"), walk, ignored)


def _elsewhere(request: TagRequest) -> Elsewhere:
    """What a line of a list stands for that names no file here."""

    def item(name: str) -> Item | None:
        if not is_url(name):
            return None
        if request.records is None and not request.dry_run:
            return failure(path_of(name), "input", "give --records FILE.jsonl for pictures in storage")
        return path_of(name)

    return item


def _is_countable(request: TagRequest) -> bool:
    """Standard input and storage are not gone through twice."""
    return STDIN not in request.paths and not any(map(is_url, request.paths))


def _shown(overviews: Sequence[Overview], sink: Sink | None) -> RunListener:
    """What gives the overviews each picture."""
    if not overviews:
        return lambda outcome: None
    from booru_tagger.app.overviews import show

    return partial(show, overviews, sink)


def _overviews(request: TagRequest, reading: ReadingSettings) -> list[Overview]:
    if request.contact_sheet is None and request.cast is None:
        return []
    from booru_tagger.app.overviews import CastFile, SheetFile  # drawing and pages

    limits = make_limits(reading)
    overviews: list[Overview] = []
    if request.contact_sheet is not None:
        overviews.append(SheetFile(request.contact_sheet, limits))
    if request.cast is not None:
        overviews.append(CastFile(request.cast, limits))
    return overviews
