"""The only way a writer changes a file: read, merged, swapped in, and begun anew where others changed it."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

from booru_tagger.errors import OutputError
from booru_tagger.files.reading import IrregularFileError, read_with_status
from booru_tagger.files.replace import (
    Replacement,
    SweptAwayError,
    output_error,
    refuse_read_only,
    status_of,
)
from booru_tagger.files.stamps import FileState, sha256_of_bytes
from booru_tagger.writers.base import Revision, Written


class ChangedMeanwhileError(OutputError):
    """Somebody else changed the file between our reading it and our writing it."""


class PreparedChange:
    """What a target is to become, ready to be put in its place. Methods raise :class:`OutputError`.

    ``written`` is the account of it. To be discarded in the end, put or not.
    """

    def __init__(
        self, written: Written, data: bytes | None, seen: os.stat_result | None, *, keep_mtime: bool = False
    ) -> None:
        self.written = written
        self._seen, self._data = seen, data
        self._made: Replacement | None = None
        if written.changed and data is not None:
            mtime_ns = seen.st_mtime_ns if keep_mtime and seen is not None else None
            self._made = Replacement(written.target, data, mtime_ns=mtime_ns)
        elif written.changed and seen is not None:
            refuse_read_only(written.target, seen)

    def flush(self) -> None:
        """Have the new content on the disk. Right after that of many others this takes little time."""
        if self._made is not None:
            self._made.flush()

    def look(self) -> None:
        """Raises :class:`ChangedMeanwhileError` where the target is not what the change was made for."""
        target = self.written.target
        if self.written.changed and _state(status_of(target)) != _state(self._seen):
            raise ChangedMeanwhileError(f"{target}: was changed by another program")

    def put(self) -> None:
        """Make the change. Raises :class:`SweptAwayError` where all is to be done again."""
        if self._made is not None:
            self._made.put()
        elif self.written.changed:
            try:
                Path(os.path.realpath(self.written.target)).unlink()
            except OSError as error:
                raise output_error(self.written.target, error) from error

    def discard(self) -> None:
        """Let go of what was made for it."""
        if self._made is not None:
            self._made.discard()


def prepare(
    target: Path,
    change: Callable[[bytes | None], Revision],
    *,
    make_folder: bool = False,
    restorable: bool = True,
    keep_mtime: bool = False,
) -> PreparedChange:
    """Read ``target``, and let ``change`` say what it becomes; nothing is done to it yet.

    ``make_folder`` makes the folders above the target. Raises :class:`OutputError`, and what ``change``
    raises.
    """
    before, seen = _read(target)
    wanted = change(before)
    written = Written(
        target=target,
        changed=wanted.data != before,
        owned=wanted.owned,
        deleted=wanted.deleted,
        before=before,
        after_sha256=sha256_of_bytes(wanted.data),
        restorable=restorable,
    )
    if make_folder and written.changed and wanted.data is not None:
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise output_error(target, error) from error
    return PreparedChange(written, wanted.data, seen, keep_mtime=keep_mtime)


def revise(
    target: Path,
    change: Callable[[bytes | None], Revision],
    *,
    announce: Callable[[Written], None] | None = None,
    make_folder: bool = False,
    restorable: bool = True,
    keep_mtime: bool = False,
) -> Written:
    """Do to ``target`` at once what :func:`prepare` prepares.

    Where somebody else changes the file in between, it is read again, so that their change is merged and not
    lost. A target that stays the same is not touched. ``announce`` is called right before a change takes
    place. Raises :class:`OutputError`, and what ``change`` and ``announce`` raise.
    """
    for _ in range(5):
        prepared = prepare(
            target, change, make_folder=make_folder, restorable=restorable, keep_mtime=keep_mtime
        )
        try:
            prepared.flush()
            prepared.look()
            if announce is not None and prepared.written.changed:
                announce(prepared.written)
            prepared.put()
        except (ChangedMeanwhileError, SweptAwayError):
            continue
        finally:
            prepared.discard()
        return prepared.written
    raise ChangedMeanwhileError(f"{target}: another program keeps changing it; run again when it is done")


def read_target(target: Path) -> bytes | None:
    """The bytes of a target, ``None`` where there is none. Raises :class:`OutputError`."""
    return _read(target)[0]


def _read(target: Path) -> tuple[bytes | None, os.stat_result | None]:
    try:
        return read_with_status(target)
    except FileNotFoundError:
        return None, None
    except IsADirectoryError as error:
        raise OutputError(f"{target}: is a folder; move it away") from error
    except IrregularFileError as error:
        raise OutputError(f"{target}: is not a regular file; move it away") from error
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise output_error(target, error) from error
        raise OutputError(f"{target}: cannot be read before merging: {error.strerror or error}") from error


def _state(status: os.stat_result | None) -> FileState | None:
    return None if status is None else FileState.of(status)
