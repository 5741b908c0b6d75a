"""What a user can choose about the files that are written."""

from __future__ import annotations

from dataclasses import dataclass, field

from booru_tagger.writers.naming import Naming


@dataclass(frozen=True, slots=True)
class WriterOptions:
    """Choices of all writers together; each takes what concerns it.

    ``spaces`` writes ``blonde hair`` for ``blonde_hair`` in captions, lists and metadata (hydrus always does,
    the json sidecar never); ``escape_brackets`` writes ``\\(`` and ``\\)`` in captions, for prompts.
    ``keep_mtime`` leaves a picture's modification time as it was when metadata are embedded.
    ``lock_timeout`` is how many seconds to wait for another process at a list that many pictures share.
    """

    naming: Naming = field(default_factory=Naming)
    spaces: bool = False
    escape_brackets: bool = False
    keep_mtime: bool = False
    lock_timeout: float = 30.0
