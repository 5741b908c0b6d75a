"""Whole runs as a library: from settings to the parts that work under them, and on to the report.

:func:`tag_folder` does all that `booru-tagger tag --batch` does. The ``open_…`` functions give a run that is
ready to go, with its parts, for those who want to look into it or to do more around it. What is not needed
for that is in modules of its own: ``pushing``, ``watching``, ``untagging``, ``showing``, ``reviewing``,
``reporting``, ``serving``, ``characters``, ``models``. Nothing here prints.

The names below are looked up on first use: a search in the journal needs neither networks nor pictures.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from booru_tagger.importing import import_part

if TYPE_CHECKING:
    from booru_tagger.app.parts import (
        make_limits,
        make_policy,
        make_reviewer,
        make_tagger,
        make_walk,
        make_workers,
        make_writers,
        open_output,
        running_on,
        tagger_options,
        writer_options,
    )
    from booru_tagger.app.recording import open_journal
    from booru_tagger.app.run import Run
    from booru_tagger.app.tagging import STDIN, TagRequest, open_run, tag_folder

__all__ = [
    "STDIN",
    "Run",
    "TagRequest",
    "make_limits",
    "make_policy",
    "make_reviewer",
    "make_tagger",
    "make_walk",
    "make_workers",
    "make_writers",
    "open_journal",
    "open_output",
    "open_run",
    "running_on",
    "tag_folder",
    "tagger_options",
    "writer_options",
]

_HOMES = {
    "STDIN": "tagging",
    "Run": "run",
    "TagRequest": "tagging",
    "open_journal": "recording",
    "open_run": "tagging",
    "tag_folder": "tagging",
}
"""Where a name is; all others are in ``parts``."""


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_part(f"{__name__}.{_HOMES.get(name, 'parts')}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
