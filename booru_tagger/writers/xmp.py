"""XMP sidecars (``a.png.xmp``), as digiKam, darktable, Lightroom and Immich read them.

Written are ``dc:subject``, ``digiKam:TagsList``, ``lr:hierarchicalSubject`` and the faces as MWG regions. All
else in an existing packet stays, to the byte.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from pathlib import Path
from xml.sax.saxutils import escape

from booru_tagger.errors import OutputError
from booru_tagger.writers.atomic import Change, read_target, revise
from booru_tagger.writers.base import CREATED, Job, Written
from booru_tagger.writers.keywords import (
    DIGIKAM,
    LIGHTROOM,
    SUBJECT,
    MergedFields,
    form,
    merge_fields,
    take_out_fields,
)
from booru_tagger.writers.merge import Merged
from booru_tagger.writers.naming import WriterOptions
from booru_tagger.writers.regions import (
    ANY_REGIONS,
    found_regions,
    merge_regions,
    orientation,
    read_regions,
    regions_property,
    take_out_regions,
    write_regions,
)
from booru_tagger.writers.xml_text import XmlError
from booru_tagger.writers.xmp_packet import EMPTY, NAMESPACES, Property, edit, is_empty, items, to_utf8


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
            None if place is not None and standing[place] == text else f"<rdf:li>{escape(text)}</rdf:li>"
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
    regions = merge_regions(read_regions(packet), ours, job.owned, job.deleted)
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


class XmpWriter:
    """``a.png.xmp``: the packet of a picture, in a file of its own."""

    name = "xmp"

    def __init__(self, options: WriterOptions) -> None:
        self.options = options
        self.naming = options.naming

    def target(self, picture: Path) -> Path:
        return self.naming.sidecar(picture, ".xmp")

    def read(self, picture: Path) -> tuple[str, ...]:
        target = self.target(picture)
        data = read_target(target)
        try:
            return () if data is None else tuple(read_fields(to_utf8(data)[0])[SUBJECT])
        except XmlError as error:
            raise _unreadable(target, error) from error

    def write(self, job: Job) -> Written:
        target = self.target(job.picture)

        def change(before: bytes | None) -> Change:
            if before is None:
                merged = merge_packet(EMPTY, job, self.options)
                return _settled(None, EMPTY, merged, "utf-8", frozenset({CREATED}))
            packet, encoding = to_utf8(before)
            merged = merge_packet(packet, job, self.options)
            return _settled(before, packet, merged, encoding, job.owned & {CREATED})

        make_folder = self.naming.output is not None
        return revise(target, _guarded(change, target), announce=job.announce, make_folder=make_folder)

    def remove(self, picture: Path, owned: frozenset[str]) -> Written:
        target = self.target(picture)

        def change(before: bytes | None) -> Change:
            if before is None:
                return Change(None, frozenset(), frozenset())
            packet, encoding = to_utf8(before)
            settled = _settled(before, packet, strip_packet(packet, owned), encoding, owned & {CREATED})
            return replace(settled, owned=frozenset())

        return revise(target, _guarded(change, target))


def _settled(
    before: bytes | None, packet: bytes, merged: PacketChange, encoding: str, created: frozenset[str]
) -> Change:
    """The bytes to put in place: none where a packet of ours is left without properties."""
    if created and is_empty(merged.packet):
        return Change(None, frozenset(), merged.deleted)
    data = before if merged.packet == packet else merged.packet.decode().encode(encoding)
    return Change(data, merged.owned | created, merged.deleted)


def _guarded(change: Callable[[bytes | None], Change], target: Path) -> Callable[[bytes | None], Change]:
    def guarded(before: bytes | None) -> Change:
        try:
            return change(before)
        except XmlError as error:
            raise _unreadable(target, error) from error

    return guarded


def _unreadable(target: Path, error: XmlError) -> OutputError:
    return OutputError(f"{target}: is not an XMP packet that can be merged into ({error}); move it away")
