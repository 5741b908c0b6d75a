"""From paths to files: workers tag, this package alone writes, and a report says how it went."""

from booru_tagger.runner.batch import run
from booru_tagger.runner.files_sink import Output, rewrite
from booru_tagger.runner.interrupts import Interrupted, Interrupts
from booru_tagger.runner.report import Failure, Outcome, Reviewer, RunListener, RunReport
from booru_tagger.runner.sink import Sink, WriteOutcome

__all__ = [
    "Failure",
    "Interrupted",
    "Interrupts",
    "Outcome",
    "Output",
    "Reviewer",
    "RunListener",
    "RunReport",
    "Sink",
    "WriteOutcome",
    "rewrite",
    "run",
]
