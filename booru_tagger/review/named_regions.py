"""The regions of files that bear a person's name, as boxes of the upright picture."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path

from booru_tagger.types import Box, TagResult
from booru_tagger.vocab import tag_named
from booru_tagger.writers.embedded.blocks import EmbedError
from booru_tagger.writers.embedded.formats import take_apart
from booru_tagger.writers.embedded.metadata import read_metadata
from booru_tagger.writers.regions import named_regions, orientation, upright
from booru_tagger.writers.xml_text import XmlError
from booru_tagger.writers.xmp_packet import to_utf8


def names_in(
    picture: Path, files: Mapping[Path, bytes], raw: TagResult, ours: Callable[[Path], Collection[str]]
) -> list[tuple[Box, str]]:
    """Boxes and tags of the named regions in ``files``: the picture, or XMP beside it, with their bytes.

    ``ours`` as for :func:`~.named_in_files.with_names_in_files`.
    """
    return list(_names(picture, files, raw, ours))


def _names(
    picture: Path, files: Mapping[Path, bytes], raw: TagResult, ours: Callable[[Path], Collection[str]]
) -> Iterator[tuple[Box, str]]:
    turned = None
    for file, data in files.items():
        packet = _packet(data, embedded=file == picture)
        for region in named_regions(packet, ours(file)) if packet else ():
            try:
                tag = tag_named(region.name)
            except ValueError:  # a name that no tag can have
                continue
            turned = orientation(picture) if turned is None else turned
            yield upright(region, raw.width, raw.height, turned), tag


def _packet(data: bytes, *, embedded: bool) -> bytes:
    try:
        return read_metadata(take_apart(data).blocks).packet if embedded else to_utf8(data)[0]
    except (EmbedError, XmlError):
        return b""
