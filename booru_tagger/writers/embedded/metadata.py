"""The keyword fields of a picture file, whatever its format: read, and changed with a check of the result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from booru_tagger.writers.base import MARK
from booru_tagger.writers.embedded.blocks import Blocks, EmbedError, PictureFile
from booru_tagger.writers.embedded.exif import keywords_of, value_of
from booru_tagger.writers.embedded.formats import take_apart
from booru_tagger.writers.embedded.iptc import declares_charset, read_keywords, with_keywords
from booru_tagger.writers.keywords import IPTC, WINDOWS

_CHARSET, _SIMPLE = MARK + "charset", MARK + "simple"
NOTES = frozenset((_CHARSET, _SIMPLE))
"""Entries of ``owned``: that IPTC's character set was declared by us, and that a WebP file was in its simple
form before."""


@dataclass(frozen=True, slots=True)
class Metadata:
    """The XMP packet (``b""``: none), and the keywords of those fields outside of it that can be changed."""

    packet: bytes
    flat: Mapping[str, tuple[str, ...]]


def read_metadata(blocks: Blocks) -> Metadata:
    """The keyword fields in the blocks of a file."""
    flat = {
        WINDOWS: None if blocks.windows is None else keywords_of(blocks.windows),
        IPTC: None if blocks.iptc is None else read_keywords(blocks.iptc),
    }
    usable = {field: keywords for field, keywords in flat.items() if keywords is not None}
    return Metadata(_packet(blocks), usable)


def _packet(blocks: Blocks) -> bytes:
    return blocks.xmp.rstrip(b"\0")  # zeros end it in the files of some programs


def with_metadata(
    picture: PictureFile, old: Metadata, new: Metadata, owned: frozenset[str]
) -> tuple[bytes, frozenset[str]]:
    """The file with its keyword fields changed from ``old`` to ``new``, and which of :data:`NOTES` hold then,
    of which ``owned`` has those that held before.

    Raises :class:`EmbedError` where anything else would change.
    """
    blocks = _blocks(picture.blocks, old, new, owned)
    result = picture.replaced(blocks)
    after = take_apart(result)
    _compare(picture.foreign(), after.foreign())
    changed = read_metadata(after.blocks)
    if changed.packet != new.packet or any(changed.flat.get(field) != new.flat[field] for field in new.flat):
        raise EmbedError("the keywords would not be found in the result")
    return result, _notes(picture.blocks, after.blocks, owned)


def _blocks(blocks: Blocks, old: Metadata, new: Metadata, owned: frozenset[str]) -> Blocks:
    def changes(field: str) -> bool:
        return field in new.flat and new.flat[field] != old.flat[field]

    xmp, iptc, windows = blocks.xmp, blocks.iptc, blocks.windows
    if new.packet != old.packet:
        xmp = new.packet + xmp[len(old.packet) :] if new.packet else b""
    if changes(WINDOWS):
        windows = value_of(new.flat[WINDOWS])
    if changes(IPTC):
        iptc = with_keywords(iptc or b"", new.flat[IPTC], keep_charset=_CHARSET not in owned)
    return replace(blocks, xmp=xmp, iptc=iptc, windows=windows, extended=not _was_simple(blocks, owned))


def _was_simple(blocks: Blocks, owned: frozenset[str]) -> bool:
    return _SIMPLE in owned or not blocks.extended


def _notes(before: Blocks, after: Blocks, owned: frozenset[str]) -> frozenset[str]:
    notes = set()
    if after.extended and _was_simple(before, owned):
        notes.add(_SIMPLE)
    if _has_charset(after) and (_CHARSET in owned or not _has_charset(before)):
        notes.add(_CHARSET)
    return frozenset(notes)


def _has_charset(blocks: Blocks) -> bool:
    stream = blocks.iptc or b""
    return read_keywords(stream) is not None and declares_charset(stream)


def _compare(before: list[tuple[str, bytes]], after: list[tuple[str, bytes]]) -> None:
    for one, other in zip(before, after, strict=False):
        if one != other:
            raise EmbedError(f"the result would differ in {one[0]!r}, so the picture is left as it is")
    if len(before) != len(after):
        raise EmbedError("the result would differ in its parts, so the picture is left as it is")
