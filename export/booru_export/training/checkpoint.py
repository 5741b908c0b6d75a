"""Checkpoints: what a run leaves, and what may be made of it."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from booru_tagger.errors import DataError
from booru_tagger.files.replace import replace_file

CHECKPOINT = "last.ckpt"
_WHAT = "a checkpoint of this program"


def read_checkpoint(path: Path) -> dict[str, Any]:
    """What :func:`.loop.run` saved. Raises :class:`DataError` where the file is missing or is
    something else.
    """
    state = load_tensors(path, _WHAT)
    if not isinstance(state, dict) or "average" not in state:
        raise DataError(f"{path}: not {_WHAT}")
    return state


def load_tensors(path: Path, what: str) -> Any:
    """What torch saved in a file: tensors and plain values, never code, on the CPU.

    Raises :class:`DataError`, which says that the file is not ``what``.
    """
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}") from error
    except Exception as error:  # torch raises pickle, zip and runtime errors on foreign files
        raise DataError(f"{path}: not {what} ({error})") from error


def write_checkpoint(path: Path, state: Mapping[str, Any]) -> None:
    """Put a checkpoint in its place, whole or not at all. Raises ``OutputError``."""
    stream = io.BytesIO()
    torch.save(dict(state), stream)
    replace_file(path, stream.getvalue())


def training_of(state: Mapping[str, Any]) -> dict[str, Any]:
    """How the weights of a checkpoint came to be, for the manifest of a bundle."""
    progress = state["progress"]
    told = {
        "steps": progress["step"],
        "minutes": round(progress["seconds"] / 60, 1),
        "pictures": state["data"],
        "recipe": state["recipe"],
    }
    return told | {name: state[name] for name in ("before", "blended") if state.get(name)}


def history_of(name: str, training: Mapping[str, Any]) -> dict[str, Any]:
    """What a run says of the weights that it begins with: their name, and in short how they came to be."""
    kept = ("steps", "minutes", "before", "blended")
    return {"name": name, **{key: training[key] for key in kept if key in training}}
