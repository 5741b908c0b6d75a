"""The part of the journal that answers questions about many pictures and faces."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from sqlite3 import Connection
from typing import NamedTuple

from booru_tagger.errors import nearest
from booru_tagger.files.stamps import Stamp
from booru_tagger.journal import index
from booru_tagger.journal.database import Database, in_parts
from booru_tagger.journal.finding import NAMES, SERIES, TAGS, Found, PictureSearch, Query, Terms
from booru_tagger.journal.packing import unpacked
from booru_tagger.types import TagResult
from booru_tagger.vocab import normalise

_FACES = 65_536
"""Embeddings that are read at a time."""


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

    def index(self, step: Callable[[], None] = lambda: None, at_once: int = 500) -> None:
        """Make pictures of an earlier version known to this class; ``step`` is called for each of them.

        What is done stays done, however this ends.
        """
        while self._database.write(lambda connection: _index_some(connection, at_once, step)):
            pass

    def find(self, query: Query, among: Collection[int] | None = None) -> list[Found]:
        """The pictures, in the order of their paths: ``among`` those of these numbers, if any are given."""
        return self._database.read(lambda connection: PictureSearch(connection, query).found(among))

    def misspelled(self, query: Query) -> list[tuple[str, str | None]]:
        """What is asked for and never occurs, each with what was perhaps meant."""

        def work(connection: Connection) -> list[tuple[str, str | None]]:
            terms = Terms(connection)
            asked = [
                *((word, NAMES) for word in query.names),
                *((word, SERIES) for word in query.series),
                *((word, TAGS) for word in query.tags),
            ]
            return [
                (word, nearest(normalise(word), terms.names(categories)))
                for word, categories in asked
                if not terms.like(word, categories)
            ]

        return self._database.read(work)

    def results(self, pictures: Iterable[int]) -> Iterator[tuple[int, TagResult]]:
        """What was written for these pictures, one after the other."""
        for part in in_parts(pictures):
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
                if (result := unpacked(rows.get(number))) is not None:
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
            for part in in_parts(numbers):
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
        index.put(connection, [index.Entry(number, unpacked(packed), Stamp(size, mtime_ns), tagged_at)])
        step()
    if not rows:
        connection.execute("DELETE FROM unindexed")  # of pictures that were forgotten
    return bool(rows)
