"""Where the results of a run go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Protocol, runtime_checkable

from booru_tagger.errors import BooruTaggerError
from booru_tagger.types import TagResult


@dataclass(slots=True)
class WriteOutcome:
    """What became of one picture's files.

    ``failures`` are those of single writers. ``fatal`` is set where further writes would fail, too.
    """

    changed: list[Path] = field(default_factory=list)
    failures: list[BooruTaggerError] = field(default_factory=list)
    fatal: BooruTaggerError | None = None


class PictureResult(NamedTuple):
    """What is to be stored for a picture: ``result``, which was made of ``raw``."""

    picture: Path
    result: TagResult
    raw: TagResult | None = None


class Sink(Protocol):
    """Where a run's results go: files, or a booru. Used from one thread."""

    def is_done(self, picture: Path, /) -> bool:
        """Whether an earlier run did all there is to do. Raises OutputError where no more can be done."""
        ...

    def found_before(self, picture: Path, /) -> TagResult | None:
        """The raw result of an earlier run, where it would come out the same again.

        Raises OutputError where no more can be done.
        """
        ...

    def keep(self, picture: Path, result: TagResult, raw: TagResult, /) -> WriteOutcome:
        """Store ``result``, which was made of ``raw``. What goes wrong is in the answer."""
        ...


@runtime_checkable
class BatchSink(Sink, Protocol):
    """A sink that stores several results in less time than one after the other."""

    @property
    def batch(self) -> int:
        """How many at once; where it is 1, nothing is won by waiting for more."""
        ...

    def keep_all(self, found: Sequence[PictureResult], /) -> list[WriteOutcome]:
        """As :meth:`keep`, for each of them, up to one after which nothing more can be stored."""
        ...
