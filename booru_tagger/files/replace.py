"""Putting a file in its place: all of it at once, or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
import sys
from collections.abc import Callable
from pathlib import Path

from booru_tagger.errors import OutputError
from booru_tagger.files.locking import lock_at_once

PREFIX = ".booru-tagger-"
"""Beginning of the names of all files that this tool makes for itself beside a user's."""
TEMPORARY = ".tmp"

_ADVICE = {
    errno.ENOSPC: "no space left on the disk; free some and run again",
    errno.EDQUOT: "the disk quota is used up; free some space and run again",
    errno.EFBIG: "the file would be larger than the system allows",
    errno.EACCES: "permission denied; allow writing in its folder, or name another one (--output, --into)",
    errno.EPERM: "permission denied; allow writing in its folder, or name another one (--output, --into)",
    errno.EROFS: "the file system is read-only; name another folder (--output, --into)",
    errno.ENAMETOOLONG: "the name is too long; rename the picture, or use --sidecar-name stem",
    errno.ENOENT: "its folder does not exist (any more)",
    errno.ENOTDIR: "a part of its path is not a folder",
}


def output_error(path: Path, error: OSError) -> OutputError:
    """The typed error for a failed write, with what to do about it."""
    reason = _ADVICE.get(error.errno or 0, error.strerror or str(error))
    return OutputError(f"{path}: cannot be written: {reason}")


def replace_file(
    path: Path,
    data: bytes,
    *,
    mtime_ns: int | None = None,
    last_look: Callable[[], None] | None = None,
    flush: bool = True,
) -> None:
    """Make ``data`` the content of ``path``, in one step that no reader and no crash can see the middle of.

    A temporary file in the same folder is written, flushed to the disk and renamed over the target. A
    symbolic link is followed. Permissions (and, where allowed, owner and extended attributes) of an existing
    target stay; ``mtime_ns`` sets its modification time. ``last_look`` is called right before the swap; what
    it raises calls the swap off. Without ``flush`` the content may be lost when the power fails, until
    :func:`flush_file` has been called. On any failure the target is as it was, no temporary file is left, and
    :class:`OutputError` says why.
    """
    target = Path(os.path.realpath(path))
    try:
        old = status_of(target)
        if old is not None:
            refuse_read_only(path, old)
        _sweep_once(target.parent)
        try:
            _swap_in(target, data, old, mtime_ns, last_look, flush)
        except FileNotFoundError:
            if not target.parent.is_dir():
                raise
            # A process that sweeps here took our temporary file for a dead one, just before it was locked.
            _swap_in(target, data, old, mtime_ns, last_look, flush)
    except OSError as error:
        raise output_error(path, error) from error


def flush_file(path: Path) -> None:
    """Have the content of a file on the disk, if it is still there. Raises :class:`OutputError`.

    After many files have been written, this takes far less for each than after every single one.
    """
    try:
        with contextlib.suppress(FileNotFoundError), path.open("rb+") as handle:
            os.fsync(handle.fileno())
    except OSError as error:
        raise output_error(path, error) from error


def flush_folder(path: Path) -> None:
    """Have the names in a folder on the disk, where the system can do that. Raises :class:`OutputError`."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:  # Windows opens no folders; nobody may list this one; or it is gone
        return
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EBADF, errno.EINVAL):  # how file systems say that they cannot
            raise output_error(path, error) from error
    finally:
        os.close(descriptor)


def refuse_read_only(path: Path, status: os.stat_result) -> None:
    """Raise :class:`OutputError` for a file that is not to be changed."""
    # A rename would go through whatever the file's own mode; but read-only is how a person says "hands off".
    if not status.st_mode & 0o222 or not os.access(path, os.W_OK):
        raise OutputError(f"{path}: is read-only and left alone; make it writable to have it changed")


def _swap_in(
    target: Path,
    data: bytes,
    old: os.stat_result | None,
    mtime_ns: int | None,
    last_look: Callable[[], None] | None,
    flush: bool,
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
            if flush:
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


def status_of(path: Path) -> os.stat_result | None:
    """What the file that ``path`` leads to is like; ``None`` where there is none."""
    try:
        return path.stat()
    except FileNotFoundError:
        return None


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
