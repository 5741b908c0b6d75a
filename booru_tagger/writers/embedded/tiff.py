"""TIFF and BigTIFF: keywords are tags of the first page."""

from __future__ import annotations

from collections.abc import Mapping

from booru_tagger.writers.embedded import iptc
from booru_tagger.writers.embedded.blocks import Blocks, EmbedError
from booru_tagger.writers.embedded.exif import XP_KEYWORDS, same_meaning
from booru_tagger.writers.embedded.ifd import BYTE, UNDEFINED, read_tags, restored, with_tags

_XMP, _IPTC, _PHOTOSHOP = 700, 33723, 34377
_WIDTH, _ROLE, _PHOTOMETRIC, _DNG = 256, 254, 262, 50706
_KINDS = {_XMP: BYTE, _IPTC: UNDEFINED, XP_KEYWORDS: BYTE}


class Tiff:
    """A TIFF file. Raises :class:`EmbedError` where its first directory cannot be read."""

    further_packets: tuple[bytes, ...] = ()

    def __init__(self, data: bytes) -> None:
        self.data = data
        found = read_tags(data, (*_KINDS, _PHOTOSHOP, _WIDTH, _ROLE, _PHOTOMETRIC, _DNG))
        if data[8:10] == b"CR" or _is_raw(found):
            raise EmbedError("it is a raw photo, which is better not written into")
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


def _is_raw(found: Mapping[int, bytes]) -> bool:
    """Whether these are the tags of a raw photo: one of DNG's, or a first picture that is none, a preview, or
    what a sensor saw through its color filter."""
    role, photometric = (found[tag].strip(b"\0") for tag in (_ROLE, _PHOTOMETRIC))
    sensor = photometric in (b"\x23\x80", b"\x80\x23")
    return bool(found[_DNG]) or not found[_WIDTH] or role == b"\1" or sensor
