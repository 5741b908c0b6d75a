"""Putting a file somewhere else too, or instead, where nothing may be overwritten.

Every function can be called again after a kill: what it had done by then is recognised.
"""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

from booru_tagger.files.stamps import sha256_of, stamp_of
from booru_tagger.files.temporary import Temporary


def hard_link(source: Path, target: Path) -> None:
    """Give the file a second name. Raises FileExistsError where another file has it, and OSError."""
    real = Path(os.path.realpath(source))
    try:
        os.link(real, target)
    except FileExistsError:
        if not is_same_file(real, target):
            raise


def soft_link(source: Path, target: Path) -> None:
    """Make a symbolic link to where the file is. Raises as :func:`hard_link` does."""
    place = os.path.abspath(source)  # noqa: PTH100 - a link is a name, too
    try:
        target.symlink_to(place)
    except FileExistsError:
        if not is_link_to(target, source):
            raise


def copy(source: Path, target: Path) -> None:
    """Copy a file with its date and mode, down to the disk. Raises as :func:`hard_link` does."""
    if os.path.lexists(target):
        if not has_same_content(source, target):
            raise _taken(target)
        return
    made = PreparedCopy(source, target)
    try:
        made.flush()
        made.put()
    finally:
        made.discard()


class PreparedCopy(Temporary):
    """A copy of a file, with its date and mode, in a temporary file beside ``target``."""

    def __init__(self, source: Path, target: Path) -> None:
        self.source, self.target = source, target
        with source.open("rb") as original:
            super().__init__(target.parent, lambda copy: shutil.copyfileobj(original, copy, 1 << 20))
        try:
            shutil.copystat(source, self.path)
        except BaseException:
            self.discard()
            raise

    def put(self) -> None:
        """Give it its name. Raises FileExistsError where another file has it; one of equal content may."""
        try:
            _rename(self.path, self.target)
        except FileExistsError:
            if not has_same_content(self.path, self.target):
                raise


def move(source: Path, target: Path, *, again: bool = False) -> None:
    """Move a file, to another file system, too. Raises as :func:`hard_link` does.

    ``again``: it was begun before, so that a file at both places, or at the target alone, is no other one.
    """
    if again and os.path.lexists(target):
        if not os.path.lexists(source):
            return
        if is_same_file(source, target) or has_same_content(source, target):
            source.unlink()
            return
    try:
        _rename(source, target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        copy(source, target)
        source.unlink()


def _rename(source: Path, target: Path) -> None:
    """As os.rename, but never over another file: that takes a name which both have for a moment."""
    try:
        os.link(source, target, follow_symlinks=False)
    except FileExistsError:
        raise
    except OSError as error:
        if error.errno in (errno.EXDEV, errno.ENOENT, errno.ENOSPC, errno.EACCES, errno.ENAMETOOLONG):
            raise
        if os.path.lexists(target):  # no hard links on this file system
            raise _taken(target) from error
        source.rename(target)
        return
    source.unlink()


def _taken(target: Path) -> FileExistsError:
    return FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))


def is_same_file(one: Path, other: Path) -> bool:
    """Whether both are names of one file; not where one of them is gone."""
    try:
        return one.samefile(other)
    except OSError:
        return False


def is_link_to(link: Path, file: Path) -> bool:
    """Whether ``link`` is the link that :func:`soft_link` makes."""
    try:
        return os.readlink(link) == os.path.abspath(file)  # noqa: PTH100, PTH115 - as it was written
    except OSError:
        return False


def has_same_content(one: Path, other: Path) -> bool:
    """Whether both are there, and equal to the byte."""
    stamps = stamp_of(one), stamp_of(other)
    if stamps[0] is None or stamps[1] is None or stamps[0].size != stamps[1].size:
        return False
    content = sha256_of(one)
    return bool(content) and content == sha256_of(other)
