"""Files and folders to leave out where a folder above them is named."""

from __future__ import annotations

from fnmatch import fnmatch
from pathlib import PurePath
from typing import NamedTuple

NEVER_MEANT = (
    *("@eaDir", "#recycle", "#snapshot", "$RECYCLE.BIN", "System Volume Information"),
    *("lost+found", "__MACOSX", ".stversions", ".thumbnails"),
)
"""What file servers, systems and synchronisation put among pictures: thumbnails, old versions, waste."""

_NEVER_MEANT = frozenset(map(str.casefold, NEVER_MEANT))


class Ignored(NamedTuple):
    """``patterns`` have the wildcards ``* ? [ ]`` and stand for the name of a file or folder, or for its path
    below the folder that was named, such as ``sketches/*``. What is hidden or never wanted is ignored."""

    patterns: tuple[str, ...] = ()

    def hides(self, path: PurePath) -> bool:
        """Whether ``path``, relative to the folder that was named, or a folder above it is ignored."""
        return any(_is_never_meant(name) for name in path.parts) or self.names(path)

    def names(self, path: PurePath) -> bool:
        """The same for the patterns alone."""
        parts = path.parts
        return bool(self.patterns) and any(
            self._matches("/".join(parts[:end])) for end in range(1, len(parts) + 1)
        )

    def hides_entry(self, path: str) -> bool:
        """:meth:`hides` for a path with slashes in a folder that is not ignored."""
        return _is_never_meant(path.rpartition("/")[2]) or (bool(self.patterns) and self._matches(path))

    def _matches(self, path: str) -> bool:
        name = path.rpartition("/")[2]
        return any(
            fnmatch(name, pattern) or fnmatch(path, pattern)
            for pattern in (pattern.rstrip("/") for pattern in self.patterns)
        )


ALWAYS = Ignored()
"""Without any patterns."""


def _is_never_meant(name: str) -> bool:
    return name.startswith(".") or name.casefold() in _NEVER_MEANT
