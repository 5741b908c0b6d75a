"""The same metadata as in XMP sidecars, and IPTC and EXIF keywords, inside the picture file itself.

Only the blocks that hold keywords change, and in them only ours; all else stays where it is, byte for byte,
which is checked before the file is swapped in. But its size and hash change, so this is for those who ask for
it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from booru_tagger.errors import OutputError
from booru_tagger.writers.atomic import read_target, revise
from booru_tagger.writers.base import Job, Revision, Written
from booru_tagger.writers.embedded.blocks import EmbedError, NoRoomError, PictureFile
from booru_tagger.writers.embedded.formats import take_apart
from booru_tagger.writers.embedded.metadata import NOTES, read_metadata, with_metadata
from booru_tagger.writers.keywords import IPTC, SUBJECT, WINDOWS
from booru_tagger.writers.naming import WriterOptions
from booru_tagger.writers.regions import ANY_REGIONS
from booru_tagger.writers.xml_text import XmlError
from booru_tagger.writers.xmp import PROPERTIES, PacketChange, merge_packet, read_fields, strip_packet
from booru_tagger.writers.xmp_packet import EMPTY, items

_Merging = Callable[[bytes, dict[str, list[str]]], PacketChange]


class EmbedWriter:
    """Keywords and faces inside JPEG, PNG, WebP and TIFF files."""

    name = "embed"

    def __init__(self, options: WriterOptions) -> None:
        self.options = options

    def target(self, picture: Path) -> Path:
        return picture

    def read(self, picture: Path, target: Path) -> tuple[str, ...]:
        data = read_target(target)
        if data is None:
            return ()
        with _reasons(target):
            metadata = read_metadata(take_apart(data).blocks)
            flat = (
                *read_fields(metadata.packet or EMPTY)[SUBJECT],
                *metadata.flat.get(IPTC, ()),
                *metadata.flat.get(WINDOWS, ()),
            )
        return tuple(dict.fromkeys(flat))

    def write(self, job: Job) -> Written:
        return self._revise(job.target, self._merging(job), job.owned, job.announce)

    def rehearse(self, job: Job) -> None:
        _revised(job.target, read_target(job.target), self._merging(job), job.owned)

    def _merging(self, job: Job) -> _Merging:
        return lambda packet, elsewhere: merge_packet(packet, job, self.options, elsewhere)

    def remove(self, picture: Path, target: Path, owned: frozenset[str]) -> Written:
        def merging(packet: bytes, elsewhere: dict[str, list[str]]) -> PacketChange:
            return strip_packet(packet, owned, elsewhere)

        return self._revise(target, merging, owned, None)

    def _revise(
        self,
        target: Path,
        merging: _Merging,
        owned: frozenset[str],
        announce: Callable[[Written], None] | None,
    ) -> Written:
        def change(before: bytes | None) -> Revision:
            return _revised(target, before, merging, owned)

        return revise(target, change, announce=announce, restorable=False, keep_mtime=self.options.keep_mtime)


def _revised(target: Path, before: bytes | None, merging: _Merging, owned: frozenset[str]) -> Revision:
    if before is None:
        raise OutputError(f"{target}: the picture is gone")
    with _reasons(target):
        return _change(before, merging, owned)


def _change(data: bytes, merging: _Merging, owned: frozenset[str]) -> Revision:
    picture = take_apart(data)
    old = read_metadata(picture.blocks)
    _check_further_packets(picture)
    while True:
        merged = merging(old.packet or EMPTY, {field: list(texts) for field, texts in old.flat.items()})
        flat = {field: merged.fields.fields[field].tags for field in old.flat}
        new = replace(old, packet=b"" if merged.packet == EMPTY else merged.packet, flat=flat)
        try:
            result, notes = with_metadata(picture, old, new, owned) if new != old else (data, owned & NOTES)
        except NoRoomError as error:
            if old.flat.get(error.field) != ():
                raise
            # The others hold the same keywords, and a field without any is none that a program relies on.
            old = replace(old, flat={field: old.flat[field] for field in old.flat if field != error.field})
        else:
            return Revision(result, merged.owned | (notes if merged.owned else set()), merged.deleted)


def _check_further_packets(picture: PictureFile) -> None:
    """Programs make one packet of all; keywords in two of them would contradict each other."""
    for packet in picture.further_packets:
        with suppress(XmlError):  # nobody can read it
            if any(items(packet, where) for where in (*PROPERTIES.values(), ANY_REGIONS)):
                raise EmbedError("its XMP is in several parts, and keywords are not in the first of them")


@contextmanager
def _reasons(picture: Path) -> Iterator[None]:
    try:
        yield
    except (EmbedError, XmlError) as error:
        reason = f"its XMP cannot be merged into ({error})" if isinstance(error, XmlError) else str(error)
        raise OutputError(
            f"{picture}: metadata are not embedded: {reason}; the writer xmp puts them beside it instead"
        ) from error
