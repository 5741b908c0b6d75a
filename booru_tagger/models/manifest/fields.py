"""Typed reading of the manifest: every complaint names the file, the key and what was expected there."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NoReturn

from booru_tagger.errors import ModelError, nearest


class Table:
    """One JSON object of a manifest. Each getter raises :class:`ModelError` for a missing or wrong value."""

    def __init__(self, data: object, where: str, name: str = "") -> None:
        self.where, self.name = where, name
        if not isinstance(data, Mapping):
            self.fail("", f"expected an object, found {_kind(data)}")
        self.data: Mapping[str, Any] = data

    def fail(self, key: str, message: str) -> NoReturn:
        """Refuse the value of ``key``."""
        place = ".".join(part for part in (self.name, key) if part)
        raise ModelError(f"{self.where}: {place or 'the manifest'}: {message}")

    def only(self, *known: str) -> None:
        """Refuse keys that are not ``known``: most are slips of the pen."""
        for key in self.data:
            if key not in known:
                near = nearest(key, known)
                hint = f"did you mean {near!r}?" if near else f"known keys: {', '.join(sorted(known))}"
                self.fail(key, f"unknown key; {hint}")

    def has(self, key: str) -> bool:
        """Whether there is a value; ``null`` is none."""
        return self.data.get(key) is not None

    def get(self, key: str) -> object:
        """The value, whatever it is; refuses a key that is not there."""
        if key not in self.data:
            self.fail(key, "missing")
        return self.data[key]

    def text(self, key: str, default: str | None = None) -> str:
        value = self._or(key, default)
        if not isinstance(value, str):
            self.fail(key, f"expected a text, found {_kind(value)}")
        return value

    def flag(self, key: str, default: bool | None = None) -> bool:
        value = self._or(key, default)
        if not isinstance(value, bool):
            self.fail(key, f"expected true or false, found {_kind(value)}")
        return value

    def number(
        self, key: str, default: float | None = None, *, low: float = 0.0, high: float = math.inf
    ) -> float:
        value = self._or(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.fail(key, f"expected a number, found {_kind(value)}")
        if not (math.isfinite(value) and low <= value <= high):
            limit = f"from {low:g} to {high:g}" if math.isfinite(high) else f"of at least {low:g}"
            self.fail(key, f"expected a number {limit}, found {value}")
        return float(value)

    def whole(self, key: str, default: int | None = None, *, low: int = 1, high: int = 1 << 40) -> int:
        value = self.number(key, default, low=low, high=high)
        if not value.is_integer():
            self.fail(key, f"expected a whole number, found {value}")
        return int(value)

    def share(self, key: str, default: float | None = None) -> float:
        """A number from 0 to 1."""
        return self.number(key, default, high=1.0)

    def triple(self, key: str, *, low: float, high: float) -> tuple[float, float, float]:
        """Three numbers, for red, green and blue."""
        values = self.items(key)
        if len(values) != 3:
            self.fail(key, f"expected three numbers (red, green, blue), found {len(values)} values")
        row = Table(dict(zip("rgb", values, strict=True)), self.where, self._inner(key))
        red, green, blue = (row.number(channel, low=low, high=high) for channel in "rgb")
        return red, green, blue

    def items(self, key: str, default: tuple[object, ...] | None = None) -> tuple[Any, ...]:
        value = self._or(key, default)
        if not isinstance(value, list | tuple):
            self.fail(key, f"expected a list, found {_kind(value)}")
        return tuple(value)

    def wholes(self, key: str, *, low: int, high: int) -> tuple[int, ...]:
        """A list of whole numbers."""
        values = self.items(key)
        row = Table({str(index): value for index, value in enumerate(values)}, self.where, self._inner(key))
        return tuple(row.whole(index, low=low, high=high) for index in row.data)

    def texts(self, key: str, default: tuple[str, ...] | None = None) -> tuple[str, ...]:
        """A list of texts, none twice."""
        values = self.items(key, default)
        for value in values:
            if not isinstance(value, str):
                self.fail(key, f"expected a list of texts, found {_kind(value)} in it")
        if len(set(values)) != len(values):
            twice = next(value for value in values if values.count(value) > 1)
            self.fail(key, f"{twice!r} is listed twice")
        return values

    def table(self, key: str) -> Table:
        return Table(self.get(key), self.where, self._inner(key))

    def tables(self, key: str) -> tuple[Table, ...]:
        """A list of objects; each knows its place in the list."""
        inner = self._inner(key)
        return tuple(
            Table(item, self.where, f"{inner}[{index}]") for index, item in enumerate(self.items(key))
        )

    def _inner(self, key: str) -> str:
        return f"{self.name}.{key}" if self.name else key

    def _or(self, key: str, default: object) -> object:
        if default is None:
            return self.get(key)
        return self.data[key] if self.has(key) else default


def _kind(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number" if isinstance(value, int | float) else type(value).__name__)
