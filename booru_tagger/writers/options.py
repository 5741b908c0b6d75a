"""What a user can choose about the files that are written."""

from __future__ import annotations

from dataclasses import dataclass, field

from booru_tagger.vocab import escape, to_spaces
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

    def spell(self, tag: str) -> str:
        """A tag in Danbooru's spelling as metadata shall show it."""
        return to_spaces(tag) if self.spaces else tag

    def caption(self, tag: str) -> str:
        """A tag in Danbooru's spelling as captions shall have it."""
        return escape(self.spell(tag)) if self.escape_brackets else self.spell(tag)
