"""Where a user's own files are kept, also where the user has no home: in containers, under borrowed ids."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

import platformdirs

_APP = "booru-tagger"
_NOWHERE = Path(os.devnull) / "HOME is not set"
"""Nothing exists below it, and nothing can be made there: whoever tries gets an OSError, and says so."""


def user_folder(kind: Literal["cache", "config", "data", "state"]) -> Path:
    """The program's folder of this kind, whether it exists or not; where the system knows no home, a path at
    which there is nothing and nothing can be made."""
    find = {
        "cache": platformdirs.user_cache_path,
        "config": platformdirs.user_config_path,
        "data": platformdirs.user_data_path,
        "state": platformdirs.user_state_path,
    }[kind]
    try:
        path = find(_APP, appauthor=False)
    except (RuntimeError, KeyError):
        return _NOWHERE
    return path if path.is_absolute() else _NOWHERE


def with_home(path: Path) -> Path:
    """The path with a leading ``~`` as the home folder. Raises ValueError where that is not known."""
    try:
        return path.expanduser()
    except RuntimeError as error:
        raise ValueError(f"{path}: the home folder is not known here; set HOME, or write it out") from error
