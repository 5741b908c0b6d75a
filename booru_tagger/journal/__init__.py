"""What was tagged, by what, and what we wrote where: the program's memory, in one SQLite file."""

from booru_tagger.journal.paths import default_path
from booru_tagger.journal.store import Journal
from booru_tagger.journal.values import JournalEntry, Mark, Original, Ownership, RawResult, WriteReport

__all__ = [
    "Journal",
    "JournalEntry",
    "Mark",
    "Original",
    "Ownership",
    "RawResult",
    "WriteReport",
    "default_path",
]
