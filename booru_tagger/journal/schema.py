"""The journal's tables, and the check that an SQLite file is a journal which this version may use."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from booru_tagger.errors import ConfigError

APPLICATION_ID = 0x62746A31
"""Marks an SQLite file as ours, so that another program's database is never written to."""

_STEPS: tuple[str, ...] = (
    """
    CREATE TABLE pictures (
        id INTEGER PRIMARY KEY,
        path BLOB NOT NULL UNIQUE,
        size INTEGER NOT NULL,      -- -1: no file matches, the picture is to be tagged again
        mtime_ns INTEGER NOT NULL,
        sha256 TEXT,                -- of the content; NULL where it changed while it was worked on
        fingerprint TEXT NOT NULL,  -- of the model, the settings and the writers
        tagged_at REAL NOT NULL,    -- seconds since 1970
        result BLOB                 -- the JSON form of the TagResult, deflated
    );
    CREATE INDEX pictures_by_stamp ON pictures (mtime_ns, size);

    CREATE TABLE targets (
        id INTEGER PRIMARY KEY,
        path BLOB NOT NULL UNIQUE,
        left_sha256 TEXT NOT NULL,  -- of the file as we last left it; '' where there was none
        original INTEGER NOT NULL,  -- what is known of it before our first write: see values.Original
        bytes BLOB                  -- those bytes, deflated, where they are kept
    );

    CREATE TABLE marks (
        picture INTEGER NOT NULL REFERENCES pictures (id),
        target INTEGER NOT NULL REFERENCES targets (id),
        writer TEXT NOT NULL,
        owned BLOB NOT NULL,        -- JSON list of the tags that are ours
        deleted BLOB NOT NULL,      -- JSON list of those of ours that a person took out
        latest INTEGER NOT NULL,    -- 1 where the last tagging of the picture wrote it
        written_at REAL NOT NULL,
        PRIMARY KEY (picture, target)
    ) WITHOUT ROWID;
    CREATE INDEX marks_by_target ON marks (target);

    -- A change that was announced and not yet recorded: what marks and targets will say once it is done.
    CREATE TABLE intents (
        picture BLOB NOT NULL,
        target BLOB NOT NULL,
        writer TEXT NOT NULL,
        owned BLOB NOT NULL,
        deleted BLOB NOT NULL,
        before_sha256 TEXT NOT NULL,
        after_sha256 TEXT,          -- NULL where it could not be told beforehand
        original INTEGER NOT NULL,
        bytes BLOB,
        begun_at REAL NOT NULL,
        PRIMARY KEY (picture, target)
    ) WITHOUT ROWID;
    CREATE INDEX intents_by_target ON intents (target);

    -- Files that a process is at right now.
    CREATE TABLE claims (
        path BLOB PRIMARY KEY,
        holder TEXT NOT NULL,
        since REAL NOT NULL
    ) WITHOUT ROWID;
    """,
    """
    -- What was sent to boorus.
    CREATE TABLE pushes (
        place TEXT NOT NULL,        -- the booru, and the service on it
        item TEXT NOT NULL,         -- what it is known by there, or the hash of an uploaded file
        fingerprint TEXT NOT NULL,  -- of the model and the settings; '' where it is to be done (again)
        owned BLOB NOT NULL,        -- JSON list of the tags that are there because of us
        deleted BLOB NOT NULL,      -- JSON list of those of ours that a person took out
        pending BLOB NOT NULL,      -- JSON list of tags that were about to be sent
        pushed_at REAL NOT NULL,
        PRIMARY KEY (place, item)
    ) WITHOUT ROWID;
    """,
    """
    -- Faces that wait for a person, and what people said of faces. A row outlives the picture's: a verdict
    -- holds for every later run, after an untag, too.
    CREATE TABLE reviews (
        picture BLOB PRIMARY KEY,
        uncertain INTEGER NOT NULL, -- faces that wait
        verdicts BLOB NOT NULL,     -- JSON list of Verdicts
        changed_at REAL NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX reviews_waiting ON reviews (changed_at) WHERE uncertain > 0;
    """,
    """
    -- result is what was written, with verdicts and policy applied; raw is what it was made of: the JSON of
    -- the TagResult with its readings, deflated. Rows of before have none.
    ALTER TABLE pictures ADD COLUMN raw BLOB;
    ALTER TABLE pictures ADD COLUMN raw_fingerprint TEXT;  -- of the model and the settings that gave it
    """,
    """
    -- What find asks: results as they were written, once more, in columns. See index.py.
    CREATE TABLE terms (
        id INTEGER PRIMARY KEY,
        category TEXT NOT NULL,
        name TEXT NOT NULL,
        UNIQUE (category, name)
    );
    CREATE TABLE summaries (
        picture INTEGER PRIMARY KEY REFERENCES pictures (id),
        modified REAL NOT NULL,     -- the file, in seconds since 1970
        tagged_at REAL NOT NULL,
        heads INTEGER NOT NULL
    );
    CREATE TABLE faces (
        id INTEGER PRIMARY KEY,
        picture INTEGER NOT NULL REFERENCES pictures (id),
        number INTEGER NOT NULL,    -- its place among the faces of the result
        x0 INTEGER NOT NULL,
        y0 INTEGER NOT NULL,
        x1 INTEGER NOT NULL,
        y1 INTEGER NOT NULL,
        character INTEGER,          -- a term, as the colors are
        score REAL NOT NULL,        -- of the character; where there is none, of the head
        hair INTEGER,
        eyes INTEGER
    );
    CREATE INDEX faces_by_picture ON faces (picture);
    CREATE INDEX faces_by_character ON faces (character, score, picture);
    CREATE TABLE embeddings (
        face INTEGER PRIMARY KEY REFERENCES faces (id),
        space INTEGER NOT NULL,     -- a term: the recogniser
        vector BLOB NOT NULL        -- 8 bits a number
    );
    CREATE TABLE picture_tags (
        tag INTEGER NOT NULL REFERENCES terms (id),
        picture INTEGER NOT NULL REFERENCES pictures (id),
        score REAL NOT NULL,
        PRIMARY KEY (tag, picture)
    ) WITHOUT ROWID;
    CREATE INDEX picture_tags_by_picture ON picture_tags (picture);

    -- Pictures that an earlier version recorded: find adds them to the tables above before it looks.
    CREATE TABLE unindexed (picture INTEGER PRIMARY KEY REFERENCES pictures (id));
    INSERT INTO unindexed SELECT id FROM pictures;

    -- Files that sort put somewhere, so that it can be undone, and done to the end after a kill.
    CREATE TABLE placements (
        target BLOB PRIMARY KEY,
        tree BLOB NOT NULL,         -- the folder that was sorted into
        picture BLOB NOT NULL,      -- whose file it is, by its path before; empty for a folder that was made
        source BLOB NOT NULL,       -- where the file was or is
        way TEXT NOT NULL,          -- hardlink, link, copy, move or folder
        done INTEGER NOT NULL,      -- 0 while it is only announced
        inode INTEGER NOT NULL,     -- what the target was like when it was done
        size INTEGER NOT NULL,
        mtime_ns INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX placements_by_picture ON placements (tree, picture);
    """,
)
"""What leads from each version to the next. To change a table, add a step; a released one stays as it is."""

