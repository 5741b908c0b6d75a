"""From paths to files: workers tag, this package alone writes, and a report says how it went."""

from booru_tagger.runner.batch import attempt, run
from booru_tagger.runner.interrupts import Interrupted, Interrupts
from booru_tagger.runner.output import Kept, Output, Sink
from booru_tagger.runner.report import Failure, Listener, Outcome, Report, Reviewer
from booru_tagger.runner.rewriting import rewrite

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
    "attempt",
    "rewrite",
    "run",
]
