"""Writing and journaling step by step: with real writers, or with none, where the test says what they did."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from functools import partial
from pathlib import Path

from booru_tagger.journal import Journal
from booru_tagger.types import Tag, TagResult
from booru_tagger.writers.base import Job, Written
from booru_tagger.writers.naming import WriterOptions
from booru_tagger.writers.registry import make_writer


def result_for(picture: Path) -> TagResult:
    return TagResult(str(picture), 10, 20, tags=(Tag("blue_hair", "general", 0.9, "measured"),), model="m")


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def write(
    target: Path,
    after: bytes | None,
    owned: Collection[str],
    deleted: Collection[str] = (),
    *,
    restorable: bool = True,
) -> Written:
    """What a writer does, and its account of it."""
    before = target.read_bytes() if target.exists() else None
    if after is None:
        target.unlink(missing_ok=True)
    else:
        target.write_bytes(after)
    return account(target, before, after, owned, deleted, restorable=restorable)


def account(
    target: Path,
    before: bytes | None,
    after: bytes | None,
    owned: Collection[str],
    deleted: Collection[str] = (),
    *,
    restorable: bool = True,
) -> Written:
    left = "" if after is None else sha256(after)
    return Written(target, before != after, frozenset(owned), frozenset(deleted), before, left, restorable)


def tag(journal: Journal, picture: Path, fingerprint: str = "f") -> Path:
    """Tag a picture into a new sidecar; the sidecar."""
    target = picture.with_name(picture.name + ".txt")
    with journal.turn(picture, [target]):
        report = write(target, b"blue_hair\n", {"blue_hair"})
        journal.record(picture, fingerprint, result_for(picture), [("txt", report)])
    return target


class KilledError(Exception):
    """Stands for kill -9."""


def write_tags(
    journal: Journal,
    picture: Path,
    tags: Sequence[str],
    *writers: str,
    options: WriterOptions | None = None,
    kill: str = "",
) -> None:
    """What a run does with one picture. ``kill`` ends it ``before`` or ``after`` the first swap."""
    made = [make_writer(name, options) for name in writers or ("txt",)]
    found = tuple(Tag(name, "general", 0.9, "measured") for name in tags)
    result = TagResult(str(picture), 1, 1, tags=found)

    def announce(writer: str, account: Written) -> None:
        journal.announce(picture, writer, account)
        if kill == "before":
            raise KilledError

    journal.is_done(picture, "f")
    with journal.turn(picture, [target for writer in made if (target := writer.target(picture)) is not None]):
        written = []
        for writer in made:
            target = writer.target(picture)
            assert target is not None
            mine = journal.ownership(target, picture)
            told = partial(announce, writer.name)
            job = Job(picture, target, result, found, mine.owned, mine.deleted, told)
            written.append((writer.name, writer.write(job)))
            if kill == "after":
                raise KilledError
        journal.record(picture, "f", result, written)
