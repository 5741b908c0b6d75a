"""A writer from outside: ``a.png.csv`` with one ``tag;category;score`` to a line.

It shows the three things a writer owes: merge what it says with what stands there (:func:`merge` knows the
rule), go through :func:`revise` (which swaps files in whole), and tell what is its own.
"""

from __future__ import annotations

from pathlib import Path

from booru_tagger.writers.atomic import Change, read_target, revise
from booru_tagger.writers.base import CREATED, Job, Written, plain
from booru_tagger.writers.merge import merge, take_out
from booru_tagger.writers.naming import WriterOptions


class CsvWriter:
    """Made by :func:`make_writer` with the user's options."""

    name = "csv"

    def __init__(self, options: WriterOptions) -> None:
        self.naming = options.naming

    def target(self, picture: Path) -> Path:
        return self.naming.sidecar(picture, ".csv")

    def read(self, picture: Path) -> tuple[str, ...]:
        return tuple(map(_tag, _rows(read_target(self.target(picture)))))

    def write(self, job: Job) -> Written:
        fresh = {tag.tag: f"{tag.tag};{tag.category};{tag.score:.4f}" for tag in job.tags}

        def change(before: bytes | None) -> Change:
            rows = _rows(before)
            owned = frozenset() if before is None else plain(job.owned)
            merged = merge(list(map(_tag, rows)), list(fresh), owned, job.deleted)
            lines = [
                fresh[text] if text in merged.owned else rows[place or 0] for place, text in merged.entries
            ]
            created = before is None or CREATED in job.owned
            return Change(
                _data(lines, created), merged.owned | ({CREATED} if created else set()), merged.deleted
            )

        return revise(self.target(job.picture), change, announce=job.announce)

    def remove(self, picture: Path, owned: frozenset[str]) -> Written:
        def change(before: bytes | None) -> Change:
            rows = _rows(before)
            merged = take_out(list(map(_tag, rows)), plain(owned))
            lines = [rows[entry.place or 0] for entry in merged.entries]
            return Change(_data(lines, before is None or CREATED in owned), frozenset(), merged.deleted)

        return revise(self.target(picture), change)


def _rows(data: bytes | None) -> list[str]:
    return (data or b"").decode().splitlines()


def _tag(row: str) -> str:
    return row.partition(";")[0]


def _data(lines: list[str], created: bool) -> bytes | None:
    """The file's content; no file where nothing is left of one that was ours."""
    return "".join(line + "\n" for line in lines).encode() if lines or not created else None
