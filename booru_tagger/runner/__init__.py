"""From paths to files: workers tag, this package alone writes, and a report says how it went."""

from booru_tagger.runner.batch import run
from booru_tagger.runner.files_sink import Kept, Output, Sink, rewrite
from booru_tagger.runner.interrupts import Interrupted, Interrupts
from booru_tagger.runner.report import Failure, Listener, Outcome, Report, Reviewer

__all__ = [
    "Failure",
    "Interrupted",
    "Interrupts",
    "Kept",
    "Listener",
    "Outcome",
    "Output",
    "Report",
    "Reviewer",
    "Sink",
    "rewrite",
    "run",
]
