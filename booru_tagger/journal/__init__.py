"""What was tagged, by what, and what we wrote where: the program's memory, in one SQLite file."""

from booru_tagger.journal.paths import default_path
from booru_tagger.journal.pushes import Pushed, Pushes
from booru_tagger.journal.store import Journal
from booru_tagger.journal.values import Entry, Mark, Original, Ownership, Raw, Report

__all__ = [
    "Entry",
    "Journal",
    "Mark",
    "Original",
    "Ownership",
    "Pushed",
    "Pushes",
    "Raw",
    "Report",
    "default_path",
]
