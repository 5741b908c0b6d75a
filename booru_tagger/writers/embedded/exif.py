"""Windows' keywords in an EXIF block."""

from __future__ import annotations

from booru_tagger.writers.embedded.blocks import EmbedError
from booru_tagger.writers.embedded.ifd import BYTE, IfdError, holds_only, read_tags, restored, with_tags

XP_KEYWORDS = 0x9C9E
_KINDS = {XP_KEYWORDS: BYTE}


def keywords_of(value: bytes) -> tuple[str, ...] | None:
    """The keywords in a value of XPKeywords; ``None`` where it is something else."""
    try:
        text = value.decode("utf-16-le").rstrip("\0")
    except UnicodeDecodeError:
        return None
    return tuple(part.strip() for part in text.split(";") if part.strip())


def value_of(keywords: tuple[str, ...]) -> bytes:
    return ";".join(keywords).encode("utf-16-le")


def same_meaning(tag: int, value: bytes) -> object:
    """What values of a tag share whose difference is none: Windows' keywords may end with a zero, or not."""
    return keywords_of(value) if tag == XP_KEYWORDS else value


def read_windows(block: bytes) -> bytes | None:
    """The value of XPKeywords in an EXIF block; ``None`` where the block cannot be read."""
    try:
        return read_tags(block, (XP_KEYWORDS,))[XP_KEYWORDS] if block else b""
    except IfdError:
        return None


def with_windows(block: bytes, value: bytes) -> bytes:
    """The block with another value of XPKeywords, ``b""`` for one without tags. Raises
    :class:`EmbedError`."""
    try:
        if not value and not without_windows(block):
            return b""
        return with_tags(block, {XP_KEYWORDS: value}, _KINDS, same_meaning)
    except IfdError as error:
        raise EmbedError(f"its EXIF cannot be changed: {error}") from error


def without_windows(block: bytes) -> bytes:
    """What of the block is not ours. Raises :class:`IfdError`."""
    base = restored(block, (XP_KEYWORDS,))
    return b"" if base and holds_only(base, XP_KEYWORDS) else base
