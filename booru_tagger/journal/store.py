"""The journal's questions and answers."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import cached_property
from pathlib import Path
from sqlite3 import Connection
from types import TracebackType
from typing import TYPE_CHECKING, Self

from booru_tagger.files.stamps import NO_STAMP, Stamp, sha256_of, stamp_of
from booru_tagger.journal import intents, ledger
from booru_tagger.journal.database import LOOK_SECONDS, Database
from booru_tagger.journal.known import KnownPicture, KnownPictures, known
from booru_tagger.journal.moves import follow, inherit
from booru_tagger.journal.paths import SEPARATOR, PathKeys, path_of, prefix_of
from booru_tagger.journal.reviews import Reviews
from booru_tagger.journal.seen import SeenStamps
from booru_tagger.journal.values import Change, JournalEntry, Original, Ownership, RawResult, WriteReport
from booru_tagger.journal.writes import Announcement, Tagging, Writes
from booru_tagger.types import TagResult

if TYPE_CHECKING:
    from booru_tagger.journal.finder import Finder
    from booru_tagger.journal.merging import MergeReport, PathMap
    from booru_tagger.journal.placements import Placements
    from booru_tagger.journal.pushes import Pushes


class Journal:
    """An open journal; a context manager that closes it. May be used from any thread.

    The course of one picture::

        if not journal.is_done(picture, fingerprint):
            raw = journal.raw(picture, raw_fingerprint) or ...
            result = ...
            with journal.turn(picture, targets):
                for each writer:
                    mine = journal.ownership(target, picture)
                    ...  # calls journal.announce(picture, writer, report) right before it swaps its file in
                journal.record(picture, fingerprint, result, written, Raw(raw, raw_fingerprint))
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._keys = PathKeys()
        self._seen = SeenStamps()
        self.writes = Writes(database, self._keys, self._seen)
        self.reviews = Reviews(database, self._keys)
        self._known = KnownPictures(database)
        self._unknown: tuple[object, float] = (None, 0.0)

    @classmethod
    def open(cls, path: Path) -> Journal:
        """Open the journal at ``path``, making it and its folder where they are missing.

        A damaged one is set aside and a new one begun, which :attr:`warnings` then tells. Raises
        :class:`ConfigError` where the file is a newer version's or another program's, :class:`OutputError`
        where the disk is full or another program holds the journal.
        """
        return cls(Database(path))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._database.close()

    @property
    def path(self) -> Path:
        return self._database.path

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a person should hear of, so far: a journal set aside, one that cannot be kept."""
        return tuple(self._database.warnings)

    @cached_property
    def finder(self) -> Finder:
        """What answers questions about many pictures."""
        from booru_tagger.journal.finder import Finder  # this and the next two: not for tagging

        return Finder(self._database)

    def pushes(self, place: str) -> Pushes:
        """What was sent to one booru."""
        from booru_tagger.journal.pushes import Pushes

        return Pushes(self._database, place)

    def placements(self, tree: Path) -> Placements:
        """What was sorted into one tree of folders."""
        from booru_tagger.journal.placements import Placements

        return Placements(self._database, self._keys, tree)

    def moved(self, places: Mapping[Path, Path], others: Iterable[Path] = ()) -> None:
        """Know files that were moved, pictures or their tag files, by their new paths: by the old ones.

        ``others`` are files that belong to the same pictures and are there already, or come along later.
        Raises :class:`OutputError`.
        """
        keys = {self._keys(before): self._keys(after) for before, after in places.items()}
        follow(self._database, keys, set(map(self._keys, others)))

    def merge(self, other: Path, moved: PathMap | None = None) -> MergeReport:
        """Take over what the journal in the file ``other`` knows; see :func:`~.merging.merge`."""
        from booru_tagger.journal.merging import PathMap, merge  # which tagging and searching never need

        return merge(self._database, other, moved or PathMap())

    def is_done(self, picture: Path, fingerprint: str) -> bool:
        """Whether this content was tagged under ``fingerprint`` and every file written for it still stands.

        A picture that was merely touched, or moved with its sidecars, is recognised by its content. A sidecar
        that was edited is left alone; one that was deleted as a whole is made anew. Raises
        :class:`OutputError` where the journal cannot be used.
        """
        known = self._as_tagged(picture, lambda known: known.fingerprint == fingerprint)
        if known is None or known.unsettled:
            return False
        # Asked for every file beside a picture, and twice as fast as os.path.exists.
        return all(map(os.access, known.targets, itertools.repeat(os.F_OK)))

    def is_unchanged(self, picture: Path) -> bool:
        """Whether the picture is still what was tagged, whatever became of its sidecars since.

        Raises :class:`OutputError` where the journal cannot be used.
        """
        return self._as_tagged(picture, lambda known: True) is not None

    def raw(self, picture: Path, raw_fingerprint: str) -> TagResult | None:
        """What the tagger of that fingerprint found in the picture, if that is still as it was then.

        Raises :class:`OutputError` where the journal cannot be used.
        """
        known = self._as_tagged(picture, lambda known: True)
        if known is None:
            return None
        return self._database.read(lambda connection: ledger.raw(connection, known.id, raw_fingerprint))

    def _as_tagged(self, picture: Path, fits: Callable[[KnownPicture], bool]) -> KnownPicture | None:
        """What is known of a picture, if that ``fits`` and is about the content that stands there now."""
        stamp = stamp_of(picture)
        if stamp is None:
            return None
        key = self._keys(picture, LOOK_SECONDS)
        self._seen.remember(key, stamp)
        known = self._find(key, stamp)
        if known is None or not fits(known):
            return None
        return known if known.stamp == stamp or self._same_content(picture, known, stamp) else None

    def _find(self, key: bytes, stamp: Stamp | None) -> KnownPicture | None:
        # A picture that is new is asked about twice in a row.
        question = key, stamp, self._database.writes
        if self._unknown[0] == question and time.monotonic() < self._unknown[1]:
            return None
        found = self._known(key)
        if found is None and stamp is not None and inherit(self._database, key, stamp):
            found = self._known(key)
        if found is None:
            self._unknown = question, time.monotonic() + LOOK_SECONDS
        return found

    def _same_content(self, picture: Path, known: KnownPicture, stamp: Stamp) -> bool:
        if known.sha256 is None or known.stamp.size != stamp.size or sha256_of(picture) != known.sha256:
            return False
        self._database.write(lambda connection: ledger.touch(connection, known.id, stamp))
        return True

    def turn(self, picture: Path, targets: Iterable[Path]) -> AbstractContextManager[None]:
        """Hold one picture and its ``targets``; see :meth:`Writes.turn`."""
        return self.writes.turn({picture: targets})

    def ownership(self, target: Path, picture: Path) -> Ownership:
        """Whose the tags of one target are; see :meth:`Writes.ownerships`."""
        return self.writes.ownerships([(target, picture)])[0]

    def perhaps_ours(self, target: Path, picture: Path) -> frozenset[str]:
        """Which tags in ``target`` we put there for ``picture``, or may have before we were killed."""
        keys = self._keys(target), self._keys(picture)
        return self._database.read(
            lambda connection: (
                ledger.ownership(connection, *keys).owned | intents.announced(connection, *keys)
            )
        )

    def announced(self, picture: Path) -> dict[Path, frozenset[str]]:
        """By target, which tags we may have put there for ``picture`` before we were killed."""
        key = self._keys(picture)
        found = self._database.read(lambda connection: intents.announced_for(connection, key))
        return {path_of(target): tags for target, tags in found.items()}

    def announce(self, picture: Path, writer: str, report: WriteReport) -> None:
        """Note one change right before it is made; see :meth:`Writes.announce`."""
        self.writes.announce([Announcement(picture, writer, report)])

    def record(
        self,
        picture: Path,
        fingerprint: str,
        result: TagResult,
        written: Sequence[tuple[str, WriteReport]],
        raw: RawResult | None = None,
    ) -> None:
        """Remember what was found and written for one picture; see :meth:`Writes.record`."""
        self.writes.record([Tagging(picture, fingerprint, result, written, raw)])

    def adopt(self, picture: Path, result: TagResult, stamp: Stamp | None, raw: RawResult | None) -> bool:
        """Remember what was found in the picture elsewhere, when its file had that ``stamp``; whether it is.

        It is not where the picture is known as it was then. Nothing was written for it yet, so it counts as
        not done. Raises :class:`OutputError`.
        """
        key = self._keys(picture)

        def work(connection: Connection) -> bool:
            found = known(connection, key)
            if found is not None and found.stamp != NO_STAMP and stamp in (None, found.stamp):
                return False
            row = ledger.Row(key, stamp or NO_STAMP, None, ledger.UNTAGGED, time.time(), result, raw)
            ledger.put_pictures(connection, [row])
            return True

        return self._database.write(work)

    def entry(self, picture: Path) -> JournalEntry | None:
        """All that is known of a picture; ``None`` where nothing is."""
        key = self._keys(picture)
        self._find(key, stamp_of(picture))
        return self._database.read(lambda connection: ledger.entry(connection, key))

    def knows(self, picture: Path) -> bool:
        """Whether anything is known of the picture, or of the one that it was before it was moved here."""
        return self._find(self._keys(picture), stamp_of(picture)) is not None

    def written_below(self, folder: Path, *, recursive: bool = True) -> list[Path]:
        """The pictures in ``folder``, gone ones too, for which tags of ours (may) stand in some file."""
        prefix = prefix_of(folder)
        found = self._database.read(lambda connection: ledger.written_below(connection, prefix))
        return [path_of(key) for key in found if recursive or SEPARATOR not in key[len(prefix) :]]

    def announce_removal(
        self, picture: Path, target: Path, writer: str, deleted: frozenset[str], after_sha256: str | None
    ) -> None:
        """Note that our tags are about to be taken out of ``target``.

        ``after_sha256`` is the hash that its content will have, ``None`` where that is not known.
        """
        change = Change(
            writer, frozenset(), deleted, sha256_of(target) or "", after_sha256, Original.UNTOUCHED
        )
        keys = self._keys(picture), self._keys(target)
        # Lost, the tags that are gone would seem to have been taken out by a person, and never come again.
        self._database.write(
            lambda connection: intents.put(connection, [(*keys, change)], time.time()), durable=True
        )

    def record_removal(self, picture: Path, target: Path, writer: str, deleted: frozenset[str]) -> None:
        """Note that none of our tags for ``picture`` stand in ``target`` any more, which makes it undone."""
        keys = self._keys(picture), self._keys(target)
        change = Change(writer, frozenset(), deleted, "", sha256_of(target) or "", Original.UNTOUCHED)

        def work(connection: Connection) -> None:
            now = time.time()
            ledger.put_untagged(connection, keys[0], now)
            ledger.apply(connection, *keys, change, now)
            ledger.forget_empty(connection, *keys)

        self._database.write(work)
