"""Output formats, one file each: sidecars, lists and metadata inside pictures.

What a package needs that adds a format with a file for each picture is here; see ``examples/writer_plugin``.
"""

from booru_tagger.writers.base import FormatError, Job, Revision
from booru_tagger.writers.merge import merge_job, take_out
from booru_tagger.writers.naming import WriterOptions
from booru_tagger.writers.sidecar import Sidecar

__all__ = ["FormatError", "Job", "Revision", "Sidecar", "WriterOptions", "merge_job", "take_out"]
