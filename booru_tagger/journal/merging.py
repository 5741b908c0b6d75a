"""Journals of several machines become one: whatever is newer wins, and nothing that people said is lost."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from sqlite3 import Connection
from typing import NamedTuple

from booru_tagger.errors import ConfigError
from booru_tagger.files.stamps import Stamp, sha256_of_bytes
from booru_tagger.journal import index, ledger
from booru_tagger.journal.database import Database
from booru_tagger.journal.packing import inflated, packed_tags, tags_of, unpacked
from booru_tagger.journal.paths import SEPARATOR
from booru_tagger.journal.pushes import merge_pushes
from booru_tagger.journal.reviews import packed_verdicts, unpacked_verdicts
from booru_tagger.journal.schema import prepare
from booru_tagger.journal.values import Original
from booru_tagger.types import Embedding, Verdict

_PAGE = 128
"""Pictures taken over in one transaction: others may use the journal meanwhile."""
_SAME_FACE = 0.5
"""Overlap (IoU) from which two verdicts are on one face."""


@dataclass(frozen=True, slots=True)
class PathMap:
    """Folders that are called otherwise here: old and new path, as the journal writes them."""

    pairs: Sequence[tuple[bytes, bytes]] = ()

    def __call__(self, key: bytes) -> bytes:
        for old, new in sorted(self.pairs, key=lambda pair: -len(pair[0])):
            old, new = old.rstrip(SEPARATOR), new.rstrip(SEPARATOR)
            if key == old or key.startswith(old + SEPARATOR):
                return new + key[len(old) :]
        return key


@dataclass(slots=True)
class MergeReport:
    """Pictures that were not known, pictures whose newer state was taken over, and those left as they were;
    pictures of whose faces people had said something that was not known."""

    added: int = 0
    renewed: int = 0
    left: int = 0
    verdicts: int = 0


class _Mark(NamedTuple):
    target: bytes
    writer: str
    owned: bytes
    deleted: bytes
    latest: int
    written_at: float
    left_sha256: str
    original: int
    content: bytes | None


@dataclass(slots=True)
class _Picture:
    number: int
    path: bytes
    row: tuple[object, ...]
    """size, mtime_ns, sha256, fingerprint, tagged_at, result, raw, raw_fingerprint"""
    marks: list[_Mark] = field(default_factory=list)
    intents: list[tuple[object, ...]] = field(default_factory=list)
    verdicts: tuple[int, bytes, float] | None = None
    embeddings: dict[index.Corners, Embedding] = field(default_factory=dict)

    @property
    def stamp(self) -> Stamp:
        return Stamp(*self.row[:2])  # type: ignore[arg-type]

    @property
    def tagged_at(self) -> float:
        return float(self.row[4])  # type: ignore[arg-type]


def merge(database: Database, other: Path, moved: PathMap) -> MergeReport:
    """Take over what the journal ``other`` knows and this one does not, or knows in an older state.

    ``other`` is left as it is; done twice, the second time changes nothing. Raises :class:`ConfigError` where
    it is no journal that this version reads, and :class:`OutputError`.
    """
    report = MergeReport()
    with _copy_of(other) as theirs:
        for page in _pages(theirs):
            database.write(lambda ours: _take_all(ours, page, moved, report))  # noqa: B023
        for reviewed in _reviews_alone(theirs):
            database.write(lambda ours: _merge_review(ours, moved(reviewed[0]), reviewed[1], False, report))  # noqa: B023
        pushes = theirs.execute("SELECT * FROM pushes").fetchall()
        database.write(lambda ours: merge_pushes(ours, pushes))
    return report


@contextmanager
def _copy_of(other: Path) -> Iterator[Connection]:
    """A copy of another journal, brought up to this version: a program may be using the other one."""
    if not other.is_file():
        raise ConfigError(f"{other}: there is no such journal")
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        closing(sqlite3.connect(Path(folder) / "copy.sqlite3", isolation_level=None)) as copy,
    ):
        try:
            with closing(sqlite3.connect(f"{other.absolute().as_uri()}?mode=ro", uri=True)) as source:
                source.backup(copy)
            prepare(copy, other)
        except sqlite3.DatabaseError as error:
            raise ConfigError(f"{other}: cannot be read as a journal ({error})") from error
        yield copy


def _pages(theirs: Connection) -> Iterator[list[_Picture]]:
    last = 0
    while True:
        rows = theirs.execute(
            "SELECT id, path, size, mtime_ns, sha256, fingerprint, tagged_at, result, raw, raw_fingerprint"
            " FROM pictures WHERE id > ? ORDER BY id LIMIT ?",
            (last, _PAGE),
        ).fetchall()
        if not rows:
            return
        yield [_picture(theirs, row) for row in rows]
        last = rows[-1][0]


def _picture(theirs: Connection, row: Sequence[object]) -> _Picture:
    number, path = row[0], row[1]
    assert isinstance(number, int) and isinstance(path, bytes)
    marks = theirs.execute(
        "SELECT path, writer, owned, deleted, latest, written_at, left_sha256, original, bytes FROM marks"
        " JOIN targets ON targets.id = target WHERE picture = ?",
        (number,),
    )
    intents = theirs.execute("SELECT * FROM intents WHERE picture = ?", (path,))
    said = theirs.execute("SELECT uncertain, verdicts, changed_at FROM reviews WHERE picture = ?", (path,))
    return _Picture(
        number,
        path,
        tuple(row[2:]),
        [_Mark(*mark) for mark in marks],
        intents.fetchall(),
        said.fetchone(),
        index.embeddings(theirs, number),
    )


def _take_all(ours: Connection, page: Sequence[_Picture], moved: PathMap, report: MergeReport) -> None:
    for picture in page:
        _take(ours, picture, moved, report)


def _take(ours: Connection, picture: _Picture, moved: PathMap, report: MergeReport) -> None:
    key = moved(picture.path)
    known = ours.execute("SELECT id, tagged_at FROM pictures WHERE path = ?", (key,)).fetchone()
    newer = known is None or picture.tagged_at > known[1]
    if newer:
        report.added += known is None
        report.renewed += known is not None
        number = _put(ours, key, picture, {} if known is None else {key: known[0]})
    else:
        report.left += 1
        number = known[0]
    for mark in picture.marks:
        _take_mark(ours, number, mark._replace(target=moved(mark.target)), newer)
    for intent in picture.intents:  # whether it was carried out shows in the target
        row = (key, moved(intent[1]), *intent[2:])  # type: ignore[arg-type]
        ours.execute(f"INSERT OR IGNORE INTO intents VALUES ({', '.join('?' * len(row))})", row)
    if picture.verdicts is not None:
        _merge_review(ours, key, picture.verdicts, newer, report)


def _put(ours: Connection, key: bytes, picture: _Picture, old: Mapping[bytes, int]) -> int:
    number = ledger.put_rows(ours, {key: picture.row}, old)[key]
    packed = picture.row[5]
    result = unpacked(packed) if isinstance(packed, bytes) else None
    if result is not None:
        faces = tuple(
            replace(face, embedding=picture.embeddings.get(face.box.rounded())) for face in result.faces
        )
        result = replace(result, faces=faces)
    index.put(ours, [index.Entry(number, result, picture.stamp, picture.tagged_at)])
    return number


def _take_mark(ours: Connection, number: int, theirs: _Mark, newer: bool) -> None:
    """Their mark and ours on one target: the later one says what stands there, both say what is ours."""
    row = ours.execute(
        "SELECT id, left_sha256, original, bytes FROM targets WHERE path = ?", (theirs.target,)
    ).fetchone()
    if row is None:
        (target,) = ours.execute(
            "INSERT INTO targets (path, left_sha256, original, bytes) VALUES (?, ?, ?, ?) RETURNING id",
            (theirs.target, theirs.left_sha256, theirs.original, theirs.content),
        ).fetchone()
    else:
        target = row[0]
        _settle_target(ours, target, row[1:], theirs)
    known = ours.execute(
        "SELECT writer, owned, deleted, latest, written_at FROM marks WHERE picture = ? AND target = ?",
        (number, target),
    ).fetchone()
    latest = theirs.latest if newer or known is None else known[3]
    writer, owned, deleted, at = theirs.writer, theirs.owned, theirs.deleted, theirs.written_at
    if known is not None:
        later = (owned, deleted) if at >= known[4] else (known[1], known[2])
        earlier = (known[1], known[2]) if at >= known[4] else (owned, deleted)
        owned, deleted = _tags_of_both(earlier, later)
        writer, at = (writer, at) if at >= known[4] else (known[0], known[4])
    ours.execute(
        "INSERT OR REPLACE INTO marks (picture, target, writer, owned, deleted, latest, written_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (number, target, writer, owned, deleted, latest, at),
    )


def _tags_of_both(earlier: tuple[bytes, bytes], later: tuple[bytes, bytes]) -> tuple[bytes, bytes]:
    """What is ours, and what of ours was taken out: the later writer did not know the earlier one's tags."""
    owned = tags_of(earlier[0]) | tags_of(later[0])
    deleted = (tags_of(earlier[1]) | tags_of(later[1])) - tags_of(later[0])
    return packed_tags(owned - deleted), packed_tags(deleted)


