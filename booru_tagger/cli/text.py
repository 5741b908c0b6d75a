"""File names and messages made fit to be shown."""

from __future__ import annotations


def printable(text: str) -> str:
    r"""The text on one line, without what would steer a terminal: ``a\nb`` for a newline, and so on."""
    return "".join(letter if letter.isprintable() else _escaped(letter) for letter in text)


def _escaped(letter: str) -> str:
    return letter.encode("unicode_escape").decode("ascii")


def counted(number: int, one: str, many: str = "") -> str:
    """``1 picture``, ``2,000 pictures``."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"
