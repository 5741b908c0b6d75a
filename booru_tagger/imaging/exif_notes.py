"""What people and programs wrote into a picture's EXIF: keywords, a rating, who made it and how.

The only door to exifread. Pillow finds the block, exifread takes it apart.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

_LONG = 1_000
"""From this many values on exifread leaves a field empty; its bytes are taken from the block then."""
_CODE = 8
"""Bytes at the beginning of a UserComment that name its encoding."""


@dataclass(frozen=True, slots=True)
class ExifNotes:
    """``parameters`` are what a picture was generated with, or another comment. ``rating`` is 0 to 5."""

    keywords: tuple[str, ...] = ()
    subject: str = ""
    rating: int | None = None
    artist: str = ""
    parameters: str = ""

    def to_json(self) -> dict[str, Any]:
        return {
            "keywords": list(self.keywords),
            "subject": self.subject,
            "rating": self.rating,
            "artist": self.artist,
            "parameters": self.parameters,
        }


def read_exif_notes(picture: Path) -> ExifNotes:
    """The notes in a picture file; none where it has none or cannot be read: they are hints, no more."""
    try:
        with Image.open(picture) as image:
            block = image.info.get("exif", b"")
            text = image.info.get("parameters", "")
            if image.format == "TIFF":
                block = picture.read_bytes()
        notes = parse_exif_notes(block.removeprefix(b"Exif\0\0"))
    except Exception:  # Pillow's plugins and exifread raise anything on bad data
        return ExifNotes()
    if not notes.parameters and isinstance(text, str):
        return ExifNotes(notes.keywords, notes.subject, notes.rating, notes.artist, text.strip())
    return notes


def parse_exif_notes(block: bytes) -> ExifNotes:
    """The notes in a block of EXIF, which begins as a TIFF file does. Raises what exifread does."""
    if not block:
        return ExifNotes()
    import exifread  # late: it takes longer to load than most pictures to read

    logging.getLogger("exifread").setLevel(logging.CRITICAL)
    tags = exifread.process_file(io.BytesIO(block), extract_thumbnail=False)
    keywords = (part.strip() for part in _wide(_raw(tags, "Image XPKeywords", block)).split(";"))
    rating = getattr(tags.get("Image Rating"), "values", None)
    return ExifNotes(
        keywords=tuple(dict.fromkeys(filter(None, keywords))),
        subject=_wide(_raw(tags, "Image XPSubject", block)).strip(),
        rating=int(rating[0]) if rating else None,
        artist=str(tags["Image Artist"]).strip() if "Image Artist" in tags else "",
        parameters=_comment(_raw(tags, "EXIF UserComment", block), is_little=block.startswith(b"II")).strip(),
    )


def _raw(tags: Mapping[str, Any], name: str, block: bytes) -> bytes:
    """The bytes of a field; ``b""`` where there is no such field."""
    tag = tags.get(name)
    if tag is None:
        return b""
    if tag.field_length >= _LONG:
        return block[tag.field_offset : tag.field_offset + tag.field_length]
    return bytes(tag.values)


def _wide(value: bytes) -> str:
    return value.decode("utf-16-le", "replace").split("\0", 1)[0]


def _comment(value: bytes, *, is_little: bool) -> str:
    code, text = value[:_CODE], value[_CODE:]
    if code.startswith(b"UNICODE"):
        # The standard leaves open which UTF-16 it is: where one half is mostly zeros, those tell.
        zeros = text[::2].count(0) - text[1::2].count(0)
        is_little = zeros < 0 or (zeros == 0 and is_little)
        return text.decode("utf-16-le" if is_little else "utf-16-be", "replace").strip("\ufeff\0")
    if code.startswith(b"JIS"):
        return text.decode("iso2022_jp", "replace").strip("\0")
    return text.decode("utf-8", "replace").strip("\0")
