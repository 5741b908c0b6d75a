"""The part of the journal that answers questions about many pictures, without looking into any result."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import chain, islice
from operator import itemgetter
from pathlib import Path
from sqlite3 import Connection
from typing import NamedTuple, TypeAlias

from booru_tagger.errors import nearest
from booru_tagger.files.stamps import NO_STAMP
from booru_tagger.journal import index, ledger
from booru_tagger.journal.database import Database
from booru_tagger.journal.paths import prefix_of
from booru_tagger.types import TagResult
from booru_tagger.vocab import CHARACTER, COPYRIGHT, normalise

_FEW = 5_000
"""So many pictures are looked up one by one; for more, it is faster to go through all paths."""
_VARIABLES = 500
_PATHS = "pictures INDEXED BY sqlite_autoindex_pictures_1"
"""All paths with their numbers. The table itself holds all results, and is many times as large."""
_FACES = 65_536
_NAMES = frozenset({CHARACTER})
_SERIES = frozenset({COPYRIGHT})
_TAGS: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Query:
    """Which pictures are looked for: those for which all that is said holds.

    ``names``, ``tags``, ``without`` and ``series`` are tags, perhaps with the wildcards ``* ? [ ]``. ``hair``
    and ``eyes`` are color tags, such as ``aqua_hair``. What concerns a face (a name, its ``min_score``, its
    colors, ``unnamed``) has to hold for one and the same face. ``heads``: how many at least and at most.
    ``since`` and ``until`` are about the file's date, in seconds since 1970, ``until`` is exclusive. Each of
    the words in ``text`` stands in the path or in a tag.
    """

    names: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    series: tuple[str, ...] = ()
    hair: str | None = None
    eyes: str | None = None
    unnamed: bool = False
    min_score: float | None = None
    heads: tuple[int, int | None] | None = None
    folders: tuple[Path, ...] = ()
    since: float | None = None
    until: float | None = None
    tagged_since: float | None = None
    text: tuple[str, ...] = ()

    @property
    def is_about_faces(self) -> bool:
        return self.unnamed or any(part is not None for part in (self.hair, self.eyes, self.min_score))


Found: TypeAlias = tuple[int, bytes]
"""A picture: its number in the journal, and its path. A plain tuple, for there may be a million."""


class EmbeddedFaces(NamedTuple):
    """Some faces by their numbers in the journal, with their vectors: 8 bits a number, all of one length."""

    faces: tuple[int, ...]
    vectors: tuple[bytes, ...]


class FaceOf(NamedTuple):
    """Which face of which picture: its place in the picture's result."""

    picture: int
    place: int