def _settle_target(
    ours: Connection, target: int, known: tuple[str, int, bytes | None], theirs: _Mark
) -> None:
    (last,) = ours.execute("SELECT max(written_at) FROM marks WHERE target = ?", (target,)).fetchone()
    if theirs.left_sha256 == known[0] and (theirs.original, theirs.content) == known[1:]:
        return
    mine = known
    other = (theirs.left_sha256, theirs.original, theirs.content)
    earlier, later = (mine, other) if last is None or theirs.written_at > last else (other, mine)
    original, content = _original(earlier, later)
    ours.execute(
        "UPDATE targets SET left_sha256 = ?, original = ?, bytes = ? WHERE id = ?",
        (later[0], original, content, target),
    )


def _original(
    earlier: tuple[str, int, bytes | None], later: tuple[str, int, bytes | None]
) -> tuple[int, bytes | None]:
    """What stood there before anybody's first write: what the later writer took for the original may be what
    the earlier one left."""
    if later[1] == Original.UNTOUCHED or (
        later[1] == Original.KEPT and sha256_of_bytes(inflated(later[2])) == earlier[0]
    ):
        return earlier[1], earlier[2]
    if later[1:] == earlier[1:] or earlier[1] == Original.UNTOUCHED:
        return later[1], later[2]
    return Original.UNKNOWN, None


