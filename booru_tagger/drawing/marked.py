"""Files for people that say what they are, so that a newer one may take their place and nothing else's."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

from PIL import Image, PngImagePlugin

from booru_tagger.errors import OutputError

_KEYWORD = "Software"


def marked_png(image: Image.Image, mark: str) -> bytes:
    """A picture as a PNG file with a mark that :func:`has_mark` knows again."""
    stream = io.BytesIO()
    notes = PngImagePlugin.PngInfo()
    notes.add_text(_KEYWORD, mark)
    image.save(stream, "PNG", pnginfo=notes)
    return stream.getvalue()


def has_mark(path: Path, mark: str) -> bool:
    """Whether the file is one that was made here, and with this mark."""
    try:
        with Image.open(path) as image:
            return image.info.get(_KEYWORD) == mark
    except Exception:  # whatever it is, it is not ours
        return False


def has_text_mark(path: Path, mark: str) -> bool:
    """Whether the file is a text, a page for example, that has the mark near its beginning."""
    try:
        with path.open(encoding="utf-8", errors="replace") as handle:
            return mark in handle.read(2_000)
    except OSError:
        return False


def refuse_other_file(path: Path, is_ours: Callable[[Path], bool], what: str) -> None:
    """Raise :class:`OutputError` where something has that name that is not ``what``, made here."""
    if path.exists() and not is_ours(path):
        raise OutputError(f"{path}: exists and is not {what}; it was left alone, choose another name")
