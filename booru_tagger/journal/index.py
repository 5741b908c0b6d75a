"""Results in columns, so that questions about a million faces need no result unpacked.

The tables say nothing that the results do not say, but for the embeddings. Every function here runs inside
the caller's transaction.
"""

from __future__ import annotations

from sqlite3 import Connection

from booru_tagger.files.stamps import NO_STAMP, Stamp
from booru_tagger.types import Embedding, FaceResult, TagResult
from booru_tagger.vocab import CHARACTER, GENERAL

SPACE = "space"
"""Category of the terms that are no tags, but names of recognisers."""

Corners = tuple[int, int, int, int]


def put(
    connection: Connection, picture: int, result: TagResult | None, stamp: Stamp, tagged_at: float
) -> None:
    """Make the tables say what ``result`` says of a picture, and nothing else.

    A face without an embedding keeps the one that a face in the same place had. Without a ``stamp`` of the
    file, its date is that of the tagging.
    """
    known = embeddings(connection, picture) if result is not None else {}
    drop(connection, picture)
    if result is None:
        return
    modified = stamp.mtime_ns / 1e9 if stamp.size != NO_STAMP.size else tagged_at
    connection.execute(
        "INSERT INTO summaries (picture, modified, tagged_at, heads) VALUES (?, ?, ?, ?)",
        (picture, modified, tagged_at, len(result.faces)),
    )
    connection.executemany(
        "INSERT OR REPLACE INTO picture_tags (tag, picture, score) VALUES (?, ?, ?)",
        [(_term(connection, tag.category, tag.tag), picture, tag.score) for tag in result.tags],
    )
    for number, face in enumerate(result.faces):
        _put_face(connection, picture, number, face, known)


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


def _put_face(
    connection: Connection, picture: int, number: int, face: FaceResult, known: dict[Corners, Embedding]
) -> None:
    corners, who = face.box.rounded(), face.character
    hair, eyes = (
        _term(connection, GENERAL, color.tag) if color is not None else None
        for color in (face.hair_color, face.eye_color)
    )
    row = connection.execute(
        "INSERT INTO faces (picture, number, x0, y0, x1, y1, character, score, hair, eyes)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            picture,
            number,
            *corners,
            _term(connection, CHARACTER, who.tag) if who is not None else None,
            who.score if who is not None else face.score,
            hair,
            eyes,
        ),
    ).lastrowid
    embedding = face.embedding or known.get(corners)
    if embedding is not None:
        connection.execute(
            "INSERT INTO embeddings (face, space, vector) VALUES (?, ?, ?)",
            (row, _term(connection, SPACE, embedding.space), embedding.vector),
        )


def embeddings(connection: Connection, picture: int) -> dict[Corners, Embedding]:
    rows = connection.execute(
        "SELECT x0, y0, x1, y1, name, vector FROM faces JOIN embeddings ON face = faces.id"
        " JOIN terms ON terms.id = space WHERE picture = ?",
        (picture,),
    )
    return {row[:4]: Embedding(row[4], row[5]) for row in rows}


def _term(connection: Connection, category: str, name: str) -> int:
    query = "SELECT id FROM terms WHERE category = ? AND name = ?"
    row = connection.execute(query, (category, name)).fetchone()
    if row is None:
        row = connection.execute(
            "INSERT INTO terms (category, name) VALUES (?, ?) RETURNING id", (category, name)
        ).fetchone()
    return int(row[0])
