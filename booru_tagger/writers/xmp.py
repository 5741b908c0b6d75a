"""XMP sidecars (``a.png.xmp``), as digiKam, darktable, Lightroom and Immich read them.

Written are ``dc:subject``, ``digiKam:TagsList``, ``lr:hierarchicalSubject`` and the faces as MWG regions. All
else in an existing packet stays, to the byte.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from booru_tagger.writers.base import FormatError, Job, Revision
from booru_tagger.writers.keywords import (
    DIGIKAM,
    LIGHTROOM,
    SUBJECT,
    MergedFields,
    form,
    merge_fields,
    take_out_fields,
)
from booru_tagger.writers.merge import Merged, MergedTag, meaning
from booru_tagger.writers.naming import WriterOptions
from booru_tagger.writers.regions import (
    ANY_REGIONS,
    found_regions,
    merge_regions,
    orientation,
    read_microsoft_regions,
    read_regions,
    regions_property,
    take_out_regions,
    write_regions,
)
from booru_tagger.writers.sidecar import Sidecar
from booru_tagger.writers.xml_text import XmlError, escaped
from booru_tagger.writers.xmp_packet import (
    EMPTY,
    NAMESPACES,
    Property,
    edit,
    from_utf8,
    is_empty,
    items,
    to_utf8,
)

_log = logging.getLogger(__name__)


def _keyword_list(name: str, container: str) -> Property:
    prefix = name.partition(":")[0]
    opening = f'<{name} xmlns:{prefix}="{NAMESPACES[prefix]}"><rdf:{container}>'
    return Property(name, opening, f"</rdf:{container}></{name}>")


PROPERTIES = {
    SUBJECT: _keyword_list("dc:subject", "Bag"),
    DIGIKAM: _keyword_list("digiKam:TagsList", "Seq"),
    LIGHTROOM: _keyword_list("lr:hierarchicalSubject", "Bag"),
}


def read_fields(packet: bytes) -> dict[str, list[str]]:
    """The keyword fields of a packet. Raises :class:`XmlError`."""
    return {field: [item.text for item in items(packet, where)] for field, where in PROPERTIES.items()}


def write_fields(packet: bytes, fields: dict[str, Merged]) -> bytes:
    """Bring the packet's keyword fields to the merged lists; fields of other places are passed over."""
    for field, where in PROPERTIES.items():
        standing = [item.text for item in items(packet, where)]
        texts = [
            None if place is not None and standing[place] == text else f"<rdf:li>{escaped(text)}</rdf:li>"
            for place, text in fields[field].entries
        ]
        packet = edit(packet, where, fields[field].entries, texts)
    return packet


@dataclass(frozen=True, slots=True)
class PacketChange:
    """A changed packet, and the keyword fields that were merged on the way."""

    packet: bytes
    fields: MergedFields
    owned: frozenset[str]
    deleted: frozenset[str]


def merge_packet(
    packet: bytes, job: Job, options: WriterOptions, elsewhere: dict[str, list[str]] | None = None
) -> PacketChange:
    """Merge a job's tags and faces into an XMP packet. ``elsewhere`` are keyword fields outside of it, which
    are merged alongside. Raises :class:`XmlError`."""
    existing = read_fields(packet) | (elsewhere or {})
    if packet == EMPTY and not any(existing.values()):
        # Not a keyword was deleted, but all metadata: with the file, or by a program that drops them.
        job = replace(job, owned=frozenset())
    fields = merge_fields(existing, job.tags, job.owned, job.deleted, options)
    turned = orientation(job.picture) if job.result.faces else 1
    names = {tag.tag: form(tag, SUBJECT, options) for tag in fields.tags}
    ours = found_regions(job.result, turned, names)
    theirs = read_microsoft_regions(packet)
    regions = merge_regions(read_regions(packet), ours, job.owned, job.deleted, theirs)
    packet = write_fields(packet, fields.fields)
    packet = write_regions(packet, regions_property(job.result, turned), regions, ours)
    return PacketChange(packet, fields, fields.owned | regions.owned, fields.deleted | regions.deleted)


def strip_packet(
    packet: bytes, owned: Collection[str], elsewhere: dict[str, list[str]] | None = None
) -> PacketChange:
    """Take out what ``owned`` names. Raises :class:`XmlError`."""
    fields = take_out_fields(read_fields(packet) | (elsewhere or {}), owned)
    regions = take_out_regions(read_regions(packet), owned)
    packet = write_regions(write_fields(packet, fields.fields), ANY_REGIONS, regions, ())
    return PacketChange(packet, fields, frozenset(), fields.deleted | regions.deleted)


class XmpWriter(Sidecar):
    """``a.png.xmp``: the packet of a picture, in a file of its own."""

    name = "xmp"
    extension = ".xmp"

    def target(self, picture: Path) -> Path:
        """``a.xmp``, as Adobe's programs name it, where that stands alone: ``a.png.xmp`` would hide it."""
        own = super().target(picture)
        short = own.with_name(picture.stem + self.extension)
        if short == own or not short.is_file():
            return own
        unless_shared = replace(self.options.naming, scheme="stem-or-full")
        if not own.exists() and unless_shared.sidecar(picture, self.extension) == short:
            return short
        _log.warning("%s: programs that read %s do not see what this one says", short, own.name)
        return own

    def tags(self, content: bytes) -> list[str]:
        with _reasons():
            return read_fields(to_utf8(content)[0])[SUBJECT]

    def is_empty(self, content: bytes) -> bool:
        return is_empty(to_utf8(content)[0])

    def merged(self, before: bytes | None, job: Job) -> Revision:
        if before is None:
            merged = merge_packet(EMPTY, job, self.options)
            if not is_empty(merged.packet):  # programs that read a sidecar may look no further
                merged = merge_packet(_with_keywords_of_picture(job), job, self.options)
            return Revision(merged.packet, merged.owned, merged.deleted)
        with _reasons():
            packet, encoding = to_utf8(before)
            return _settled(before, packet, merge_packet(packet, job, self.options), encoding)

    def stripped(self, before: bytes, owned: frozenset[str]) -> Revision:
        with _reasons():
            packet, encoding = to_utf8(before)
            return _settled(before, packet, strip_packet(packet, owned), encoding)


def _with_keywords_of_picture(job: Job) -> bytes:
    """A packet with what a person wrote into the picture's EXIF, but for what we write ourselves."""
    from booru_tagger.imaging.exif_notes import read_exif_notes  # late: Pillow

    ours = {meaning(tag.tag) for tag in job.tags}
    theirs = [
        text
        for text in read_exif_notes(job.picture).keywords
        if meaning(text) not in ours and text.isprintable()
    ]
    items = [f"<rdf:li>{escaped(text)}</rdf:li>" for text in theirs]
    return edit(EMPTY, PROPERTIES[SUBJECT], [MergedTag(None, text) for text in theirs], items)


def _settled(before: bytes, packet: bytes, changed: PacketChange, encoding: str) -> Revision:
    data = before if changed.packet == packet else from_utf8(changed.packet, encoding)
    return Revision(data, changed.owned, changed.deleted)


@contextlib.contextmanager
def _reasons() -> Iterator[None]:
    try:
        yield
    except XmlError as error:
        raise FormatError(f"is not an XMP packet that can be merged into ({error}); move it away") from error
