"""The kinds of value a setting can have: one reading for TOML, the environment and flags.

``from_text`` turns the text of a flag or a variable into what a TOML file would have held; ``read`` checks
that and returns the value for the program. Both raise ValueError with a message that reads well after the
setting's name and a colon.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType

from booru_tagger.config.shares import checked_shares
from booru_tagger.errors import nearest
from booru_tagger.files.text import read_text
from booru_tagger.files.user_folders import with_home

ON = frozenset({"1", "true", "yes", "on"})
OFF = frozenset({"0", "false", "no", "off"})


class SettingType(ABC):
    """How a setting is read. ``metavar`` names its value in help texts; where it is ``automatic``, the word
    "auto" reads as ``None``."""

    automatic = False

    def __init__(self, metavar: str) -> None:
        self.metavar = metavar

    def from_text(self, text: str) -> object:
        return text

    @abstractmethod
    def read(self, value: object, folder: Path) -> object:
        """``folder`` is what a relative path is relative to."""


def one_of(words: Iterable[str]) -> str:
    *head, last = words
    return f"{', '.join(head)} or {last}" if head else last


class Flag(SettingType):
    """Yes or no. ``off`` is the flag that says no, where it is not ``no-`` and the name."""

    def __init__(self, off: str | None = None) -> None:
        super().__init__("")
        self.off = off

    def from_text(self, text: str) -> object:
        if text.lower() in ON | OFF:
            return text.lower() in ON
        raise ValueError(f"must be yes or no, not {text!r}")

    def read(self, value: object, folder: Path) -> bool:
        if isinstance(value, bool):
            return value
        raise ValueError(f"must be true or false, not {value!r}")


class Text(SettingType):
    def __init__(self, metavar: str = "TEXT") -> None:
        super().__init__(metavar)

    def read(self, value: object, folder: Path) -> str:
        if isinstance(value, str) and value:
            return value
        raise ValueError(f"must be a text that is not empty, not {value!r}")


class HiddenText(str):
    """A text that nobody is to read over a shoulder or in a log: ``repr`` does not show it."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'***'"


class Secret(SettingType):
    """A password or key; ``@`` and a path stand for the first line of that file."""

    def __init__(self, metavar: str = "KEY|@FILE") -> None:
        super().__init__(metavar)

    def read(self, value: object, folder: Path) -> HiddenText:
        if not isinstance(value, str) or not value:
            raise ValueError("must be a text that is not empty, or @ and the path of a file")
        secret = _first_line(folder / with_home(Path(value[1:]))) if value.startswith("@") else value
        if not secret.isascii() or not secret.isprintable():
            raise ValueError("must be of plain letters, digits and signs")
        return HiddenText(secret)


def _first_line(path: Path) -> str:
    try:
        text = read_text(path)
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not a text") from error
    line = text.strip().partition("\n")[0].strip()
    if not line:
        raise ValueError(f"{path} is empty")
    return line


class Choice(SettingType):
    def __init__(self, choices: tuple[str, ...]) -> None:
        super().__init__("|".join(choices))
        self.choices = choices

    def read(self, value: object, folder: Path) -> str:
        if value in self.choices:
            return str(value)
        near = nearest(str(value), self.choices)
        hint = f"; did you mean {near!r}?" if near else ""
        raise ValueError(f"must be {one_of(self.choices)}, not {value!r}{hint}")


class Count(SettingType):
    """A whole number of at least 1."""

    def __init__(self, automatic: bool = False) -> None:
        super().__init__("N|auto" if automatic else "N")
        self.automatic = automatic

    def from_text(self, text: str) -> object:
        try:
            return int(text.replace("_", "").replace(",", ""))
        except ValueError:
            return text

    def read(self, value: object, folder: Path) -> int | None:
        if self.automatic and value == "auto":
            return None
        if isinstance(value, int) and not isinstance(value, bool) and value >= 1:
            return value
        also = " or auto" if self.automatic else ""
        raise ValueError(f"must be a whole number of at least 1{also}, not {value!r}")


