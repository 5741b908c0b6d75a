"""Results in columns, so that questions about a million faces need no result unpacked.

The tables say nothing that the results do not say, but for the embeddings. Every function here runs inside
the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from sqlite3 import Connection
from typing import NamedTuple, TypeAlias

from booru_tagger.files.stamps import NO_STAMP, Stamp
from booru_tagger.journal.database import in_parts
from booru_tagger.types import Embedding, FaceResult, TagResult
from booru_tagger.vocab import CHARACTER, GENERAL

SPACE = "space"
"""Category of the terms that are no tags, but names of recognisers."""

Corners = tuple[int, int, int, int]
_Term: TypeAlias = tuple[str, str]


class Entry(NamedTuple):
    """What the tables are to say of a picture. Without a ``stamp`` of the file, its date is that of the
    tagging."""

    picture: int
    result: TagResult | None
    stamp: Stamp
    tagged_at: float

    @property
    def modified(self) -> float:
        return self.stamp.mtime_ns / 1e9 if self.stamp.size != NO_STAMP.size else self.tagged_at


def put(connection: Connection, entries: Sequence[Entry], *, new: Collection[int] = ()) -> None:
    """Make the tables say what ``entries`` do of these pictures, and nothing else.

    A face without an embedding keeps the one that a face in the same place had. Of the ``new`` pictures
    nothing is said yet.
    """
    known: dict[int, dict[Corners, Embedding]] = {}
    for one in entries:
        if one.picture not in new:
            known[one.picture] = embeddings(connection, one.picture) if one.result is not None else {}
            drop(connection, one.picture)
    found = [(one, one.result) for one in entries if one.result is not None]
    connection.executemany(
        "INSERT OR REPLACE INTO summaries (picture, modified, tagged_at, heads) VALUES (?, ?, ?, ?)",
        [(one.picture, one.modified, one.tagged_at, len(result.faces)) for one, result in found],
    )
    faces = [
        (one.picture, number, _with_embedding(face, known.get(one.picture, {})))
        for one, result in found
        for number, face in enumerate(result.faces)
    ]
    tags = [(tag, one.picture) for one, result in found for tag in result.tags]
    terms = _terms(
        connection,
        {(tag.category, tag.tag) for tag, _ in tags}.union(*(_terms_of(face) for _, _, face in faces)),
    )
    connection.executemany(
        "INSERT OR REPLACE INTO picture_tags (tag, picture, score) VALUES (?, ?, ?)",
        [(terms[tag.category, tag.tag], picture, tag.score) for tag, picture in tags],
    )
    _put_faces(connection, faces, terms)


def drop(connection: Connection, picture: int) -> None:
    """Make the tables say nothing of a picture."""
    connection.execute(
        "DELETE FROM embeddings WHERE face IN (SELECT id FROM faces WHERE picture = ?)", (picture,)
    )
    for table in ("faces", "picture_tags", "summaries", "unindexed"):
        connection.execute(f"DELETE FROM {table} WHERE picture = ?", (picture,))


def touch(connection: Connection, picture: int, modified: float) -> None:
    """Note that a picture's file has another date."""
    connection.execute("UPDATE summaries SET modified = ? WHERE picture = ?", (modified, picture))


def copy(connection: Connection, old: int, new: int) -> None:
    """Say of the picture ``new``, of which nothing is said yet, what is said of ``old``."""
    if connection.execute("SELECT 1 FROM summaries WHERE picture = ?", (new,)).fetchone():
        return
    for table, columns in (
        ("summaries", "modified, tagged_at, heads"),
        ("faces", "number, x0, y0, x1, y1, character, score, hair, eyes"),
        ("picture_tags", "tag, score"),
    ):
        connection.execute(
            f"INSERT INTO {table} (picture, {columns}) SELECT ?, {columns} FROM {table} WHERE picture = ?",
            (new, old),
        )
    connection.execute(
        "INSERT INTO embeddings (face, space, vector) SELECT ours.id, space, vector FROM embeddings"
        " JOIN faces AS theirs ON theirs.id = face AND theirs.picture = ?"
        " JOIN faces AS ours ON ours.picture = ? AND ours.number = theirs.number",
        (old, new),
    )
    connection.execute(
        "INSERT OR IGNORE INTO unindexed SELECT ? FROM unindexed WHERE picture = ?", (new, old)
    )


def _with_embedding(face: FaceResult, known: Mapping[Corners, Embedding]) -> FaceResult:
    return replace(face, embedding=face.embedding or known.get(face.box.rounded())) if known else face


def _terms_of(face: FaceResult) -> Iterator[_Term]:
    if face.character is not None:
        yield CHARACTER, face.character.tag
    for color in (face.hair_color, face.eye_color):
        if color is not None:
            yield GENERAL, color.tag
    if face.embedding is not None:
        yield SPACE, face.embedding.space


def _put_faces(
    connection: Connection, faces: Sequence[tuple[int, int, FaceResult]], terms: Mapping[_Term, int]
) -> None:
    """``faces``: the picture, the face's number in it, and the face."""
    connection.executemany(
        "INSERT INTO faces (picture, number, x0, y0, x1, y1, character, score, hair, eyes)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                picture,
                number,
                *face.box.rounded(),
                terms[CHARACTER, face.character.tag] if face.character is not None else None,
                face.character.score if face.character is not None else face.score,
                terms[GENERAL, face.hair_color.tag] if face.hair_color is not None else None,
                terms[GENERAL, face.eye_color.tag] if face.eye_color is not None else None,
            )
            for picture, number, face in faces
        ],
    )
    connection.executemany(
        "INSERT OR REPLACE INTO embeddings (face, space, vector)"
        " SELECT id, ?, ? FROM faces WHERE picture = ? AND number = ?",
        [
            (terms[SPACE, face.embedding.space], face.embedding.vector, picture, number)
            for picture, number, face in faces
            if face.embedding is not None
        ],
    )


def embeddings(connection: Connection, picture: int) -> dict[Corners, Embedding]:
    rows = connection.execute(
        "SELECT x0, y0, x1, y1, name, vector FROM faces JOIN embeddings ON face = faces.id"
        " JOIN terms ON terms.id = space WHERE picture = ?",
        (picture,),
    )
    return {row[:4]: Embedding(row[4], row[5]) for row in rows}


def _terms(connection: Connection, wanted: Collection[_Term]) -> dict[_Term, int]:
    """The ids of terms; new ones are made."""
    found: dict[_Term, int] = {}
    for part in in_parts(sorted(wanted)):
        found |= _standing(connection, part)
        missing = [term for term in part if term not in found]
        if missing:
            connection.executemany("INSERT INTO terms (category, name) VALUES (?, ?)", missing)
            found |= _standing(connection, missing)
    return found


def _standing(connection: Connection, terms: Sequence[_Term]) -> dict[_Term, int]:
    rows = connection.execute(
        f"WITH wanted (category, name) AS (VALUES {', '.join(['(?, ?)'] * len(terms))})"
        " SELECT terms.category, terms.name, id FROM wanted CROSS JOIN terms USING (category, name)",
        [text for term in terms for text in term],
    )
    return {(category, name): number for category, name, number in rows}