def _reviews_alone(theirs: Connection) -> list[tuple[bytes, tuple[int, bytes, float]]]:
    """What people said of pictures that were untagged since."""
    rows = theirs.execute(
        "SELECT picture, uncertain, verdicts, changed_at FROM reviews"
        " WHERE NOT EXISTS (SELECT 1 FROM pictures WHERE path = picture)"
    )
    return [(row[0], (row[1], row[2], row[3])) for row in rows]


def _merge_review(
    ours: Connection, key: bytes, theirs: tuple[int, bytes, float], newer: bool, report: MergeReport
) -> None:
    """Both people's words; ``newer`` says whose picture it is now.

    Where that was written without some of them, it counts as not done.
    """
    row = ours.execute(
        "SELECT uncertain, verdicts, changed_at FROM reviews WHERE picture = ?", (key,)
    ).fetchone()
    mine = unpacked_verdicts(row[1]) if row is not None else ()
    said = combined(mine, unpacked_verdicts(theirs[1]))
    report.verdicts += said != mine
    uncertain = theirs[0] if newer or row is None else row[0]
    if row is None or said != mine or uncertain != row[0]:
        ours.execute(
            "INSERT OR REPLACE INTO reviews (picture, uncertain, verdicts, changed_at) VALUES (?, ?, ?, ?)",
            (key, uncertain, packed_verdicts(said), max(theirs[2], row[2] if row is not None else 0.0)),
        )
    if said != (unpacked_verdicts(theirs[1]) if newer else mine):
        ours.execute("UPDATE pictures SET fingerprint = ? WHERE path = ?", (ledger.UNTAGGED, key))


def combined(mine: Sequence[Verdict], theirs: Sequence[Verdict]) -> tuple[Verdict, ...]:
    """All of them; where both are on one face, the one that was said later."""
    found = list(mine)
    for verdict in theirs:
        same = next((place for place, one in enumerate(found) if _same_face(one, verdict)), None)
        if same is None:
            found.append(verdict)
        elif verdict.said_at > found[same].said_at:
            found[same] = verdict
    return tuple(found)


def _same_face(one: Verdict, other: Verdict) -> bool:
    sizes = {(one.width, one.height), (other.width, other.height)}
    return len(sizes) == 1 and one.face.overlap(other.face) >= _SAME_FACE
