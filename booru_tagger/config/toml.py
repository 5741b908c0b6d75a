"""Settings written as TOML: what is in force, and a file to begin with."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from booru_tagger.config.load import DEFAULT, Loaded
from booru_tagger.config.setting_types import HiddenText
from booru_tagger.config.settings import settings

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


def literal(value: Any) -> str:
    """A setting's value as TOML; reading it back gives the same value."""
    if value is None:
        return '"auto"'
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, Mapping):
        pairs = ", ".join(f"{_key(key)} = {literal(item)}" for key, item in value.items())
        return f"{{ {pairs} }}" if pairs else "{}"
    if isinstance(value, tuple | list):
        return "[" + ", ".join(literal(item) for item in value) + "]"
    return _string(str(value) if isinstance(value, Path) else value)


def _unset(value: Any) -> str:
    """What stands for a value that is not set, or must not be shown."""
    return '"***"' if value is not None else '""'


def _string(text: str) -> str:
    # JSON's escapes are TOML's, but for DEL, which TOML wants escaped, too.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _key(key: str) -> str:
    return key if _BARE_KEY.fullmatch(key) else _string(key)


def show(loaded: Loaded) -> str:
    """All settings in force as a TOML file that would give the same, each with where it comes from."""
    lines = []
    for name, setting in settings().items():
        value, origin = loaded.settings.value(name), loaded.origins[name]
        remark = "" if origin == DEFAULT else f"  # {_printable(origin)}"
        unset = "# " if not setting.automatic and (value is None or isinstance(value, HiddenText)) else ""
        shown = _unset(value) if unset else literal(value)
        lines.append(f"{unset}{name} = {shown}{remark}")
    return "\n".join(lines) + "\n"


def template() -> str:
    """A configuration file with every setting explained and commented out at its default."""
    parts = [
        "# Settings of booru-tagger. Remove the # before a line and change it; see `booru-tagger config`.\n"
    ]
    for name, setting in settings().items():
        shown = '""' if setting.default is None and not setting.automatic else literal(setting.default)
        parts.append(f"# {setting.help}\n# {name} = {shown}\n")
    return "\n".join(parts)


def _printable(text: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in text)
