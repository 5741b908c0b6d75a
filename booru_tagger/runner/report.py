"""What became of each picture, and of all of them together."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Protocol

from booru_tagger.errors import EXIT_NOTHING_DONE, EXIT_SOME_FAILED, BooruTaggerError
from booru_tagger.types import Box, PictureError, TagResult

MAX_FAILURES = 1_000
"""Failures that a report holds; more are only counted, so that a report stays small."""


class Failure(NamedTuple):
    """A picture (or folder) that could not be done, and why."""

    path: str
    error: PictureError


class Outcome(NamedTuple):
    """What became of one picture.

    ``result`` has the tags that were written, or its ``error`` set. It is ``None`` where the picture was
    skipped, having been tagged before. ``changed`` are the files that differ now, ``waiting`` the boxes of
    faces that a person should look at.
    """

    path: str
    result: TagResult | None
    changed: tuple[Path, ...] = ()
    waiting: tuple[Box, ...] = ()


class RunListener(Protocol):
    """Is called for each picture as soon as it is done, in order."""

    def __call__(self, outcome: Outcome, /) -> None: ...


class Reviewer(Protocol):
    """Speaks for the people who judged faces; both methods may raise :class:`OutputError`."""

    def overlay(self, picture: Path, raw: TagResult) -> TagResult:
        """The result as they see it, before any policy."""

    def note(self, picture: Path, found: TagResult) -> tuple[Box, ...]:
        """Takes what was found, before it is written; returns the boxes of faces somebody should look at."""


@dataclass(slots=True)
class RunReport:
    """How a run went.

    ``tagged``, ``skipped`` (done in an earlier run) and ``failed`` add up to the pictures dealt with;
    ``not_done`` counts those known of that a run which ended early did not come to. ``stopped`` is what ended
    it early, ``signal`` the number of the signal that did. Of the ``heads`` in pictures tagged, ``named``
    ones have a name; ``uncertain`` faces should be looked at by a person, ``unknown`` ones are all others.
    """

    tagged: int = 0
    skipped: int = 0
    failed: int = 0
    not_done: int = 0
    changed_files: int = 0
    heads: int = 0
    named: int = 0
    uncertain: int = 0
    unknown: int = 0
    failures: list[Failure] = field(default_factory=list)
    stopped: BooruTaggerError | None = None
    signal: int | None = None
    _shared: set[Path] = field(default_factory=set)

    def add(self, outcome: Outcome) -> None:
        for path in outcome.changed:
            self._count_change(path, Path(outcome.path).stem)
        if outcome.result is None:
            self.skipped += 1
        elif outcome.result.error is None:
            self.tagged += 1
            self._count_faces(outcome.result, outcome.waiting)
        else:
            self.failed += 1
            if len(self.failures) < MAX_FAILURES:
                self.failures.append(Failure(outcome.path, outcome.result.error))

    def _count_faces(self, result: TagResult, waiting: tuple[Box, ...]) -> None:
        self.heads += len(result.faces)
        self.named += sum(face.character is not None for face in result.faces)
        self.uncertain += len(waiting)
        self.unknown += sum(face.character is None and face.box not in waiting for face in result.faces)

    def _count_change(self, path: Path, stem: str) -> None:
        """Count a file once. Only those are remembered that several pictures may share, such as the list of a
        folder: a watch has no end."""
        if path.name.startswith(stem):
            self.changed_files += 1
        elif path not in self._shared:
            self._shared.add(path)
            self.changed_files += 1

    @property
    def seen(self) -> int:
        return self.tagged + self.skipped + self.failed

    @property
    def exit_code(self) -> int:
        """The code that the command line ends with; see docs/exit-codes.md."""
        if self.signal is not None:
            return 128 + self.signal
        if self.stopped is not None:
            return self.stopped.exit_code
        if self.tagged + self.skipped == 0:
            return EXIT_NOTHING_DONE
        return EXIT_SOME_FAILED if self.failed else 0
