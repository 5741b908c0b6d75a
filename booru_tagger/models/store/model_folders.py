"""Where models are kept, and what they are called there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from booru_tagger.errors import ModelError
from booru_tagger.files.user_folders import user_folder

HUB = "hf:"
MAIN = "main"
_PART = r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}"
_ID = re.compile(rf"hf:({_PART}/{_PART})((?:/{_PART})*)(?:@([A-Za-z0-9][A-Za-z0-9._/-]{{0,199}}))?")


def cache_folder() -> Path:
    """Where unpacked models are kept; may be deleted at any time."""
    return _root() / "bundles"


def pulled_folder() -> Path:
    """Where models from a hub are kept."""
    return _root() / "models"


def _root() -> Path:
    return user_folder("cache")


class HubId(NamedTuple):
    """``hf:owner/name@revision``, or ``hf:owner/name/folder@revision`` for a folder of a repository."""

    repository: str
    folder: str = ""
    revision: str = MAIN

    @classmethod
    def parse(cls, text: str) -> HubId:
        """Raises :class:`ModelError`."""
        match = _ID.fullmatch(text)
        if match is None or ".." in text:
            raise ModelError(
                f"{text!r} is not a model on a hub; that is written hf:owner/name, hf:owner/name@revision or "
                "hf:owner/name/folder@revision"
            )
        return cls(match[1], match[2].strip("/"), match[3] or MAIN)

    def __str__(self) -> str:
        place = f"{self.repository}/{self.folder}" if self.folder else self.repository
        return f"{HUB}{place}" if self.revision == MAIN else f"{HUB}{place}@{self.revision}"

    @property
    def title(self) -> str:
        """What results call the model: the last part of its name."""
        return (self.folder or self.repository).rpartition("/")[2]

    @property
    def path(self) -> Path:
        """Its own folder among those that were pulled, whether it is there or not."""
        place = f"{self.repository}/{self.folder}" if self.folder else self.repository
        return pulled_folder() / f"{place}@{self.revision}".replace("/", "--")
