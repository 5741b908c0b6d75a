"""Where the journal lives, and how it names files."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs


def default_path() -> Path:
    """The journal in the user's state folder."""
    return platformdirs.user_state_path("booru-tagger", appauthor=False) / "journal.sqlite3"


def key(path: Path) -> bytes:
    """The name under which a file is known: absolute, its folder's links resolved, its own not.

    Bytes, because a name on disk need not be valid UTF-8.
    """
    folder, name = os.path.split(os.path.abspath(path))  # noqa: PTH100 - Path.resolve would follow the file
    return os.fsencode(os.path.join(os.path.realpath(folder), name))  # noqa: PTH118
