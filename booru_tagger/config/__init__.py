"""One frozen :class:`Settings` for the whole program, and where its values come from."""

from booru_tagger.config.kinds import nearest
from booru_tagger.config.load import Loaded, load, user_file
from booru_tagger.config.settings import Setting, Settings, settings

__all__ = ["Loaded", "Setting", "Settings", "load", "nearest", "settings", "user_file"]
