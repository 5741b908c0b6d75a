"""An endless source of pictures: folders that are watched."""

from booru_tagger.watch.names import WatchedNames
from booru_tagger.watch.retries import Retries
from booru_tagger.watch.stream import Watch

__all__ = ["Retries", "Watch", "WatchedNames"]
