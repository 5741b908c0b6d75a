"""The same metadata as in XMP sidecars, and IPTC and EXIF keywords, inside the picture file itself.

No pixel changes, which is checked before the file is swapped in; but its size and hash do, so this is for
those who ask for it. Needs the extra ``metadata``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from booru_tagger.errors import OutputError
from booru_tagger.writers.atomic import read_target, revise
from booru_tagger.writers.base import Job, Revision, Written
from booru_tagger.writers.exiv2_file import EmbedError, Metadata, load, read_metadata, write_metadata
from booru_tagger.writers.keywords import IPTC, SUBJECT, WINDOWS
from booru_tagger.writers.naming import WriterOptions
from booru_tagger.writers.xml_text import XmlError
from booru_tagger.writers.xmp import PacketChange, merge_packet, read_fields, strip_packet
from booru_tagger.writers.xmp_packet import EMPTY, is_empty


class EmbedWriter:
    """Keywords and faces inside JPEG, PNG, WebP and TIFF files."""

    name = "embed"

    def __init__(self, options: WriterOptions) -> None:
        """Raises :class:`MissingExtraError` where pyexiv2 is not installed."""
        self.options = options
        load()

    def target(self, picture: Path) -> Path:
        return picture

    def read(self, picture: Path, target: Path) -> tuple[str, ...]:
        data = read_target(target)
        if data is None:
            return ()
        with _reasons(target):
            metadata = read_metadata(data)
            flat = (
                *read_fields(metadata.packet or EMPTY)[SUBJECT],
                *(metadata.iptc or ()),
                *metadata.windows,
            )
        return tuple(dict.fromkeys(flat))

    def write(self, job: Job) -> Written:
        def merging(packet: bytes, elsewhere: dict[str, list[str]]) -> PacketChange:
            return merge_packet(packet, job, self.options, elsewhere)

        return self._revise(job.target, merging, job.announce)

    def remove(self, picture: Path, target: Path, owned: frozenset[str]) -> Written:
        def merging(packet: bytes, elsewhere: dict[str, list[str]]) -> PacketChange:
            return strip_packet(packet, owned, elsewhere)

        return self._revise(target, merging, None)

    def _revise(
        self,
        target: Path,
        merging: Callable[[bytes, dict[str, list[str]]], PacketChange],
        announce: Callable[[Written], None] | None,
    ) -> Written:
        def change(before: bytes | None) -> Revision:
            if before is None:
                raise OutputError(f"{target}: the picture is gone")
            with _reasons(target):
                return _change(before, merging)

        return revise(target, change, announce=announce, restorable=False, keep_mtime=self.options.keep_mtime)


def _change(
    data: bytes,
    merging: Callable[[bytes, dict[str, list[str]]], PacketChange],
) -> Revision:
    old = read_metadata(data)
    elsewhere = {WINDOWS: list(old.windows)}
    if old.iptc is not None:
        elsewhere[IPTC] = list(old.iptc)
    merged = merging(old.packet or EMPTY, elsewhere)
    fields = merged.fields.fields
    new = Metadata(
        packet=b"" if not old.packet and is_empty(merged.packet) else merged.packet,
        windows=fields[WINDOWS].tags,
        iptc=fields[IPTC].tags if IPTC in fields else None,
    )
    return Revision(data if new == old else write_metadata(data, old, new), merged.owned, merged.deleted)


@contextmanager
def _reasons(picture: Path) -> Iterator[None]:
    try:
        yield
    except (EmbedError, XmlError) as error:
        raise OutputError(
            f"{picture}: metadata are not embedded: {error}; the writer xmp puts them beside it instead"
        ) from error
