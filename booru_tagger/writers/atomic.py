"""The only way a writer changes a file: read, merged, swapped in, and begun anew where others changed it."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Callable
from pathlib import Path

from booru_tagger.errors import OutputError
from booru_tagger.files.reading import IrregularFileError, read_with_status
from booru_tagger.files.replace import output_error, refuse_read_only, replace_file, status_of
from booru_tagger.files.stamps import FileState, sha256_of_bytes
from booru_tagger.writers.base import Revision, Written


class ChangedMeanwhileError(OutputError):
    """Somebody else changed the file between our reading it and our writing it."""


def revise(
    target: Path,
    change: Callable[[bytes | None], Revision],
    *,
    announce: Callable[[Written], None] | None = None,
    make_folder: bool = False,
    restorable: bool = True,
    keep_mtime: bool = False,
) -> Written:
    """Read ``target``, let ``change`` say what it becomes, and swap that in.

    Where somebody else changes the file in between, it is read again, so that their change is merged and not
    lost. A target that stays the same is not touched. ``announce`` is called right before a change takes
    place. ``make_folder`` makes the folders above the target. Raises :class:`OutputError`, and what
    ``change`` and ``announce`` raise.
    """
    for _ in range(5):
        before, status = _read(target)
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
        if not written.changed:
            return written
        with contextlib.suppress(ChangedMeanwhileError):
            _bring_about(wanted.data, written, status, announce, make_folder, keep_mtime)
            return written
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


def _bring_about(
    data: bytes | None,
    written: Written,
    seen: os.stat_result | None,
    announce: Callable[[Written], None] | None,
    make_folder: bool,
    keep_mtime: bool,
) -> None:
    target = written.target

    def last_look() -> None:
        if _state(status_of(target)) != _state(seen):
            raise ChangedMeanwhileError(f"{target}: was changed by another program")
        if announce is not None:
            announce(written)

    if data is None:
        _delete(target, last_look)
        return
    if make_folder:
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise output_error(target, error) from error
    mtime = seen.st_mtime_ns if keep_mtime and seen is not None else None
    replace_file(target, data, mtime_ns=mtime, last_look=last_look)


def _state(status: os.stat_result | None) -> FileState | None:
    return None if status is None else FileState.of(status)


def _delete(target: Path, last_look: Callable[[], None]) -> None:
    real = Path(os.path.realpath(target))
    try:
        refuse_read_only(target, real.stat())
        last_look()
        real.unlink()
    except OSError as error:
        raise output_error(target, error) from error
