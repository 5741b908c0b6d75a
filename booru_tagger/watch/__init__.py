"""An endless source of pictures: folders that are watched."""

from booru_tagger.watch.names import Names
from booru_tagger.watch.retries import Retries
from booru_tagger.watch.stream import Watch

__all__ = ["Names", "Retries", "Watch"]
