"""From settings to the parts that work under them."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from booru_tagger.config import Settings
from booru_tagger.imaging import Limits
from booru_tagger.journal import Journal, default_path
from booru_tagger.models.store.local import DEFAULT
from booru_tagger.parallel import Executor, available_cores, make_executor
from booru_tagger.providers import PROVIDERS
from booru_tagger.review.verdicts import Band, Reviewer
from booru_tagger.runner import Output
from booru_tagger.sources.listed import suffixes
from booru_tagger.tagging.options import TaggerOptions
from booru_tagger.tagging.policy import Order, Policy
from booru_tagger.tagging.tagger import Tagger
from booru_tagger.writers.naming import Naming, Scheme, WriterOptions
from booru_tagger.writers.registry import check_writers, make_writer

DEFAULT_PROVIDER = "cpu"
_log = logging.getLogger(__name__)


def make_limits(settings: Settings) -> Limits:
    return Limits(pixels=settings.reading.max_pixels, file_bytes=settings.reading.max_bytes)


def make_tagger(settings: Settings) -> Tagger:
    """Raises ModelError where there is no such model, or a gallery of another one, and ConfigError.

    Where the model is to run on something else than the processor, it is loaded at once: a device that is
    missing is no reason to look through ten thousand files first. MissingExtraError says how to get it.
    """
    tagger = Tagger(
        TaggerOptions(
            settings.tagging.model,
            thresholds=settings.tagging.threshold,
            crops=settings.tagging.crops,
            imply=settings.tagging.imply,
            strip_implied=settings.tagging.strip_implied,
            implications=settings.tagging.implications,
            gallery=make_gallery(settings),
            limits=make_limits(settings),
            provider=settings.tagging.provider,
            faces=settings.tagging.faces,
            face_model=settings.tagging.face_model,
            tag_thresholds=settings.tagging.tag_threshold,
            mcut=settings.tagging.mcut,
        )
    )
    if settings.tagging.provider != DEFAULT_PROVIDER:
        tagger.load()
    return tagger


def running_on(settings: Settings, tagger: Tagger) -> str | None:
    """A line that says what the model runs on, where that was chosen."""
    if settings.tagging.provider == DEFAULT_PROVIDER:
        return None
    return f"{tagger.model} runs on {settings.tagging.provider} ({tagger.networks.provider})"


def make_workers(settings: Settings) -> Executor:
    """Pictures at once: as many as told, else one for each core, or two where a device computes meanwhile."""
    waiting = PROVIDERS[settings.tagging.provider].batch > 1
    jobs = settings.running.jobs or (2 * available_cores() if waiting else None)
    return make_executor(jobs, settings.running.executor, settings.running.address)


def make_gallery(settings: Settings) -> str | Path | None:
    """What a tagger is to take for its gallery."""
    if isinstance(settings.tagging.gallery, Path):
        return settings.tagging.gallery
    return DEFAULT if settings.tagging.gallery else None


def make_policy(settings: Settings) -> Policy:
    """Raises ConfigError for a tag that could not be written."""
    return Policy(
        allow=settings.policy.allow,
        deny=settings.policy.deny,
        rename=settings.policy.rename,
        thresholds=settings.policy.category_threshold,
        order=cast(Order, settings.policy.order),
        prefix=settings.policy.prefix,
        suffix=settings.policy.suffix,
    )


def make_band(settings: Settings, tagger: Tagger) -> Band | None:
    """Which faces people should look at; ``None`` where the model cannot tell faces apart anyway."""
    if settings.recording.review_band is not None:
        return Band(*settings.recording.review_band)
    spec = tagger.bundle.recogniser
    return Band(spec.review) if spec is not None else None


def writer_options(settings: Settings, roots: Sequence[Path] = ()) -> WriterOptions:
    """``roots`` are the folders whose trees are mirrored where an output folder is set."""
    return WriterOptions(
        naming=Naming(
            cast(Scheme, settings.writing.sidecar_name), settings.writing.output, tuple(roots), suffixes()
        ),
        spaces=settings.writing.spaces,
        escape_brackets=settings.writing.escape_brackets,
        keep_mtime=settings.writing.keep_mtime,
    )


@contextmanager
def open_journal(settings: Settings, tell: Callable[[str], None] = _log.warning) -> Iterator[Journal | None]:
    """The journal, closed at the end; ``None`` where the settings say to do without.

    ``tell`` is called with each thing that a person should hear of it. Raises what :meth:`Journal.open` does.
    """
    if settings.recording.journal is False:
        yield None
        return
    path = settings.recording.journal if isinstance(settings.recording.journal, Path) else default_path()
    with Journal.open(path) as journal:
        told = len(journal.warnings)
        for warning in journal.warnings:
            tell(warning)
        try:
            yield journal
        finally:
            for warning in journal.warnings[told:]:
                tell(warning)


@dataclass(frozen=True, slots=True)
class Desk:
    """Where results go: the writers with the journal, and the people who review them, if there is one."""

    output: Output
    reviewer: Reviewer | None


@contextmanager
def open_desk(
    settings: Settings,
    tagger: Tagger,
    policy: Policy,
    roots: Sequence[Path],
    *,
    force: bool = False,
    tell: Callable[[str], None] = _log.warning,
) -> Iterator[Desk]:
    """The writers and the journal, which is closed at the end.

    ``roots`` are the folders whose trees are mirrored where an output folder is set; ``tell`` is called with
    what a person should hear of the journal. Raises ConfigError or MissingExtraError for writers that cannot
    be had, and OutputError for those that get in each other's way and for a journal that cannot be used.
    """
    options = writer_options(settings, roots)
    writers = [make_writer(name, options) for name in settings.writing.writer]
    check_writers(writers)
    fingerprint = _fingerprint(settings, tagger, policy, options)
    with open_journal(settings, tell) as journal:
        output = Output(
            writers,
            options.naming,
            journal=journal,
            fingerprint=fingerprint,
            force=force,
            respect_deletions=settings.writing.respect_deletions,
        )
        yield Desk(output, None if journal is None else make_reviewer(settings, tagger, policy, journal))


def make_reviewer(settings: Settings, tagger: Tagger, policy: Policy, journal: Journal) -> Reviewer:
    """Lays verdicts over results, and knows which faces wait for one."""
    return Reviewer(journal, tagger.retell, policy, make_band(settings, tagger))


def _fingerprint(settings: Settings, tagger: Tagger, policy: Policy, options: WriterOptions) -> str:
    """Changes with whatever may change what is written; which folders were named is not among it."""
    plain = replace(options, naming=replace(options.naming, roots=()))
    parts = (*tagging_parts(tagger, policy), settings.writing.writer, plain)
    if not settings.writing.respect_deletions:
        parts += ("tags that were taken out are written again",)
    return hashlib.sha256(repr(parts).encode("utf-8", "backslashreplace")).hexdigest()


def tagging_parts(tagger: Tagger, policy: Policy) -> tuple[object, ...]:
    """What decides which tags a picture gets; equal parts have equal texts."""
    tables = sorted(policy.rename.items()), sorted(policy.thresholds.items())
    return tagger.fingerprint, replace(policy, rename={}, thresholds={}), tables
