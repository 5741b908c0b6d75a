"""From settings to the parts that work under them. Each gets its own group of settings and no other."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import cast

from booru_tagger.app.recording import Tell, journal_path, open_journal
from booru_tagger.config import (
    PolicySettings,
    ReadingSettings,
    RecordingSettings,
    RunningSettings,
    Settings,
    TaggingSettings,
    WritingSettings,
)
from booru_tagger.files.ignored import Ignored
from booru_tagger.imaging import Limits
from booru_tagger.journal import Journal
from booru_tagger.models.store.local import DEFAULT
from booru_tagger.moving import reads_videos
from booru_tagger.parallel import Executor, available_cores, make_executor
from booru_tagger.providers import PROVIDERS
from booru_tagger.review.verdicts import Band, JournalReviewer, UnheardReviewer
from booru_tagger.runner import Output, Reviewer
from booru_tagger.sources.listed import PictureSuffixes, Walk
from booru_tagger.tagging.options import TaggerOptions
from booru_tagger.tagging.policy import Order, Policy
from booru_tagger.tagging.tagger import Tagger
from booru_tagger.writers.base import Writer
from booru_tagger.writers.naming import Naming, Scheme, WriterOptions
from booru_tagger.writers.registry import check_writers, make_writer

DEFAULT_PROVIDER = "cpu"
_log = logging.getLogger(__name__)


def make_limits(reading: ReadingSettings) -> Limits:
    return Limits(pixels=reading.max_pixels, file_bytes=reading.max_bytes)


def make_walk(reading: ReadingSettings, exclude: Sequence[Path] = ()) -> Walk:
    """How folders are gone through; ``exclude`` are files that are not the user's pictures."""
    return Walk(
        recursive=reading.recursive,
        follow_links=reading.follow_links,
        file_links=reading.file_links,
        ignored=Ignored(reading.ignore),
        exclude=frozenset(path.resolve() for path in exclude),
        videos=takes_videos(reading),
    )


def takes_videos(reading: ReadingSettings) -> bool:
    """Whether videos are tagged that are not named one by one."""
    return reading.videos and reads_videos()


def tagger_options(tagging: TaggingSettings, limits: Limits) -> TaggerOptions:
    own = DEFAULT if tagging.gallery else None
    return TaggerOptions(
        tagging.model,
        face_model=tagging.face_model,
        faces=tagging.faces,
        crops=tagging.crops,
        thresholds=tagging.threshold,
        tag_thresholds=tagging.tag_threshold,
        mcut=tagging.mcut,
        solo=tagging.solo,
        imply=tagging.imply,
        strip_implied=tagging.strip_implied,
        implications=tagging.implications,
        gallery=tagging.gallery if isinstance(tagging.gallery, Path) else own,
        limits=limits,
        first_frame=tagging.first_frame,
        max_frames=tagging.max_frames,
        provider=tagging.provider,
    )


def make_tagger(settings: Settings) -> Tagger:
    """Raises ModelError where there is no such model, or a gallery of another one, and ConfigError.

    Where the model is to run on something else than the processor, it is loaded at once: a device that is
    missing is found before ten thousand files are looked through. MissingExtraError says how to get it.
    """
    tagger = Tagger(tagger_options(settings.tagging, make_limits(settings.reading)))
    _log.info("model: %s; can name %d characters", tagger.model, len(tagger.known))
    if tagger.options.provider != DEFAULT_PROVIDER:
        tagger.load()
    return tagger


def running_on(tagger: Tagger) -> str | None:
    """A line that says what the model runs on, where that was chosen."""
    if tagger.options.provider == DEFAULT_PROVIDER:
        return None
    return f"{tagger.model} runs on {tagger.options.provider} ({tagger.networks.provider})"


def make_workers(running: RunningSettings, provider: str) -> Executor:
    """Pictures at once: as many as told, else one for each core, or two where a device computes meanwhile."""
    waiting = PROVIDERS[provider].batch > 1
    jobs = running.jobs or (2 * available_cores() if waiting else None)
    return make_executor(jobs, running.executor, running.address)


def make_policy(policy: PolicySettings) -> Policy:
    """Raises ConfigError for a tag that could not be written."""
    return Policy(
        allow=policy.allow,
        deny=policy.deny,
        rename=policy.rename,
        thresholds=policy.category_threshold,
        order=cast(Order, policy.order),
        prefix=policy.prefix,
        suffix=policy.suffix,
    )


