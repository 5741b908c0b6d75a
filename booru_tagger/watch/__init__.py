"""An endless source of pictures: folders that are watched."""

from booru_tagger.watch.retries import Retries
from booru_tagger.watch.stream import Watch
from booru_tagger.watch.watched_names import WatchedNames

__all__ = ["Retries", "Watch", "WatchedNames"]
