"""TIFF and BigTIFF: keywords are tags of the first page."""

from __future__ import annotations

from booru_tagger.writers.embedded import iptc
from booru_tagger.writers.embedded.blocks import Blocks
from booru_tagger.writers.embedded.exif import XP_KEYWORDS, same_meaning
from booru_tagger.writers.embedded.ifd import BYTE, UNDEFINED, read_tags, restored, with_tags

_XMP, _IPTC, _PHOTOSHOP = 700, 33723, 34377
_KINDS = {_XMP: BYTE, _IPTC: UNDEFINED, XP_KEYWORDS: BYTE}


class Tiff:
    """A TIFF file. Raises :class:`EmbedError` where its first directory cannot be read."""

    further_packets: tuple[bytes, ...] = ()

    def __init__(self, data: bytes) -> None:
        self.data = data
        found = read_tags(data, (*_KINDS, _PHOTOSHOP))
        self.standing = {tag: found[tag] for tag in _KINDS}
        self.blocks = Blocks(
            xmp=found[_XMP],
            iptc=None if _has_iptc(found[_PHOTOSHOP]) else found[_IPTC],
            windows=found[XP_KEYWORDS],
        )

    def replaced(self, new: Blocks) -> bytes:
        wanted = {_XMP: new.xmp, _IPTC: new.iptc, XP_KEYWORDS: new.windows}
        values = {tag: self.standing[tag] if value is None else value for tag, value in wanted.items()}
        return with_tags(self.data, values, _KINDS, same_meaning)

    def foreign(self) -> list[tuple[str, bytes]]:
        return [("pages", restored(self.data, _KINDS))]


def _has_iptc(resources: bytes) -> bool:
    """Whether IPTC stands among Photoshop's resources, which would then contradict ours."""
    try:
        return bool(resources and iptc.iptc_streams(resources))
    except iptc.IptcError:
        return True
