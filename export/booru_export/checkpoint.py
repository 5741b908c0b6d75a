"""Checkpoints: what a run leaves, and what may be made of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from booru_tagger.errors import DataError

CHECKPOINT = "last.ckpt"


def read_checkpoint(path: Path) -> dict[str, Any]:
    """What :func:`booru_export.train.run` saved. Raises :class:`DataError` where the file is missing or is
    something else.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}") from error
    except Exception as error:  # torch raises pickle, zip and runtime errors on foreign files
        raise DataError(f"{path}: not a checkpoint of this program ({error})") from error
    if not isinstance(state, dict) or "average" not in state:
        raise DataError(f"{path}: not a checkpoint of this program")
    return state
