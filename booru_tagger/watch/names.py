"""Which files in a watched folder are pictures to be tagged, by their names alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import PurePath


@dataclass(frozen=True, slots=True)
class Names:
    """``is_picture`` judges the name of a file. ``ignore`` are patterns with the wildcards ``* ? [ ]``: of a
    file, a folder, or a path below the watched folder, such as ``sketches/*``."""

    is_picture: Callable[[str], bool]
    ignore: tuple[str, ...] = ()

    def wants(self, path: PurePath) -> bool:
        """Whether to tag the file at ``path``, which is relative to the watched folder."""
        return self.is_picture(path.name) and self.wants_folder(path)

    def wants_folder(self, path: PurePath) -> bool:
        """Whether pictures below ``path`` may be wanted: it is not hidden or ignored, nor is a folder above.

        Hidden are, among others, the temporary files that sidecars are swapped in from.
        """
        if any(part.startswith(".") for part in path.parts):
            return False
        return not any(self._matches(path, pattern) for pattern in self.ignore)

    def _matches(self, path: PurePath, pattern: str) -> bool:
        return fnmatch(path.as_posix(), pattern) or any(fnmatch(part, pattern) for part in path.parts)
