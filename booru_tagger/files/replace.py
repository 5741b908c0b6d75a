"""Putting a file in its place: all of it at once, or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from pathlib import Path

from booru_tagger.errors import OutputError
from booru_tagger.files.temporary import Temporary, sweep_once

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


class SweptAwayError(OutputError):
    """Another process took the temporary file for a dead one, just before it was locked."""


class Replacement:
    """New content of ``path``, in a temporary file beside it. Methods raise :class:`OutputError`.

    A symbolic link is followed. Permissions (and, where allowed, owner and extended attributes) of an
    existing target stay; ``mtime_ns`` sets its modification time. To be discarded in the end, put or not.
    """

    def __init__(self, path: Path, data: bytes, *, mtime_ns: int | None = None) -> None:
        self._path = path
        try:
            self._target = Path(os.path.realpath(path)) if path.is_symlink() else path
            old = status_of(self._target)
            if old is not None:
                refuse_read_only(path, old)
            sweep_once(self._target.parent)
            self._made = Temporary(self._target.parent, lambda handle: handle.write(data))
            try:
                self._dress(old, mtime_ns)
            except BaseException:
                self.discard()
                raise
        except OSError as error:
            raise output_error(path, error) from error

    def _dress(self, old: os.stat_result | None, mtime_ns: int | None) -> None:
        if old is not None:
            _take_over(old, self._target, self._made.path)
        if mtime_ns is not None:
            os.utime(self._made.path, ns=(mtime_ns, mtime_ns))

    def flush(self) -> None:
        """Have the content on the disk. Right after that of many others this takes little time."""
        try:
            self._made.flush()
        except OSError as error:
            raise output_error(self._path, error) from error

    def put(self) -> None:
        """Make it the content of the file, in one step that no reader and no crash can see the middle of."""
        try:
            os.replace(self._made.path, self._target)  # noqa: PTH105  (tests make it fail by this name)
        except FileNotFoundError as error:
            if self._target.parent.is_dir():
                raise SweptAwayError(f"{self._path}: another process keeps sweeping its folder") from error
            raise output_error(self._path, error) from error
        except OSError as error:
            raise output_error(self._path, error) from error
        self._made.is_named = True

    def discard(self) -> None:
        """Let go of it, and remove it where it was not put in its place."""
        self._made.discard()


def replace_file(path: Path, data: bytes, *, flush: bool = True) -> None:
    """Make ``data`` the content of ``path``; see :class:`Replacement`.

    Without ``flush`` the content may be lost when the power fails, until :func:`flush_file` has been called.
    On any failure the target is as it was, no temporary file is left, and :class:`OutputError` says why.
    """
    try:
        _replace_once(path, data, flush)
    except SweptAwayError:
        _replace_once(path, data, flush)


def _replace_once(path: Path, data: bytes, flush: bool) -> None:
    made = Replacement(path, data)
    try:
        if flush:
            made.flush()
        made.put()
    finally:
        made.discard()


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
