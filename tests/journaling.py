"""Writing and journaling without a writer: the test says what stands where, and whose it is."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from pathlib import Path

from booru_tagger.journal import Journal
from booru_tagger.types import Tag, TagResult
from booru_tagger.writers.base import Written


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