class File(SettingType):
    """A path. ``~`` is the home folder. ``None`` stands for "not set" and cannot be written."""

    def __init__(self, metavar: str = "PATH") -> None:
        super().__init__(metavar)

    def read(self, value: object, folder: Path) -> Path | None:
        if isinstance(value, str) and value:
            return folder / with_home(Path(value))
        raise ValueError(f"must be a path, not {value!r}")


class FileOrSwitch(SettingType):
    """A path, or true for the program's own place, or false for none."""

    def __init__(self, metavar: str = "FILE") -> None:
        super().__init__(metavar)

    def from_text(self, text: str) -> object:
        return text.lower() in ON if text.lower() in ON | OFF else text

    def read(self, value: object, folder: Path) -> Path | bool:
        if isinstance(value, bool):
            return value
        if isinstance(value, str) and value:
            return folder / with_home(Path(value))
        raise ValueError(f"must be a path, true or false, not {value!r}")


class Texts(SettingType):
    """Several texts. In the environment they are separated by commas."""

    def __init__(self, metavar: str = "TEXT") -> None:
        super().__init__(metavar)

    def from_text(self, text: str) -> object:
        return [part.strip() for part in text.split(",") if part.strip()]

    def read(self, value: object, folder: Path) -> tuple[str, ...]:
        items = [value] if isinstance(value, str) else value
        if isinstance(items, list | tuple) and all(isinstance(item, str) and item for item in items):
            return tuple(str(item) for item in items)
        raise ValueError(f"must be a list of texts, not {value!r}")


class Words(Texts):
    """Several words, each one of ``choices``."""

    def __init__(self, metavar: str, choices: tuple[str, ...]) -> None:
        super().__init__(metavar)
        self.choices = choices

    def read(self, value: object, folder: Path) -> tuple[str, ...]:
        words = Texts.read(self, value, folder)
        for word in words:
            Choice(self.choices).read(word, folder)
        return words


class Shares(SettingType):
    """Numbers from 0 to 1, one for each of some ``keys``: a table in TOML, ``key=number`` elsewhere."""

    def __init__(self, keys: tuple[str, ...]) -> None:
        super().__init__("KEY=NUMBER")
        self.keys = keys

    def from_text(self, text: str) -> object:
        return {key: _number(number) for key, number in _pairs(text, "number")}

    def read(self, value: object, folder: Path) -> Mapping[str, float]:
        if not isinstance(value, Mapping):
            raise ValueError(f"must be a table of numbers, not {value!r}")
        return checked_shares(value, self.keys)


class Span(SettingType):
    """Two numbers from 0 to 1: ``0.3-0.8``, in TOML a list, too. The word "auto" reads as ``None``."""

    automatic = True

    def __init__(self) -> None:
        super().__init__("LOW-HIGH|auto")

    def read(self, value: object, folder: Path) -> tuple[float, float] | None:
        if value == "auto":
            return None
        parts = value.split("-") if isinstance(value, str) else value
        try:
            low, high = map(float, parts)  # type: ignore[call-overload]
        except (TypeError, ValueError):
            low, high = 1.0, 0.0
        if not 0 <= low <= high <= 1:
            raise ValueError(f"must be auto, or two numbers from 0 to 1 such as 0.3-0.8, not {value!r}")
        return low, high


class TextTable(SettingType):
    """Texts by name: a table in TOML, ``old=new`` elsewhere."""

    def __init__(self, metavar: str = "OLD=NEW") -> None:
        super().__init__(metavar)

    def from_text(self, text: str) -> object:
        return dict(_pairs(text, "new"))

    def read(self, value: object, folder: Path) -> Mapping[str, str]:
        if not isinstance(value, Mapping) or not all(isinstance(item, str) for item in value.values()):
            raise ValueError(f"must be a table of texts, not {value!r}")
        return MappingProxyType({str(key): str(item) for key, item in value.items()})


def _pairs(text: str, what: str) -> list[tuple[str, str]]:
    pairs = []
    for part in (part.strip() for part in text.split(",")):
        # The last "=": a tag may hold one, a number or a new name hardly does.
        key, equals, value = part.rpartition("=")
        if not equals or not key.strip():
            raise ValueError(f"must have the form key={what}, not {part!r}")
        pairs.append((key.strip(), value.strip()))
    return pairs


def _number(text: str) -> object:
    try:
        return float(text)
    except ValueError:
        return text