VERSION = len(_STEPS)


def prepare(connection: sqlite3.Connection, path: Path) -> None:
    """Bring the tables of an open database up to this version.

    Raises :class:`ConfigError` where it belongs to another program or to a newer version of this one, and
    sqlite3.DatabaseError where it is not a database.
    """
    if _version(connection, path) < VERSION:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("BEGIN IMMEDIATE")
        try:
            # Asked again inside the transaction: another process may just have done the same.
            for step in _STEPS[_version(connection, path) :]:
                for statement in _statements(step):
                    connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {VERSION}")
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")


def _version(connection: sqlite3.Connection, path: Path) -> int:
    owner = _number(connection, "PRAGMA application_id")
    version = _number(connection, "PRAGMA user_version")
    tables = _number(connection, "SELECT count(*) FROM sqlite_master")
    if tables == 0:
        return 0
    if owner != APPLICATION_ID:
        raise ConfigError(
            f"{path}: an SQLite database of another program, not a journal; give --journal another path"
        )
    if version > VERSION:
        raise ConfigError(
            f"{path}: this journal was made by a newer version (its tables are of version {version}, "
            f"this program knows up to {VERSION}); update booru-tagger, or give --journal another path"
        )
    return version


def _number(connection: sqlite3.Connection, query: str) -> int:
    return int(connection.execute(query).fetchone()[0])


def _statements(script: str) -> list[str]:
    """The statements of a script, one by one: ``executescript`` would end the transaction around them."""
    found: list[str] = []
    pending = ""
    for line in script.splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):
            found.append(pending)
            pending = ""
    return found
