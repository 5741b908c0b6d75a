"""The only way a file is changed: all of it at once, or not at all."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import secrets
import stat
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from booru_tagger.errors import OutputError
from booru_tagger.writers.base import Written
from booru_tagger.writers.locking import lock_at_once

PREFIX = ".booru-tagger-"
"""Beginning of the names of all files that this tool makes for itself beside a user's."""
TEMPORARY = ".tmp"

_ADVICE = {
    errno.ENOSPC: "no space left on the disk; free some and run again",
    errno.EDQUOT: "the disk quota is used up; free some space and run again",
    errno.EFBIG: "the file would be larger than the system allows",
    errno.EACCES: "permission denied; allow writing in its folder, or write elsewhere with --output",
    errno.EPERM: "permission denied; allow writing in its folder, or write elsewhere with --output",
    errno.EROFS: "the file system is read-only; write elsewhere with --output",
    errno.ENAMETOOLONG: "the name is too long; rename the picture, or use --sidecar-name stem",
    errno.ENOENT: "its folder does not exist (any more)",
    errno.ENOTDIR: "a part of its path is no folder",
}


class ChangedMeanwhileError(OutputError):
    """Somebody else changed the file between our reading it and our writing it."""


@dataclass(frozen=True, slots=True)
class Change:
    """What a target shall become: ``data`` (``None``: no file), and what it then says of ownership."""

    data: bytes | None
    owned: frozenset[str]
    deleted: frozenset[str]


def output_error(path: Path, error: OSError) -> OutputError:
    """The typed error for a failed write, with what to do about it."""
    reason = _ADVICE.get(error.errno or 0, error.strerror or str(error))
    return OutputError(f"{path}: cannot be written: {reason}")


def revise(
    target: Path,
    change: Callable[[bytes | None], Change],
    *,
    announce: Callable[[Written], None] | None = None,
    make_folder: bool = False,
    restorable: bool = True,
    keep_mtime: bool = False,
) -> Written:
    """Read ``target``, let ``change`` say what it becomes, and swap that in.

    Where somebody else changes the file in between, it is read again, so that their change is merged and not
    lost. A target that stays the same is not touched. ``announce`` hears of a change right before it takes
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
            after_sha256="" if wanted.data is None else hashlib.sha256(wanted.data).hexdigest(),
            restorable=restorable,
        )
        if not written.changed:
            return written
        with contextlib.suppress(ChangedMeanwhileError):
            _bring_about(wanted.data, written, status, announce, make_folder, keep_mtime)
            return written
    raise ChangedMeanwhileError(f"{target}: another program keeps changing it; run again when it is done")


_Seen = tuple[int, int, int]
"""Inode, size and modification time: what tells that a file was changed."""


def read_target(target: Path) -> bytes | None:
    """The bytes of a target, ``None`` where there is none. Raises :class:`OutputError`."""
    return _read(target)[0]


def _read(target: Path) -> tuple[bytes | None, os.stat_result | None]:
    try:
        # O_NONBLOCK: opening a FIFO must not hang; what is not a regular file is refused just below.
        descriptor = os.open(target, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        with os.fdopen(descriptor, "rb") as handle:
            status = os.fstat(handle.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise OutputError(f"{target}: is not a regular file; move it away")
            return handle.read(), status
    except FileNotFoundError:
        return None, None
    except IsADirectoryError as error:
        raise OutputError(f"{target}: is a folder; move it away") from error
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
        if _signature(_status(target)) != _signature(seen):
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


def _signature(status: os.stat_result | None) -> _Seen | None:
    return None if status is None else (status.st_ino, status.st_size, status.st_mtime_ns)


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except FileNotFoundError:
        return None


def _delete(target: Path, last_look: Callable[[], None]) -> None:
    real = Path(os.path.realpath(target))
    try:
        _refuse_read_only(target, real.stat())
        last_look()
        real.unlink()
    except OSError as error:
        raise output_error(target, error) from error


def replace_file(
    path: Path, data: bytes, *, mtime_ns: int | None = None, last_look: Callable[[], None] | None = None
) -> None:
    """Make ``data`` the content of ``path``, in one step that no reader and no crash can see the middle of.

    A temporary file in the same folder is written, flushed to the disk and renamed over the target. A
    symbolic link is followed. Permissions (and, where allowed, owner and extended attributes) of an existing
    target stay; ``mtime_ns`` sets its modification time. ``last_look`` is called right before the swap; what
    it raises calls the swap off. On any failure the target is as it was, no temporary file is left, and
    :class:`OutputError` says why.
    """
    target = Path(os.path.realpath(path))
    try:
        old = _status(target)
        if old is not None:
            _refuse_read_only(path, old)
        _sweep_once(target.parent)
        try:
            _swap_in(target, data, old, mtime_ns, last_look)
        except FileNotFoundError:
            if not target.parent.is_dir():
                raise
            # A process that sweeps here took our temporary file for a dead one, just before it was locked.
            _swap_in(target, data, old, mtime_ns, last_look)
    except OSError as error:
        raise output_error(path, error) from error


def _refuse_read_only(path: Path, status: os.stat_result) -> None:
    # A rename would go through whatever the file's own mode; but read-only is how a person says "hands off".
    if not status.st_mode & 0o222 or not os.access(path, os.W_OK):
        raise OutputError(f"{path}: is read-only and left alone; make it writable to have it changed")


def _swap_in(
    target: Path,
    data: bytes,
    old: os.stat_result | None,
    mtime_ns: int | None,
    last_look: Callable[[], None] | None,
) -> None:
    temporary = target.parent / f"{PREFIX}{secrets.token_hex(8)}{TEMPORARY}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    handle = os.fdopen(os.open(temporary, flags, 0o666), "wb")
    try:
        with handle:
            with contextlib.suppress(OSError):  # some network file systems have no locks; then nothing sweeps
                lock_at_once(handle.fileno())  # tells a sweeping process that we are alive
            handle.write(data)
            handle.flush()
            if old is not None:
                _take_over(old, target, temporary)
            os.fsync(handle.fileno())
            if mtime_ns is not None:
                os.utime(temporary, ns=(mtime_ns, mtime_ns))
            if sys.platform == "win32":
                handle.close()  # an open file cannot be renamed there
            if last_look is not None:
                last_look()
            os.replace(temporary, target)  # noqa: PTH105  (tests make it fail by this name)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


def _take_over(old: os.stat_result, target: Path, temporary: Path) -> None:
    """Give the temporary file what the target's inode carries; all but the mode only as far as allowed."""
    with contextlib.suppress(OSError, AttributeError):
        os.chown(temporary, old.st_uid, old.st_gid)
    with contextlib.suppress(OSError, AttributeError):
        for name in os.listxattr(target):
            os.setxattr(temporary, name, os.getxattr(target, name))
    temporary.chmod(stat.S_IMODE(old.st_mode))


_swept: set[Path] = set()


def _sweep_once(folder: Path) -> None:
    """Clear a folder of what killed runs left there, the first time this process writes into it."""
    if folder in _swept:
        return
    if len(_swept) > 10_000:
        _swept.clear()
    _swept.add(folder)
    sweep(folder)


def sweep(folder: Path) -> None:
    """Remove temporary files of runs that were killed; those of living ones are locked and stay."""
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(PREFIX) and entry.name.endswith(TEMPORARY):
                _remove_if_dead(Path(entry.path))


def _remove_if_dead(path: Path) -> None:
    with contextlib.suppress(OSError):
        descriptor = os.open(path, os.O_RDWR)
        try:
            dead = lock_at_once(descriptor)
        finally:
            os.close(descriptor)
        if dead:
            path.unlink()
