"""Names that people gave faces with other programs: regions in a picture, or in the XMP beside it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import TypeAlias

from booru_tagger.errors import OutputError
from booru_tagger.tagging.rules import picture_result
from booru_tagger.types import Box, CharacterMatch, Reading, TagResult
from booru_tagger.vocab import tag_named
from booru_tagger.writers.atomic import read_target
from booru_tagger.writers.embedded.blocks import EmbedError
from booru_tagger.writers.embedded.formats import take_apart
from booru_tagger.writers.embedded.metadata import read_metadata
from booru_tagger.writers.regions import PERSON, PERSONS_FACE, named_regions, orientation, upright
from booru_tagger.writers.xml_text import XmlError
from booru_tagger.writers.xmp_packet import to_utf8

_SIGNS = (b"regions/", b"photo/1.2/t/Region")
"""Namespaces of both kinds of regions; a file without either need not be taken apart."""

Retell: TypeAlias = Callable[[Reading, CharacterMatch | None], Reading]
"""The same face under another name, or none: :meth:`booru_tagger.tagging.tagger.Tagger.retell`."""


def with_names_in_files(
    picture: Path, raw: TagResult, retell: Retell, ours: Callable[[Path], Collection[str]]
) -> TagResult:
    """``raw`` with the names that stand in the picture, or beside it, at the faces that they are about.

    ``ours`` gives the notes of those regions in a file that we wrote ourselves. What cannot be read is passed
    over.
    """
    if not raw.faces or raw.moving is not None:
        return raw
    names = list(_names(picture, raw, ours))
    if not names:
        return raw
    readings = list(raw.readings or (retell(Reading.of(face), face.character) for face in raw.faces))
    pairs = sorted(
        (
            (box.iou(face.box), row, index)
            for row, (box, _) in enumerate(names)
            for index, face in enumerate(raw.faces)
        ),
        reverse=True,
    )
    told: set[int] = set()
    used: set[int] = set()
    for overlap, row, index in pairs:
        if overlap >= PERSONS_FACE and row not in used and index not in told:
            used.add(row)
            told.add(index)
            readings[index] = retell(readings[index], CharacterMatch(names[row][1], 1.0, PERSON))
    return picture_result(raw, readings, raw.whole_picture) if told else raw


def _names(
    picture: Path, raw: TagResult, ours: Callable[[Path], Collection[str]]
) -> Iterator[tuple[Box, str]]:
    turned = None
    for file in (picture, picture.with_name(picture.name + ".xmp"), picture.with_suffix(".xmp")):
        packet = _packet(file, embedded=file == picture)
        for region in named_regions(packet, ours(file)) if packet else ():
            try:
                tag = tag_named(region.name)
            except ValueError:  # a name that no tag can have
                continue
            turned = orientation(picture) if turned is None else turned
            yield upright(region, raw.width, raw.height, turned), tag


def _packet(file: Path, *, embedded: bool) -> bytes:
    try:
        data = read_target(file)
        if data is None or not any(sign in data for sign in _SIGNS):
            return b""
        return read_metadata(take_apart(data).blocks).packet if embedded else to_utf8(data)[0]
    except (OutputError, EmbedError, XmlError):
        return b""
