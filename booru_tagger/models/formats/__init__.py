"""Taggers that other people trained, as data: what their files are called, how they want a picture, and what
their answers mean. A new layout is a new record in :mod:`.known`, not a new class."""

from booru_tagger.models.formats.format_records import Format, Preparation, ScoreOutput, TagLabel
from booru_tagger.models.formats.known import FORMATS, FoundFormat, find_format

__all__ = ["FORMATS", "Format", "FoundFormat", "Preparation", "ScoreOutput", "TagLabel", "find_format"]
