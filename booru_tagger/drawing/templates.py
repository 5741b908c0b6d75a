"""HTML from template files: what is filled in is escaped unless it is HTML already."""

from __future__ import annotations

import re
from html import escape
from importlib.resources import files
from string import Template

_PIECE = re.compile(r"^<!-- piece: (\w+) -->\n", re.MULTILINE)


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


class Pieces:
    """The templates of one page.

    They stand in one file of ``package``, each below a line ``<!-- piece: NAME -->``. What is filled in is
    written as :class:`string.Template` has it, ``$value`` or ``${value}``, in attributes between quotes.
    """

    def __init__(self, package: str, file: str) -> None:
        _, *parts = _PIECE.split((files(package) / file).read_text("utf-8"))
        self._templates = dict(zip(parts[::2], map(Template, parts[1::2]), strict=True))

    def fill(self, piece: str, /, **values: object) -> Markup:
        """The piece with its values.

        :class:`Markup` goes in as it is, the items of a list or tuple one after the other, ``None`` as
        nothing; all else is escaped. Raises :class:`KeyError` for a piece or a value that is missing.
        """
        shown = {name: _html(value) for name, value in values.items()}
        return Markup(self._templates[piece].substitute(shown).removesuffix("\n"))


def _html(value: object) -> str:
    if isinstance(value, Markup):
        return value
    if isinstance(value, list | tuple):
        return "".join(map(_html, value))
    return "" if value is None else escape(str(value))
