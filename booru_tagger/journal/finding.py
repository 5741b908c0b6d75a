"""One question to the journal about many pictures, answered without looking into any result."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import chain
from operator import itemgetter
from pathlib import Path
from sqlite3 import Connection
from typing import TypeAlias

from booru_tagger.journal import index
from booru_tagger.journal.database import in_parts
from booru_tagger.journal.paths import after, prefix_of
from booru_tagger.vocab import CHARACTER, COPYRIGHT, normalise

_FEW = 5_000
"""So many pictures are looked up one by one; for more, it is faster to go through all of them."""
_PATHS = "pictures INDEXED BY sqlite_autoindex_pictures_1"
"""All paths with their numbers. The table itself holds all results, and is many times as large."""
NAMES = frozenset({CHARACTER})
SERIES = frozenset({COPYRIGHT})
TAGS: frozenset[str] = frozenset()


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


class Terms:
    """All tags that occur. There are thousands, where there may be a million pictures."""

    def __init__(self, connection: Connection) -> None:
        self._rows = connection.execute("SELECT id, category, name FROM terms").fetchall()

    def like(self, pattern: str, categories: Collection[str] = TAGS) -> list[int]:
        """The numbers of the tags that a pattern means; no categories stand for all."""
        wanted = normalise(pattern)
        return self._where(lambda name: name == wanted or fnmatchcase(name, wanted), categories)

    def holding(self, text: str) -> list[int]:
        """The numbers of the tags that have ``text`` in them."""
        forms = {text, text.replace(" ", "_")}
        return self._where(lambda name: any(form in name for form in forms), TAGS)

    def names(self, categories: Collection[str]) -> list[str]:
        return [row[2] for row in self._rows if self._counts(row[1], categories)]

    def _where(self, fits: Callable[[str], bool], categories: Collection[str]) -> list[int]:
        return [row[0] for row in self._rows if self._counts(row[1], categories) and fits(row[2])]

    def _counts(self, category: str, categories: Collection[str]) -> bool:
        return category in categories if categories else category != index.SPACE


class PictureSearch:
    """One query. Each condition gives the set of pictures for which it holds; once those before have left
    few, it is asked of these alone."""

    def __init__(self, connection: Connection, query: Query) -> None:
        self._connection, self._query, self._terms = connection, query, Terms(connection)
        self._chosen: set[int] | None = None

    def found(self, among: Collection[int] | None) -> list[Found]:
        self._chosen = None if among is None else set(among)
        for condition in self._conditions():  # each is asked only when the one before has been heeded
            self._chosen = condition if self._chosen is None else self._chosen & condition
            if not self._chosen:
                return []
        if self._chosen is None:
            self._chosen = self._pictures("SELECT picture FROM summaries WHERE 1")
        for pattern in self._query.without:
            self._chosen -= self._with_tag(self._terms.like(pattern))
        return self._paths(self._chosen)

    def _conditions(self) -> Iterator[set[int]]:
        """The pictures for which each of the conditions holds."""
        query = self._query
        if query.folders:
            yield set().union(*map(self._below, query.folders))
        for pattern in query.names:
            yield self._named(self._terms.like(pattern, NAMES))
        for pattern in query.series:
            yield self._with_tag(self._terms.like(pattern, SERIES))
        for pattern in query.tags:
            yield self._with_tag(self._terms.like(pattern))
        if query.is_about_faces and not query.names:
            yield self._with_face("1", ())
        summary, values = _summary_condition(query)
        if summary:
            yield self._pictures(f"SELECT picture FROM summaries WHERE {summary}", values)
        for words in query.text:
            yield self._with_text(words.casefold())

    def _below(self, folder: Path) -> set[int]:
        prefix = prefix_of(folder)
        query = "path >= ? AND path < ? AND id IN (SELECT picture FROM summaries)"
        return self._pictures(f"SELECT id FROM {_PATHS} WHERE {query}", (prefix, after(prefix)), "id")

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
            table = "pictures" if self._are_few else _PATHS
            found = self._pictures(f"SELECT id FROM {table} WHERE {query}", (words,), "id")
        else:
            rows = self._connection.execute(f"SELECT id, path FROM {_PATHS}")
            found = {number for number, path in rows if words in os.fsdecode(path).casefold()}
            found &= self._pictures("SELECT picture FROM summaries WHERE 1")
        return found | self._with_tag(self._terms.holding(words))

    @property
    def _are_few(self) -> bool:
        return self._chosen is not None and len(self._chosen) <= _FEW

    def _pictures(self, query: str, values: Sequence[object] = (), column: str = "picture") -> set[int]:
        """What a query finds, which ends with a condition: of all pictures, or of the few that are left."""
        if self._chosen is not None and self._are_few:
            query += f" AND {column} IN ({_listed(self._chosen)})"
        return set(chain.from_iterable(self._connection.execute(query, values)))

    def _paths(self, chosen: set[int]) -> list[Found]:
        if len(chosen) <= _FEW:
            rows = [
                row
                for part in in_parts(chosen)
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
