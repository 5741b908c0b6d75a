"""What `booru-tagger push` does, put together from the boorus' clients and the runner's parts."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import click

from booru_tagger.app import make_limits, make_policy, make_tagger, tagging_parts
from booru_tagger.boorus import to_hydrus, to_szurubooru
from booru_tagger.boorus.http import Server
from booru_tagger.boorus.hydrus import KEY_HEADER, Hydrus
from booru_tagger.boorus.szurubooru import Szurubooru, api_address, login
from booru_tagger.cli.journal import open_journal
from booru_tagger.cli.printing import counted, make_printer, printable, summarise
from booru_tagger.cli.progress import show_progress
from booru_tagger.cli.tagging import wants_progress
from booru_tagger.config import Settings
from booru_tagger.errors import ConfigError, RemoteError
from booru_tagger.journal import Journal, Pushes
from booru_tagger.parallel import make_executor
from booru_tagger.runner import Outcome, Report, Sink, run
from booru_tagger.sources.listed import Item, Walk, from_paths
from booru_tagger.tagging.policy import Policy
from booru_tagger.tagging.tagger import Tagger
from booru_tagger.types import TagResult


@dataclass(frozen=True, slots=True)
class Uploads:
    """Pictures to upload: files, or with ``batch`` also folders of them."""

    paths: tuple[str, ...] = ()
    batch: bool = False
    similar: bool = False


@dataclass(frozen=True, slots=True)
class _Push:
    """One call, however the booru is called. ``place`` names it in the journal."""

    settings: Settings
    place: str
    dry_run: bool
    force: bool
    tagger: Tagger
    policy: Policy
    count: Callable[[], int] | None
    problems: list[RemoteError] = field(default_factory=list)

    def fingerprint(self, *parts: object) -> str:
        """Changes with whatever may change what is sent."""
        decisive = (*tagging_parts(self.tagger, self.policy), self.settings.pushing.marker, *parts)
        return hashlib.sha256(repr(decisive).encode("utf-8", "backslashreplace")).hexdigest()

    def go(
        self,
        items: Iterable[Item],
        tag: Callable[[Path], TagResult],
        make_sink: Callable[[Pushes | None], Sink],
    ) -> int:
        """Run, print and sum up; the exit code."""
        with (
            self._journal() as journal,
            show_progress(self.count, wanted=wants_progress(self.settings)) as progress,
        ):
            printer = make_printer(self.settings.printing.format, progress.pause)

            def listener(outcome: Outcome) -> None:
                progress(outcome)
                printer(outcome)

            pushes = journal.pushes(self.place) if journal is not None else None
            report = run(
                self._until_lost(items),
                tag,
                executor=make_executor(self.settings.running.jobs),
                policy=self.policy,
                output=None if self.dry_run else make_sink(pushes),
                listener=listener,
            )
            printer.close()
        return self._end(report)

    def _journal(self) -> AbstractContextManager[Journal | None]:
        return nullcontext() if self.dry_run else open_journal(self.settings)

    def _until_lost(self, items: Iterable[Item]) -> Iterator[Item]:
        """A search that breaks off ends the run, and the report says so, with what was done before."""
        try:
            yield from items
        except RemoteError as error:
            self.problems.append(error)

    def _end(self, report: Report) -> int:
        if self.problems and report.stopped is None:
            report.stopped = self.problems[0]
        changed = f"{counted(report.changed_files, 'picture')} changed there"
        summarise(report, "nothing sent (dry run)" if self.dry_run else changed)
        return report.exit_code


def push_to_hydrus(query: tuple[str, ...], settings: Settings, *, dry_run: bool, force: bool) -> int:
    """Tag what the search finds; the exit code. Raises :class:`BooruTaggerError`."""
    if settings.pushing.hydrus_key is None:
        raise ConfigError(
            "hydrus_key: must be set (BOORU_TAGGER_HYDRUS_KEY, or in the configuration file); make one in "
            "hydrus under services > review services > local > client api"
        )
    hydrus = Hydrus(_server(settings.pushing.hydrus_url, {KEY_HEADER: settings.pushing.hydrus_key}, settings))
    hydrus.connect()
    service = hydrus.service(settings.pushing.hydrus_service)
    hashes = hydrus.search(query)
    tagger, policy = make_tagger(settings), make_policy(settings)
    place = f"hydrus:{hydrus.server.url}/{service.key}"
    push = _Push(settings, place, dry_run, force, tagger, policy, lambda: len(hashes))

    def tag(picture: Path) -> TagResult:
        data = hydrus.fetch(to_hydrus.hash_of(picture), settings.reading.max_bytes)
        return tagger.tag_bytes(data, str(picture))

    def items() -> Iterator[Item]:
        others = 0
        for file in hydrus.files(hashes):
            others += not file.is_picture
            if file.is_picture:
                yield to_hydrus.picture_of(file.hash)
        if others:
            click.echo(f"booru-tagger: left out {counted(others, 'file')} that are no pictures", err=True)

    def sink(pushes: Pushes | None) -> Sink:
        return to_hydrus.HydrusSink(
            hydrus,
            service,
            pushes=pushes,
            fingerprint=push.fingerprint(),
            marker=settings.pushing.marker,
            force=force,
        )

    return push.go(items(), tag, sink)


def push_to_szurubooru(
    posts: str | None, uploads: Uploads, settings: Settings, *, dry_run: bool, force: bool
) -> int:
    """Tag posts and upload pictures; the exit code. Raises UsageError and :class:`BooruTaggerError`."""
    _check(posts, uploads)
    if settings.pushing.szurubooru_url is None:
        raise ConfigError("szurubooru_url: must be set to the address of the site")
    headers = login(
        settings.pushing.szurubooru_user,
        settings.pushing.szurubooru_token,
        settings.pushing.szurubooru_password,
    )
    site = Szurubooru(_server(api_address(settings.pushing.szurubooru_url), headers, settings))
    site.connect(settings.pushing.szurubooru_user)
    tagger, policy = make_tagger(settings), make_policy(settings)
    place = f"szurubooru:{site.server.url}"
    count = None if posts is not None else lambda: sum(1 for _ in _files(uploads, settings))
    push = _Push(settings, place, dry_run, force, tagger, policy, count)

    def tag(picture: Path) -> TagResult:
        number = to_szurubooru.post_of(picture)
        if number is None:
            return tagger.tag(picture)
        return tagger.tag_bytes(site.fetch(site.post(number), settings.reading.max_bytes), str(picture))

    def items() -> Iterator[Item]:
        if posts is not None:
            yield from map(to_szurubooru.picture_of, site.posts(posts))
        yield from _files(uploads, settings)

    def sink(pushes: Pushes | None) -> Sink:
        categories = settings.pushing.szurubooru_category
        return to_szurubooru.SzurubooruSink(
            site,
            pushes=pushes,
            fingerprint=push.fingerprint(sorted(categories.items())),
            marker=settings.pushing.marker,
            force=force,
            categories=categories,
            uploading=to_szurubooru.Uploading(
                settings.pushing.safety, uploads.similar, make_limits(settings)
            ),
        )

    return push.go(items(), tag, sink)


def _server(url: str, headers: dict[str, str], settings: Settings) -> Server:
    return Server(url, headers, rate=settings.pushing.request_rate, timeout=settings.pushing.request_timeout)


def _check(posts: str | None, uploads: Uploads) -> None:
    if posts is None and not uploads.paths:
        raise click.UsageError("Name pictures to upload, or posts to tag with --posts QUERY.")
    folders = [path for path in uploads.paths if Path(path).is_dir()]
    if folders and not uploads.batch:
        raise click.UsageError(
            f"{printable(folders[0])} is a folder. To upload the pictures in it, add --batch."
        )


def _files(uploads: Uploads, settings: Settings) -> Iterator[Item]:
    walk = (
        Walk(settings.reading.recursive, settings.reading.follow_links, settings.reading.file_links)
        if uploads.batch
        else None
    )
    return from_paths([Path(path) for path in uploads.paths], walk)