def make_writers(writing: WritingSettings, options: WriterOptions) -> list[Writer]:
    """Raises ConfigError or MissingExtraError for writers that cannot be had, and OutputError for those that
    get in each other's way."""
    writers = [make_writer(name, options) for name in writing.writer]
    check_writers(writers)
    return writers


def writer_options(writing: WritingSettings, roots: Sequence[Path] = ()) -> WriterOptions:
    """``roots`` are the folders whose trees are mirrored where an output folder is set."""
    return WriterOptions(
        naming=Naming(
            cast(Scheme, writing.sidecar_name), writing.output, tuple(roots), PictureSuffixes(reads_videos())
        ),
        spaces=writing.spaces,
        escape_brackets=writing.escape_brackets,
        keep_mtime=writing.keep_mtime,
    )


@contextmanager
def open_reviewer(recording: RecordingSettings, tagger: Tagger, tell: Tell) -> Iterator[Reviewer]:
    """The people's word for what is not written into pictures' files.

    Makes no journal where there is none. Raises what :meth:`Journal.open` does.
    """
    if not journal_path(recording).exists():
        yield UnheardReviewer(_make_band(recording, tagger))
        return
    with open_journal(recording, tell) as journal:
        if journal is None:
            yield UnheardReviewer(_make_band(recording, tagger))
        else:
            yield make_reviewer(recording, tagger, journal, read_only=True)


def make_reviewer(
    recording: RecordingSettings, tagger: Tagger, journal: Journal, *, read_only: bool = False
) -> JournalReviewer:
    """Lays verdicts over results, and knows which faces wait for one. ``read_only`` as for
    :class:`JournalReviewer`."""
    return JournalReviewer(journal, tagger.retell, _make_band(recording, tagger), read_only=read_only)


def _make_band(recording: RecordingSettings, tagger: Tagger) -> Band | None:
    """``None`` where a model cannot tell faces apart anyway."""
    if recording.review_band is not None:
        return Band(*recording.review_band)
    spec = tagger.bundle.recogniser
    return Band(spec.review) if spec is not None else None


@contextmanager
def open_output(
    writing: WritingSettings,
    recording: RecordingSettings,
    tagger: Tagger,
    policy: Policy,
    roots: Sequence[Path],
    *,
    force: bool = False,
    tell: Tell = _log.warning,
) -> Iterator[tuple[Output, Reviewer]]:
    """The writers with the journal, which is closed at the end, and the people's word, as far as it is kept.

    ``roots`` are the folders whose trees are mirrored where an output folder is set. Raises what
    :func:`make_writers` does, and OutputError for a journal that cannot be used.
    """
    options = writer_options(writing, roots)
    writers = make_writers(writing, options)
    fingerprint = _fingerprint(writing, tagger, policy, options)
    with open_journal(recording, tell) as journal:
        output = Output(
            writers,
            options.naming,
            journal=journal,
            fingerprint=fingerprint,
            raw_fingerprint=tagger.fingerprint,
            force=force,
            respect_deletions=writing.respect_deletions,
        )
        if journal is None:
            yield output, UnheardReviewer(_make_band(recording, tagger))
        else:
            yield output, make_reviewer(recording, tagger, journal)


def _fingerprint(writing: WritingSettings, tagger: Tagger, policy: Policy, options: WriterOptions) -> str:
    """Changes with whatever may change what is written; which folders were named is not among it."""
    plain = replace(options, naming=replace(options.naming, roots=()))
    parts = (*tagging_parts(tagger, policy), writing.writer, plain)
    if not writing.respect_deletions:
        parts += ("tags that were taken out are written again",)
    return digest(parts)


def tagging_parts(tagger: Tagger, policy: Policy) -> tuple[object, ...]:
    """What decides which tags a picture gets; equal parts have equal texts."""
    tables = sorted(policy.rename.items()), sorted(policy.thresholds.items())
    return tagger.fingerprint, replace(policy, rename={}, thresholds={}), tables


def digest(parts: tuple[object, ...]) -> str:
    """A fingerprint of ``parts``: 64 hexadecimal digits."""
    return hashlib.sha256(repr(parts).encode("utf-8", "backslashreplace")).hexdigest()
