"""The writer of an earlier run, so set up that it finds the same target again."""

from __future__ import annotations

import contextlib
import os
from dataclasses import replace
from pathlib import Path

from booru_tagger.errors import OutputError
from booru_tagger.writers.base import Writer
from booru_tagger.writers.naming import Naming, WriterOptions
from booru_tagger.writers.registry import make_writer


def retrace(name: str, picture: Path, target: Path, options: WriterOptions) -> Writer:
    """The writer called ``name`` that wrote ``target`` for ``picture``, however targets were named then.

    Raises what :func:`make_writer` does, and :class:`OutputError` where no way of naming leads there; then
    ``options`` should be those of that run.
    """
    beside = target.parent
    schemes = (
        options.naming,
        Naming("full"),
        Naming("stem"),
        Naming("full", output=beside),
        Naming("stem", output=beside),
    )
    for naming in schemes:
        writer = make_writer(name, replace(options, naming=naming))
        with contextlib.suppress(OutputError):  # a picture outside of the mirrored folders
            place = writer.target(picture)
            if place is not None and _same_place(place, target):
                return writer
    raise OutputError(
        f"{target}: cannot tell how the writer {name!r} came to this name for {picture}; "
        "give the options that it was written with"
    )


def _same_place(one: Path, other: Path) -> bool:
    return one.name == other.name and os.path.realpath(one.parent) == os.path.realpath(other.parent)
