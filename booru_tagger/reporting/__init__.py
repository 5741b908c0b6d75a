"""A folder's report: who was found in it, on one page that opens from disk."""

from booru_tagger.reporting.gathering import gather
from booru_tagger.reporting.page import page
from booru_tagger.reporting.values import CollectionReport

__all__ = ["CollectionReport", "gather", "page"]
