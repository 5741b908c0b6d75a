"""How fast `booru-tagger find` answers from a journal of many faces.

The journal is made first, in a folder of its own that is removed at the end; its pictures do not exist. Rows
are written to the tables that `find` reads as the program would write them, with an embedding for each face.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import tempfile
import time
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from sqlite3 import Connection

import numpy as np

from booru_tagger.journal import Journal
from tests.support.bundles import HAIR, Painted, make_bundle, paint
from tests.support.command import Home, make_home

FACES_EACH = 1.6
CHARACTERS, TAGS, PER_PICTURE = 2_000, 400, 6
RESULT = zlib.compress(os.urandom(900))
"""About as long as the results of a picture: rows are as far apart as in a real journal."""
_BATCH = 20_000


def _fill(connection: Connection, pictures: int, space: int, width: int) -> None:
    chance, vectors = random.Random(7), np.random.default_rng(7)
    names = _terms(connection, "character", (f"character_{n}" for n in range(CHARACTERS)))
    general = [f"{color}_{part}" for part in ("hair", "eyes") for color in HAIR]
    tags = _terms(connection, "general", [*general, *(f"general_{n}" for n in range(TAGS))])
    rarity = [1 / (1 + rank) for rank in range(len(names))]
    face = 10
    for first in range(10, pictures + 10, _BATCH):
        numbers = range(first, min(first + _BATCH, pictures + 10))
        heads = chance.choices((0, 1, 2, 3, 4), (10, 45, 25, 15, 5), k=len(numbers))
        connection.executemany(
            "INSERT INTO pictures (id, path, size, mtime_ns, fingerprint, tagged_at, result, raw)"
            " VALUES (?, ?, 1, ?, 'f', ?, ?, ?)",
            [(n, f"/art/folder {n // 1000}/{n}.jpg".encode(), n * 10**9, n, RESULT, RESULT) for n in numbers],
        )
        connection.executemany(
            "INSERT INTO summaries VALUES (?, ?, ?, ?)",
            [(n, n, n, count) for n, count in zip(numbers, heads, strict=True)],
        )
        connection.executemany(
            "INSERT OR IGNORE INTO picture_tags VALUES (?, ?, 0.8)",
            [(tag, n) for n in numbers for tag in chance.choices(tags, k=PER_PICTURE)],
        )
        owners = [(n, place) for n, count in zip(numbers, heads, strict=True) for place in range(count)]
        who = chance.choices(names, rarity, k=len(owners))
        connection.executemany(
            "INSERT INTO faces VALUES (?, ?, ?, 0, 0, 90, 90, ?, ?, ?, ?)",
            _faces(face, owners, who, tags, chance),
        )
        data = vectors.integers(-127, 127, (len(owners), width), np.int8)
        connection.executemany(
            "INSERT INTO embeddings VALUES (?, ?, ?)",
            [(face + row, space, data[row].tobytes()) for row in range(len(owners))],
        )
        face += len(owners)


def _faces(
    first: int, owners: list[tuple[int, int]], who: list[int], tags: list[int], chance: random.Random
) -> Iterator[tuple[object, ...]]:
    for row, ((picture, place), name) in enumerate(zip(owners, who, strict=True)):
        hair, eyes = chance.choice(tags[: len(HAIR)]), chance.choice(tags[len(HAIR) : 2 * len(HAIR)])
        yield first + row, picture, place, name, chance.uniform(0.6, 1), hair, eyes


def _terms(connection: Connection, category: str, names: Iterable[str]) -> list[int]:
    query = (
        "INSERT INTO terms (category, name) VALUES (?, ?) ON CONFLICT DO UPDATE SET name = name RETURNING id"
    )
    return [connection.execute(query, (category, name)).fetchone()[0] for name in names]


QUESTIONS = (
    ("character_0",),
    ("character_700", "--with", "general_5"),
    ("character_0", "--hair", "red", "--min-score", "0.9"),
    ("--min-score", "0.7"),
    ("--with", "general_3", "--heads", "1-", "--min-score", "0.7"),
    ("--text", "folder 12"),
    ("--folder", "/art/folder 12", "--min-score", "0.7"),
    ("--like", "face.png"),
)


def _ask(home: Home, question: Sequence[str]) -> None:
    start, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    ended = home.run("find", *question, "--gone")
    took, after = time.monotonic() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    computed = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    count = len(ended.out.splitlines())
    print(
        f"{took:6.2f} s ({computed:.2f} s of a core), {count:9,} pictures: find {' '.join(question)}",
        flush=True,
    )


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser("python -m benchmarks experiment finding", description=__doc__)
    parser.add_argument("faces", type=int)
    parser.add_argument("--width", type=int, default=256, help="numbers in an embedding")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        bundle = make_bundle(Path(folder, "model"))
        home = make_home(Path(folder, "home"), BOORU_TAGGER_MODEL=str(bundle))
        paint([Painted(10, 10, 60)], size=(96, 80)).save(home.work / "face.png")
        assert home.run("tag", "face.png").code == 0
        journal_file = home.folder / "state/booru-tagger/journal.sqlite3"
        with Journal.open(journal_file) as journal:
            (space,) = journal._database.read(
                lambda connection: connection.execute(
                    "SELECT id FROM terms WHERE category = 'space'"
                ).fetchone()
            )
            pictures = round(options.faces / FACES_EACH)
            journal._database.write(lambda connection: _fill(connection, pictures, space, options.width))
        print(f"{pictures:,} pictures, a journal of {journal_file.stat().st_size / 1e6:.0f} MB", flush=True)
        for question in QUESTIONS:
            _ask(home, question)
            _ask(home, question)
