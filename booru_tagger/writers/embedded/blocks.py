"""What all picture formats have in common for someone who changes the keywords inside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


class EmbedError(Exception):
    """The metadata cannot be read or written, or the result would lose something."""


class NoRoomError(EmbedError):
    """A block would grow larger than the format allows; ``field`` is its name in :class:`Blocks`."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(reason)
        self.field = field


@dataclass(frozen=True, slots=True)
class Blocks:
    """The blocks of a file that hold keywords; ``b""`` where there is none, ``None`` where it is to be left
    as it is, because there is something in it or about it that we cannot keep.

    ``xmp`` is a packet, ``iptc`` a stream of IIM data sets, ``windows`` the value of EXIF's XPKeywords.
    ``extended`` is false for a WebP file in its simple form, which has no place for metadata; asking for that
    form is asking for it where nothing stands in the way.
    """

    xmp: bytes = b""
    iptc: bytes | None = b""
    windows: bytes | None = b""
    extended: bool = True


class PictureFile(Protocol):
    """One picture file, taken apart without a look at its pixels."""

    @property
    def blocks(self) -> Blocks: ...

    @property
    def further_packets(self) -> tuple[bytes, ...]:
        """XMP that stands elsewhere, and is not ours to change."""

    def replaced(self, new: Blocks) -> bytes:
        """The file with other blocks, and all else as it is, byte for byte. Raises :class:`EmbedError`."""

    def foreign(self) -> list[tuple[str, bytes]]:
        """All that is none of ours, in the file's order, by name: what must never differ. Numbers that tell
        where something lies are given as if there were none of our blocks."""
