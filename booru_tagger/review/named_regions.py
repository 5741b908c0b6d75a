"""The regions of files that bear a person's name, as boxes of the upright picture."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path

from booru_tagger.types import Box
from booru_tagger.vocab import tag_named
from booru_tagger.writers.embedded.blocks import EmbedError
from booru_tagger.writers.embedded.formats import take_apart
from booru_tagger.writers.embedded.metadata import read_metadata
from booru_tagger.writers.regions import Frame, named_regions, orientation, upright
from booru_tagger.writers.xml_text import XmlError
from booru_tagger.writers.xmp_packet import to_utf8


def names_in(
    picture: Path,
    files: Mapping[Path, bytes],
    size: tuple[int, int],
    ours: Callable[[Path], Collection[str]],
) -> list[tuple[Box, str]]:
    """Boxes and tags of the named regions in ``files``: the picture, or XMP beside it, with their bytes.

    ``size``: width and height of the upright picture. ``ours`` as for
    :func:`~.named_in_files.with_names_in_files`.
    """
    packets = ((file, _packet(data, embedded=file == picture)) for file, data in files.items())
    return [
        named
        for file, packet in packets
        if packet
        for named in names_in_packet(packet, ours(file), lambda: Frame(*size, orientation(picture)))
    ]


def names_in_packet(
    packet: bytes, ours: Collection[str], frame: Callable[[], Frame | None]
) -> Iterator[tuple[Box, str]]:
    """The same of one XMP packet that is about a picture; ``ours`` are the notes of our own regions there.

    ``frame`` is asked where there are named regions; ``None``: the picture cannot be read, so nobody knows
    where they are.
    """
    regions = named_regions(packet, ours)
    about = frame() if regions else None
    if about is None:
        return
    for region in regions:
        try:
            tag = tag_named(region.name)
        except ValueError:  # a name that no tag can have
            continue
        yield upright(region, *about), tag


def _packet(data: bytes, *, embedded: bool) -> bytes:
    try:
        return read_metadata(take_apart(data).blocks).packet if embedded else to_utf8(data)[0]
    except (EmbedError, XmlError):
        return b""
