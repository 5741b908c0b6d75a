"""A server that tags the pictures it is sent, in three protocols."""

from booru_tagger.server.tagging.answers import chosen
from booru_tagger.server.tagging.app import make_app
from booru_tagger.server.tagging.pool import RequestLimits

__all__ = ["RequestLimits", "chosen", "make_app"]
