"""One frozen :class:`Settings` for the whole program, by topic, and where its values come from."""

from booru_tagger.config.load import Loaded, load, user_file
from booru_tagger.config.setting import Setting
from booru_tagger.config.settings import (
    PolicySettings,
    PrintingSettings,
    PushingSettings,
    ReadingSettings,
    RecordingSettings,
    RunningSettings,
    ServingSettings,
    Settings,
    TaggingSettings,
    WritingSettings,
    names_in,
    settings,
)

__all__ = [
    "Loaded",
    "PolicySettings",
    "PrintingSettings",
    "PushingSettings",
    "ReadingSettings",
    "RecordingSettings",
    "RunningSettings",
    "ServingSettings",
    "Setting",
    "Settings",
    "TaggingSettings",
    "WritingSettings",
    "load",
    "names_in",
    "settings",
    "user_file",
]
