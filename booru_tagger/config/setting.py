"""What is known of a setting besides its value: how it is called everywhere, and how it is read."""

from __future__ import annotations

from typing import Any, NamedTuple

from booru_tagger.config.setting_types import Flag, SettingType


class Setting(NamedTuple):
    """What is known of a setting besides its value in force. ``group`` is its topic in :class:`Settings`."""

    name: str
    group: str
    kind: SettingType
    default: Any
    help: str

    @property
    def flag(self) -> str:
        return "--" + self.name.replace("_", "-")

    @property
    def off_flag(self) -> str:
        """The flag that switches a :class:`Flag` off."""
        off = self.kind.off if isinstance(self.kind, Flag) else None
        return f"--{off or 'no-' + self.flag[2:]}"

    @property
    def automatic(self) -> bool:
        """Whether ``None`` is a value of its own, written "auto", rather than "not set"."""
        return self.kind.automatic

    @property
    def variable(self) -> str:
        return "BOORU_TAGGER_" + self.name.upper()
