"""One frozen :class:`Settings` for the whole program, and where its values come from."""

from booru_tagger.config.load import Loaded, load, user_file
from booru_tagger.config.settings import PUSHING, SERVING, Setting, Settings, settings

__all__ = ["PUSHING", "SERVING", "Loaded", "Setting", "Settings", "load", "settings", "user_file"]
