"""Which picture files metadata can be put into."""

from __future__ import annotations

from booru_tagger.writers.embedded.blocks import EmbedError, PictureFile
from booru_tagger.writers.embedded.ifd import is_tiff
from booru_tagger.writers.embedded.jpeg import Jpeg
from booru_tagger.writers.embedded.png import SIGNATURE, Png
from booru_tagger.writers.embedded.tiff import Tiff
from booru_tagger.writers.embedded.webp import Webp


def take_apart(data: bytes) -> PictureFile:
    """The picture file with these bytes. Raises :class:`EmbedError`."""
    if data.startswith(b"\xff\xd8\xff"):
        return Jpeg(data)
    if data.startswith(SIGNATURE):
        return Png(data)
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return Webp(data)
    if is_tiff(data):
        return Tiff(data)
    raise EmbedError("they go into JPEG, PNG, WebP and TIFF files only, and this is another format")
