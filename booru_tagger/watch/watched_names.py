"""Which files in a watched folder are pictures to be tagged, by their names alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePath

from booru_tagger.files.ignored import ALWAYS, Ignored


@dataclass(frozen=True, slots=True)
class WatchedNames:
    """``is_picture`` judges the name of a file; ``ignored`` files and folders are left alone. Among these are
    the temporary files that sidecars are swapped in from."""

    is_picture: Callable[[str], bool]
    ignored: Ignored = ALWAYS

    def wants(self, path: PurePath) -> bool:
        """Whether to tag the file at ``path``, which is relative to the watched folder."""
        return self.is_picture(path.name) and self.wants_folder(path)

    def wants_folder(self, path: PurePath) -> bool:
        """Whether pictures below ``path`` may be wanted."""
        return not self.ignored.hides(path)
