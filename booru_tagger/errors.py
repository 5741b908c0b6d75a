"""Every error the library raises on purpose, each with the exit code the command line ends with.

0 is success and 2 is click's own for a command line that cannot be understood; 1 is left for bugs.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable

EXIT_SOME_FAILED = 3
"""Some pictures were tagged, some could not be."""
EXIT_NOTHING_DONE = 4
"""There was nothing to do the work on, or every single picture failed."""


class BooruTaggerError(Exception):
    """Base of all errors raised on purpose. The message says what is wrong, where, and what to do."""

    exit_code = 1
    kind = "error"


class ConfigError(BooruTaggerError):
    """A setting is unknown, of the wrong type or out of range; the message names the key and its place."""

    exit_code = 5
    kind = "config"


class ModelError(BooruTaggerError):
    """A model bundle is missing, damaged or not of a kind that this version runs."""

    exit_code = 6
    kind = "model"


class OutputError(BooruTaggerError):
    """A sidecar or report could not be written: no permission, no space, a collision of names."""

    exit_code = 7
    kind = "output"


class RemoteError(OutputError):
    """A booru cannot be reached, refuses what it is asked, or gives an answer that nobody can use."""

    exit_code = 10
    kind = "remote"


class DataError(BooruTaggerError):
    """Data for training, or for enrolling a character, are missing, incomplete or contradict themselves."""

    exit_code = 8
    kind = "data"


class MissingExtraError(BooruTaggerError):
    """A feature needs packages of an extra that is not installed; the message gives the install line."""

    exit_code = 9
    kind = "missing-extra"


class ClusterError(BooruTaggerError):
    """A cluster cannot be joined, or a worker was lost again and again at the same item."""

    exit_code = 11
    kind = "cluster"


class ImageError(BooruTaggerError):
    """A picture cannot be used. ``kind`` tells why: see the subclasses."""

    exit_code = EXIT_SOME_FAILED
    kind = "image"


class UnreadableImageError(ImageError):
    """The file cannot be opened: missing, no permission, not a regular file, an I/O error."""

    kind = "unreadable"


class NotAnImageError(ImageError):
    """The file is empty or holds no picture in a format that Pillow reads."""

    kind = "not-an-image"


class DamagedImageError(ImageError):
    """The file begins as a picture but its data end early or contradict themselves."""

    kind = "damaged"


class MissingVideoError(ImageError):
    """A video needs packages of an extra that is not installed; the message gives the install line.

    Unlike :class:`MissingExtraError` it is said of one file: the pictures beside it are tagged all the same.
    """

    kind = "missing-extra"


class TooLargeImageError(ImageError):
    """The picture has more pixels or bytes than the limits allow (decompression bombs end here)."""

    kind = "too-large"


_DOCS = "https://github.com/booru-tagger/booru-tagger/blob/main/docs"


def docs_url(page: str) -> str:
    """Where a page of the documentation can be read."""
    return f"{_DOCS}/{page}.md"


def quoted(*words: str) -> str:
    """The words as one line of a shell, for a message to suggest: whoever pastes it says just these words."""
    import shlex  # only where something is suggested

    if sys.platform == "win32":
        return " ".join(f'"{word}"' if not word or set(word) & _SPLITTING else word for word in words)
    return " ".join(shlex.quote(word) if word.isprintable() else _escaped(word) for word in words)


_SPLITTING = frozenset(" \t&|<>()^;,%!{}[]'`$@#=")
"""Characters for whose sake a word is quoted for cmd and PowerShell; a file's name has no double quote."""


def _escaped(word: str) -> str:
    r"""What would steer a terminal, as bash, zsh and fish's users can paste it: ``$'new\nline'``."""
    letters = os.fsencode(word).decode("ascii", "surrogateescape")
    inner = "".join(
        letter if letter.isprintable() and letter not in "'\\" else f"\\x{os.fsencode(letter)[0]:02x}"
        for letter in letters
    )
    return f"$'{inner}'"


def counted(number: int, one: str, many: str = "") -> str:
    """``1 picture``, ``2,000 pictures``."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The one of the ``known`` words that ``word`` was probably meant to be, for a message to suggest."""
    import difflib  # which only a slip of the pen needs

    return next(iter(difflib.get_close_matches(word, list(known), 1)), None)
