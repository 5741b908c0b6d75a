"""The review page: uncertain faces for a person to judge, one keystroke each."""

from booru_tagger.server.review.app import make_app
from booru_tagger.server.review.session import ReviewSession, ReviewTools

__all__ = ["ReviewSession", "ReviewTools", "make_app"]
