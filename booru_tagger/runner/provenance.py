"""Whose the tags of a picture are: what stands in its files, set against what the journal knows."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from booru_tagger.errors import BooruTaggerError
from booru_tagger.imaging.exif_notes import ExifNotes, read_exif_notes
from booru_tagger.journal import Journal, Mark
from booru_tagger.types import SCHEMA, Tag, TagResult
from booru_tagger.writers.atomic import read_target
from booru_tagger.writers.base import TagReader, Writer, plain
from booru_tagger.writers.hydrus import NAMESPACES
from booru_tagger.writers.merge import meaning
from booru_tagger.writers.naming import WriterOptions
from booru_tagger.writers.registry import make_writer

PERSON = "person"
"""Source of a tag that this program did not write."""
DELETED = "deleted by a person"
"""Source of a tag that this program wrote and a person took out: it is not written again."""
EARLIER = "earlier run"
"""Source of a tag of ours that the last run did not find, or found under another name."""

EXIF = "exif"
"""What stands for a writer where the picture itself has a keyword."""

State = Literal["as written", "edited since", "nothing of ours", "missing", "unreadable"]


@dataclass(frozen=True, slots=True)
class TagOrigin:
    """One tag and where it comes from.

    ``source`` is one of the constants above, or that of a :class:`Tag`. ``category`` and ``score`` are
    ``None`` where this program did not find the tag. ``writers`` names those in whose files it stands.
    """

    tag: str
    source: str
    category: str | None
    score: float | None
    writers: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        return {
            "tag": self.tag,
            "source": self.source,
            "category": self.category,
            "score": None if self.score is None else round(self.score, 4),
            "writers": list(self.writers),
        }


@dataclass(frozen=True, slots=True)
class TaggedFile:
    """One file in which tags of the picture stand; ``written_at`` is ``None`` where we never wrote to it."""

    path: Path
    writer: str
    state: State
    written_at: datetime | None
    error: str | None = None

    def to_json(self) -> dict[str, Any]:
        return {
            "path": str(self.path),
            "writer": self.writer,
            "state": self.state,
            "written_at": None if self.written_at is None else self.written_at.isoformat(timespec="seconds"),
            "error": self.error,
        }


@dataclass(frozen=True, slots=True)
class Provenance:
    """All that is known of a picture's tags; ``result`` is what was found in it when it was last tagged,
    ``exif`` what it says of itself."""

    picture: Path
    tagged_at: datetime | None
    result: TagResult | None
    tags: tuple[TagOrigin, ...]
    files: tuple[TaggedFile, ...]
    exif: ExifNotes = field(default_factory=ExifNotes)

    def to_json(self) -> dict[str, Any]:
        return {
            "schema": SCHEMA,
            "path": str(self.picture),
            "tagged_at": None if self.tagged_at is None else self.tagged_at.isoformat(timespec="seconds"),
            "tags": [origin.to_json() for origin in self.tags],
            "files": [file.to_json() for file in self.files],
            "exif": self.exif.to_json(),
            "result": None if self.result is None else self.result.to_json(),
        }


def provenance(
    picture: Path,
    journal: Journal,
    writers: Iterable[Writer] = (),
    options: WriterOptions | None = None,
) -> Provenance:
    """Where the tags of ``picture`` come from, in the files that the journal knows and those of ``writers``.

    A file that does not read is reported in its :class:`TaggedFile`. Raises :class:`OutputError` where the
    journal cannot be used.
    """
    entry = journal.entry(picture)
    marks = entry.marks if entry is not None else ()
    result = entry.result if entry is not None else None
    reading = _Reading(picture, result)
    files = [reading.known(mark, options or WriterOptions()) for mark in marks]
    known = {mark.target.name for mark in marks}
    files += [file for writer in writers if (file := reading.unknown(writer, known)) is not None]
    exif = read_exif_notes(picture)
    if not any(
        file.path.name == picture.name for file in files
    ):  # a writer that has read the picture knows more
        for keyword in exif.keywords:
            reading.add(keyword, PERSON, EXIF)
    tagged_at = _time(entry.tagged_at) if entry is not None and result is not None else None
    return Provenance(picture, tagged_at, result, tuple(reading.origins()), tuple(files), exif)


class _Reading:
    """Collects the tags of one picture, file by file."""

    def __init__(self, picture: Path, result: TagResult | None) -> None:
        self.picture = picture
        self._found = {meaning(tag.tag): tag for tag in (result.tags if result is not None else ())}
        self._origins: dict[tuple[str, str], list[str]] = {}

    def known(self, mark: Mark, options: WriterOptions) -> TaggedFile:
        """Read the target of a mark."""
        state, error = self._state(mark)
        standing: Sequence[str] = ()
        if error is None and state != "missing":
            try:
                writer = make_writer(mark.writer, options)
                standing = (
                    writer.read(self.picture, mark.target)
                    if isinstance(writer, TagReader)
                    else sorted(plain(mark.owned))
                )
            except BooruTaggerError as problem:
                state, error = "unreadable", str(problem)
        for text in standing:
            self.add(text, self._source(text) if text in mark.owned else PERSON, mark.writer)
        taken_out = mark.deleted | mark.owned if state == "edited since" else mark.deleted
        for text in sorted(plain(taken_out) - set(standing)):
            self.add(text, DELETED, mark.writer)
        return TaggedFile(mark.target, mark.writer, state, _time(mark.written_at), error)

    def _state(self, mark: Mark) -> tuple[State, str | None]:
        try:
            content = read_target(mark.target)
        except BooruTaggerError as error:
            return "unreadable", str(error)
        if content is None:
            return "missing", None
        if hashlib.sha256(content).hexdigest() != mark.left_sha256:
            return "edited since", None
        return ("as written" if mark.owned else "nothing of ours"), None

    def unknown(self, writer: Writer, known: set[str]) -> TaggedFile | None:
        """Read a file that we never wrote to; ``None`` where there is none."""
        try:
            target = writer.target(self.picture)
            if target is None or target.name in known or not isinstance(writer, TagReader):
                return None
            standing = writer.read(self.picture, target)
        except BooruTaggerError as error:
            return TaggedFile(self.picture, writer.name, "unreadable", None, str(error))
        for text in standing:
            self.add(text, PERSON, writer.name)
        return TaggedFile(target, writer.name, "nothing of ours", None) if standing else None

    def add(self, text: str, source: str, writer: str) -> None:
        """Note that a tag stands somewhere."""
        found = self._tag(text)
        writers = self._origins.setdefault((found.tag if found is not None else text, source), [])
        if writer not in writers:
            writers.append(writer)

    def _source(self, text: str) -> str:
        found = self._tag(text)
        return EARLIER if found is None else found.source

    def _tag(self, text: str) -> Tag | None:
        """The tag of the result that ``text`` stands for, in whichever spelling."""
        found = self._found.get(meaning(text))
        for namespace in NAMESPACES.values():
            if found is None and text.startswith(namespace):
                found = self._found.get(meaning(text.removeprefix(namespace)))
        return found

    def origins(self) -> Iterator[TagOrigin]:
        """What this program found first, best first, then the others by name."""

        def order(key: tuple[str, str]) -> tuple[float, str, str]:
            found = self._found.get(meaning(key[0]))
            return (-found.score if found is not None else 1.0), *key

        for tag, source in sorted(self._origins, key=order):
            found = self._found.get(meaning(tag))
            yield TagOrigin(
                tag,
                source,
                found.category if found is not None else None,
                found.score if found is not None else None,
                tuple(self._origins[tag, source]),
            )


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
