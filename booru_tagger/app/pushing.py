"""Whole runs over pictures elsewhere: tags go to hydrus, or to a szurubooru site."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from booru_tagger.app.parts import (
    digest,
    make_limits,
    make_policy,
    make_reviewer,
    make_tagger,
    make_walk,
    make_workers,
    tagging_parts,
    takes_videos,
)
from booru_tagger.app.recording import Tell, journal_path, open_journal
from booru_tagger.app.run import Run
from booru_tagger.boorus import to_hydrus, to_szurubooru
from booru_tagger.boorus.http import Server
from booru_tagger.boorus.hydrus import KEY_HEADER, Hydrus
from booru_tagger.boorus.szurubooru import TAG_POSTS, UPLOAD, Szurubooru, api_address, login
from booru_tagger.config import PushingSettings, ReadingSettings, Settings
from booru_tagger.errors import ConfigError, counted
from booru_tagger.journal import Journal
from booru_tagger.journal.pushes import Pushes
from booru_tagger.runner import Sink
from booru_tagger.sources.listed import Item, from_paths
from booru_tagger.types import TagResult

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Uploads:
    """Pictures to upload: files, or with ``batch`` also folders of them. With ``similar`` also those that
    look like a post that is there."""

    paths: tuple[str, ...] = ()
    batch: bool = False
    similar: bool = False


@contextmanager
def open_hydrus_run(
    query: tuple[str, ...],
    settings: Settings,
    *,
    dry_run: bool = False,
    force: bool = False,
    tell: Tell = _log.warning,
) -> Iterator[Run]:
    """A run over the pictures in hydrus that match all predicates, ready to go; the journal is closed at the
    end. Raises BooruTaggerError."""
    pushing = settings.pushing
    hydrus = connect_hydrus(pushing)
    service = hydrus.service(pushing.hydrus_service)
    hashes = hydrus.search(query)
    tagger, policy = make_tagger(settings), make_policy(settings.policy)
    max_bytes = tagger.options.limits.file_bytes

    def tag(picture: Path) -> TagResult:
        data = hydrus.fetch(to_hydrus.hash_of(picture), max_bytes)
        return tagger.tag_bytes(data, str(picture))

    def items() -> Iterator[Item]:
        others = 0
        for file in hydrus.files(hashes):
            if file.is_picture or (file.is_video and takes_videos(settings.reading)):
                yield to_hydrus.picture_of(file.hash)
            else:
                others += 1
        if others:
            tell(f"left out {counted(others, 'file')} that are not pictures")

    def sink(pushes: Pushes | None) -> Sink:
        kind = to_hydrus.HydrusRehearsal if dry_run else to_hydrus.HydrusSink
        return kind(
            hydrus,
            service,
            pushes=pushes,
            fingerprint=digest((*tagging_parts(tagger, policy), pushing.marker)),
            marker=pushing.marker,
            force=force,
        )

    with _open_sink(sink, hydrus_place(hydrus, service.key), settings, dry_run, tell) as (output, _):
        workers = make_workers(settings.running, tagger.options.provider)
        yield Run(
            *(tagger, policy, workers, items, tag, output),
            count=lambda: len(hashes),
            lost=lambda: hydrus.server.lost,
        )


@contextmanager
def open_szurubooru_run(
    posts: str | None,
    uploads: Uploads,
    settings: Settings,
    *,
    dry_run: bool = False,
    force: bool = False,
    tell: Tell = _log.warning,
) -> Iterator[Run]:
    """A run over the posts that match the query, and over the pictures to upload; see
    :func:`open_hydrus_run`."""
    pushing = settings.pushing
    needed = (TAG_POSTS if posts is not None else {}) | (UPLOAD if uploads.paths else {})
    site = connect_szurubooru(pushing, needed)
    tagger, policy = make_tagger(settings), make_policy(settings.policy)
    limits, categories = make_limits(settings.reading), pushing.szurubooru_category

    def tag(picture: Path) -> TagResult:
        number = to_szurubooru.post_of(picture)
        if number is None:
            return tagger.tag(picture)
        return tagger.tag_bytes(site.fetch(site.post(number), limits.file_bytes), str(picture))

    def items() -> Iterator[Item]:
        if posts is not None:
            yield from map(to_szurubooru.picture_of, site.posts(posts, videos=takes_videos(settings.reading)))
        yield from _files(uploads, settings.reading)

    def sink(pushes: Pushes | None) -> Sink:
        decisive = (*tagging_parts(tagger, policy), pushing.marker, sorted(categories.items()))
        kind = to_szurubooru.SzurubooruRehearsal if dry_run else to_szurubooru.SzurubooruSink
        return kind(
            site,
            pushes=pushes,
            fingerprint=digest(decisive),
            marker=pushing.marker,
            force=force,
            categories=categories,
            uploading=to_szurubooru.UploadOptions(pushing.safety, uploads.similar, limits),
        )

    count = None if posts is not None else lambda: sum(1 for _ in _files(uploads, settings.reading))
    with _open_sink(sink, szurubooru_place(site), settings, dry_run, tell) as (output, journal):
        workers = make_workers(settings.running, tagger.options.provider)
        # What people said of a file here holds for its upload, too.
        reviewer = None
        if journal is not None:
            reviewer = make_reviewer(settings.recording, tagger, journal, read_only=True)
        yield Run(*(tagger, policy, workers, items, tag, output, reviewer, count), lost=lambda: site.lost)


@contextmanager
def _open_sink(
    make_sink: Callable[[Pushes | None], Sink],
    place: str,
    settings: Settings,
    dry_run: bool,
    tell: Tell,
) -> Iterator[tuple[Sink, Journal | None]]:
    """The sink with what the journal knows of ``place``, and the journal; a dry run makes none."""
    recording = settings.recording
    none_yet = dry_run and recording.journal is not False and not journal_path(recording).exists()
    with nullcontext() if none_yet else open_journal(recording, tell) as journal:
        yield make_sink(None if journal is None or dry_run else journal.pushes(place)), journal


def hydrus_place(hydrus: Hydrus, service: str) -> str:
    """What the journal calls the tag service with this key."""
    return f"hydrus:{hydrus.server.url}/{service}"


def szurubooru_place(site: Szurubooru) -> str:
    """What the journal calls the site."""
    return f"szurubooru:{site.server.url}"


def connect_hydrus(pushing: PushingSettings) -> Hydrus:
    """Raises ConfigError for a missing or wrong key, and RemoteError."""
    if pushing.hydrus_key is None:
        raise ConfigError(
            "hydrus_key: must be set (BOORU_TAGGER_HYDRUS_KEY, or in the configuration file); make one in "
            "hydrus under services > review services > local > client api"
        )
    hydrus = Hydrus(_server(pushing.hydrus_url, {KEY_HEADER: pushing.hydrus_key}, pushing))
    hydrus.connect()
    return hydrus


def connect_szurubooru(pushing: PushingSettings, needed: Mapping[str, str] | None = None) -> Szurubooru:
    """Raises ConfigError for a missing address, a wrong login or one that lacks a privilege that is
    ``needed``, and RemoteError."""
    if pushing.szurubooru_url is None:
        raise ConfigError("szurubooru_url: must be set to the address of the site")
    headers = login(pushing.szurubooru_user, pushing.szurubooru_token, pushing.szurubooru_password)
    site = Szurubooru(_server(api_address(pushing.szurubooru_url), headers, pushing))
    site.connect(pushing.szurubooru_user, needed)
    return site


def _server(url: str, headers: dict[str, str], pushing: PushingSettings) -> Server:
    return Server(url, headers, rate=pushing.request_rate, timeout=pushing.request_timeout)


def _files(uploads: Uploads, reading: ReadingSettings) -> Iterator[Item]:
    walk = make_walk(reading) if uploads.batch else None
    return from_paths([Path(path) for path in uploads.paths], walk)