class Finder:
    """Answers from a journal. Every method raises :class:`OutputError` where that cannot be used."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def unindexed(self) -> int:
        """How many pictures of an earlier version :meth:`index` has to make known to this class."""
        return self._database.read(
            lambda connection: int(connection.execute("SELECT count(*) FROM unindexed").fetchone()[0])
        )

    def index(self, step: Callable[[], None] = lambda: None, at_once: int = 500) -> None:
        """Do so; ``step`` is called for each of them. What is done stays done, however this ends."""
        while self._database.write(lambda connection: _index_some(connection, at_once, step)):
            pass

    def find(self, query: Query, among: Collection[int] | None = None) -> list[Found]:
        """The pictures, in the order of their paths: ``among`` those of these numbers, if any are given."""
        return self._database.read(lambda connection: _Search(connection, query).found(among))

    def misspelled(self, query: Query) -> list[tuple[str, str | None]]:
        """What is asked for and never occurs, each with what was perhaps meant."""

        def work(connection: Connection) -> list[tuple[str, str | None]]:
            terms = _Terms(connection)
            asked = [
                *((word, _NAMES) for word in query.names),
                *((word, _SERIES) for word in query.series),
                *((word, _TAGS) for word in query.tags),
            ]
            return [
                (word, nearest(normalise(word), terms.names(categories)))
                for word, categories in asked
                if not terms.like(word, categories)
            ]

        return self._database.read(work)

    def results(self, pictures: Iterable[int]) -> Iterator[tuple[int, TagResult]]:
        """What was written for these pictures, one after the other."""
        for part in _parts(pictures):
            marks = ", ".join("?" * len(part))
            rows = dict(
                self._database.read(
                    lambda connection: connection.execute(
                        f"SELECT id, result FROM pictures WHERE id IN ({marks})",  # noqa: B023
                        part,  # noqa: B023
                    ).fetchall()
                )
            )
            for number in part:
                if (result := ledger.unpacked(rows.get(number))) is not None:
                    yield number, result

    def embedded(self, space: str) -> Iterator[EmbeddedFaces]:
        """All faces that have an embedding of this recogniser, many at a time."""
        last = -1
        while rows := self._embedded_after(space, last):
            yield EmbeddedFaces(*zip(*rows, strict=True))
            last = rows[-1][0]

    def _embedded_after(self, space: str, last: int) -> list[tuple[int, bytes]]:
        def work(connection: Connection) -> list[tuple[int, bytes]]:
            term = connection.execute(
                "SELECT id FROM terms WHERE category = ? AND name = ?", (index.SPACE, space)
            ).fetchone()
            query = "SELECT face, vector FROM embeddings WHERE face > ? AND space = ? ORDER BY face LIMIT ?"
            return [] if term is None else connection.execute(query, (last, term[0], _FACES)).fetchall()

        return self._database.read(work)

    def count_faces(self) -> int:
        """All faces that are known, with and without an embedding."""
        return self._database.read(
            lambda connection: int(connection.execute("SELECT count(*) FROM faces").fetchone()[0])
        )

    def faces(self, numbers: Sequence[int]) -> dict[int, FaceOf]:
        """Whose these faces are."""

        def work(connection: Connection) -> dict[int, FaceOf]:
            found = {}
            for part in _parts(numbers):
                marks = ", ".join("?" * len(part))
                query = f"SELECT id, picture, number FROM faces WHERE id IN ({marks})"
                found.update({row[0]: FaceOf(*row[1:]) for row in connection.execute(query, part)})
            return found

        return self._database.read(work)


def _index_some(connection: Connection, count: int, step: Callable[[], None]) -> bool:
    """Whether there was anything to do."""
    rows = connection.execute(
        "SELECT id, result, tagged_at, size, mtime_ns FROM unindexed JOIN pictures ON id = picture LIMIT ?",
        (count,),
    ).fetchall()
    for number, packed, tagged_at, size, mtime_ns in rows:
        result = ledger.unpacked(packed)
        if result is None:
            index.drop(connection, number)
        else:
            modified = mtime_ns / 1e9 if size != NO_STAMP.size else tagged_at
            index.put(connection, number, result, modified, tagged_at)
        step()
    if not rows:
        connection.execute("DELETE FROM unindexed")  # of pictures that were forgotten
    return bool(rows)


class _Terms:
    """All tags that occur. There are thousands, where there may be a million pictures."""

    def __init__(self, connection: Connection) -> None:
        self._rows = connection.execute("SELECT id, category, name FROM terms").fetchall()

    def like(self, pattern: str, categories: Collection[str] = _TAGS) -> list[int]:
        """The numbers of the tags that a pattern means; no categories stand for all."""
        wanted = normalise(pattern)
        return self._where(lambda name: name == wanted or fnmatchcase(name, wanted), categories)

    def holding(self, text: str) -> list[int]:
        """The numbers of the tags that have ``text`` in them."""
        forms = {text, text.replace(" ", "_")}
        return self._where(lambda name: any(form in name for form in forms), _TAGS)

    def names(self, categories: Collection[str]) -> list[str]:
        return [row[2] for row in self._rows if self._counts(row[1], categories)]

    def _where(self, fits: Callable[[str], bool], categories: Collection[str]) -> list[int]:
        return [row[0] for row in self._rows if self._counts(row[1], categories) and fits(row[2])]

    def _counts(self, category: str, categories: Collection[str]) -> bool:
        return category in categories if categories else category != index.SPACE


class _Search:
    """One query. Each condition gives the set of pictures for which it holds."""

    def __init__(self, connection: Connection, query: Query) -> None:
        self._connection, self._query, self._terms = connection, query, _Terms(connection)

    def found(self, among: Collection[int] | None) -> list[Found]:
        chosen = None if among is None else set(among)
        for condition in self._conditions():
            chosen = condition if chosen is None else chosen & condition
            if not chosen:
                return []
        if chosen is None:
            chosen = self._pictures("SELECT picture FROM summaries", ())
        for pattern in self._query.without:
            chosen -= self._with_tag(self._terms.like(pattern))
        found = self._paths(chosen)
        if self._query.folders:
            prefixes = tuple(prefix_of(folder) for folder in self._query.folders)
            return [row for row in found if row[1].startswith(prefixes)]
        return found

    def _conditions(self) -> Iterator[set[int]]:
        """The pictures for which each of the conditions holds."""
        query = self._query
        for pattern in query.names:
            yield self._named(self._terms.like(pattern, _NAMES))
        for pattern in query.series:
            yield self._with_tag(self._terms.like(pattern, _SERIES))
        for pattern in query.tags:
            yield self._with_tag(self._terms.like(pattern))
        if query.is_about_faces and not query.names:
            yield self._with_face("1", ())
        summary, values = _summary_condition(query)
        if summary:
            yield self._pictures(f"SELECT picture FROM summaries WHERE {summary}", values)
        for words in query.text:
            yield self._with_text(words.casefold())

    def _named(self, names: Sequence[int]) -> set[int]:
        """Pictures with a face of one of these names, or with the name among the tags: it may come from
        elsewhere than a face."""
        found = self._with_face(f"character IN ({_listed(names)})", ())
        if self._query.hair is None and self._query.eyes is None:
            found |= self._with_tag(names, self._query.min_score or 0.0)
        return found

    def _with_face(self, condition: str, values: tuple[object, ...]) -> set[int]:
        query, parts = self._query, [condition]
        for column, color in (("hair", query.hair), ("eyes", query.eyes)):
            if color is not None:
                parts.append(f"{column} IN ({_listed(self._terms.like(color))})")
        if query.unnamed:
            parts.append("character IS NULL")
        if query.min_score is not None:
            parts.append("score >= ?")
            values = (*values, query.min_score)
            if not query.unnamed:
                parts.append("character IS NOT NULL")
        return self._pictures(f"SELECT picture FROM faces WHERE {' AND '.join(parts)}", values)

    def _with_tag(self, tags: Sequence[int], min_score: float = 0.0) -> set[int]:
        condition, values = ("AND score >= ?", (min_score,)) if min_score > 0 else ("", ())
        return self._pictures(
            f"SELECT picture FROM picture_tags WHERE tag IN ({_listed(tags)}) {condition}", values
        )

    def _with_text(self, words: str) -> set[int]:
        """Pictures with these words, in lower case, in their path or in a tag."""
        if words.isascii():
            # SQLite lowers no other letters, but is faster.
            query = "instr(lower(CAST(path AS TEXT)), ?) AND id IN (SELECT picture FROM summaries)"
            found = self._pictures(f"SELECT id FROM {_PATHS} WHERE {query}", (words,))
        else:
            rows = self._connection.execute(f"SELECT id, path FROM {_PATHS}")
            found = {number for number, path in rows if words in os.fsdecode(path).casefold()}
            found &= self._pictures("SELECT picture FROM summaries", ())
        return found | self._with_tag(self._terms.holding(words))

    def _pictures(self, query: str, values: Sequence[object]) -> set[int]:
        return set(chain.from_iterable(self._connection.execute(query, values)))

    def _paths(self, chosen: set[int]) -> list[Found]:
        if len(chosen) <= _FEW:
            rows = [
                row
                for part in _parts(chosen)
                for row in self._connection.execute(
                    f"SELECT id, path FROM pictures WHERE id IN ({_listed(part)})"
                )
            ]
            return sorted(rows, key=itemgetter(1))
        rows = self._connection.execute(f"SELECT id, path FROM {_PATHS} ORDER BY path").fetchall()
        return rows if len(rows) == len(chosen) else [row for row in rows if row[0] in chosen]


def _summary_condition(query: Query) -> tuple[str, list[float]]:
    least, most = query.heads or (None, None)
    parts = [
        ("heads >= ?", least),
        ("heads <= ?", most),
        ("modified >= ?", query.since),
        ("modified < ?", query.until),
        ("tagged_at >= ?", query.tagged_since),
    ]
    said = [(condition, value) for condition, value in parts if value is not None]
    return " AND ".join(condition for condition, _ in said), [value for _, value in said]


def _listed(numbers: Iterable[int]) -> str:
    """Numbers for SQL: there may be more than it takes as variables."""
    return ", ".join(map(str, numbers))


def _parts(numbers: Iterable[int]) -> Iterator[tuple[int, ...]]:
    """The numbers, as many at a time as SQL takes as variables."""
    rest = iter(numbers)
    while part := tuple(islice(rest, _VARIABLES)):
        yield part
