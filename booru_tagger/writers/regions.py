"""Face regions of the Metadata Working Group: who is where in a picture, for photo managers.

Areas are fractions of the picture *as stored*, before its EXIF orientation is applied: that is how digiKam,
Immich and the others read them, in sidecars too. Our boxes are of the upright picture and are turned back.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from booru_tagger.types import PERSON, Box, TagResult
from booru_tagger.writers.base import MARK
from booru_tagger.writers.merge import Merged, merge, take_out
from booru_tagger.writers.xml_text import Element, XmlError, escaped
from booru_tagger.writers.xmp_packet import NAMESPACES, Property, content, edit, items, qualified

if TYPE_CHECKING:
    from PIL.Image import Image

SAME_FACE = 0.5
"""IoU from which on two regions are the same face: a person's, or one they deleted, keeps ours away."""

_NOTE = MARK + "face="
_NUMBERS = re.compile(re.escape(_NOTE) + r"([-\d.]+),([-\d.]+),([-\d.]+),([-\d.]+) (.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Region:
    """A face: centre and size as fractions of the stored picture, and its name (``""``: unknown)."""

    x: float
    y: float
    width: float
    height: float
    name: str = ""

    @property
    def note(self) -> str:
        """The entry of ``owned`` that stands for this region. Four decimals: programs that save a packet anew
        may round, but hardly that far."""
        return f"{_NOTE}{self.x:.4f},{self.y:.4f},{self.width:.4f},{self.height:.4f} {self.name}"

    @property
    def box(self) -> Box:
        return Box(
            self.x - self.width / 2,
            self.y - self.height / 2,
            self.x + self.width / 2,
            self.y + self.height / 2,
        )

    def is_same_face(self, other: Region) -> bool:
        return self.box.iou(other.box) >= SAME_FACE


class Frame(NamedTuple):
    """What regions of a picture are about: width and height as it is shown, in pixels, and EXIF's
    orientation, 1 to 8, in which it is stored."""

    width: int
    height: int
    turned: int


def frame_of(picture: Path | BinaryIO) -> Frame | None:
    """The frame of a picture, by its header; ``None`` where that cannot be read."""
    import PIL.Image  # late: sidecars of upright drawings don't need it

    try:
        with PIL.Image.open(picture) as image:
            (width, height), turned = image.size, _turned(image)
    except Exception:  # Pillow's plugins raise anything on bad data, and this is only a hint
        return None
    return Frame(height, width, turned) if turned >= 5 else Frame(width, height, turned)


def orientation(picture: Path) -> int:
    """EXIF's orientation, 1 to 8; 1 where there is none or the file cannot be read."""
    frame = frame_of(picture)
    return 1 if frame is None else frame.turned


def _turned(image: Image) -> int:
    try:
        value = image.getexif().get(0x0112, 1)
    except Exception:  # as above
        return 1
    return value if value in range(1, 9) else 1


def stored(box: Box, width: int, height: int, turned: int) -> Region:
    """The region of a box in pixels of the upright picture (``width`` by ``height``)."""
    x0, x1 = (min(max(value / width, 0.0), 1.0) for value in (box.x0, box.x1))
    y0, y1 = (min(max(value / height, 0.0), 1.0) for value in (box.y0, box.y1))
    x, y, w, h = (x0 + x1) / 2, (y0 + y1) / 2, x1 - x0, y1 - y0
    x, y = {
        1: (x, y),
        2: (1 - x, y),
        3: (1 - x, 1 - y),
        4: (x, 1 - y),
        5: (y, x),
        6: (y, 1 - x),
        7: (1 - y, 1 - x),
        8: (1 - y, x),
    }[turned]
    return Region(x, y, h, w) if turned >= 5 else Region(x, y, w, h)


def upright(region: Region, width: int, height: int, turned: int) -> Box:
    """The box of a region in pixels of the upright picture (``width, height``): undoes :func:`stored`."""
    back = {6: 8, 8: 6}.get(turned, turned)
    box = stored(region.box, 1, 1, back).box
    return Box(box.x0 * width, box.y0 * height, box.x1 * width, box.y1 * height)


def found_regions(result: TagResult, turned: int, names: dict[str, str]) -> list[Region]:
    """The faces of a result; ``names`` gives the characters' names as they shall be written.

    A moving picture has none: regions know no time, and managers lay them over the first frame. A face that a
    person named in the picture or beside it has its region there, and gets none from us.
    """
    regions: list[Region] = []
    for face in () if result.moving is not None else result.faces:
        if face.character is not None and face.character.source == PERSON:
            continue
        name = names.get(face.character.tag, "") if face.character else ""
        place = stored(face.box, result.width, result.height, turned)
        regions.append(Region(place.x, place.y, place.width, place.height, name))
    return regions


def regions_property(result: TagResult, turned: int) -> Property:
    """The property ``mwg-rs:Regions``, for a picture of the result's size."""
    width, height = (result.height, result.width) if turned >= 5 else (result.width, result.height)
    return Property(
        "mwg-rs:Regions",
        f'<mwg-rs:Regions xmlns:mwg-rs="{NAMESPACES["mwg-rs"]}" rdf:parseType="Resource">'
        f'<mwg-rs:AppliedToDimensions xmlns:stDim="{NAMESPACES["stDim"]}"'
        f' stDim:w="{width}" stDim:h="{height}" stDim:unit="pixel"/><mwg-rs:RegionList><rdf:Bag>',
        "</rdf:Bag></mwg-rs:RegionList></mwg-rs:Regions>",
        ("mwg-rs:RegionList",),
    )


ANY_REGIONS = regions_property(TagResult(""), 1)
"""The property for reading and taking out, where sizes don't matter."""


def read_regions(packet: bytes) -> list[str]:
    """The notes of all regions in a packet; of those that are not plain rectangles, something unique."""
    return [
        region.note if (region := _read(item)) else f"{_NOTE}other {number}"
        for number, item in enumerate(items(packet, ANY_REGIONS))
    ]


def named_regions(packet: bytes, ours: Collection[str]) -> list[Region]:
    """The rectangles with a person's name, in either form, but for those whose notes are among ``ours``."""
    try:
        standing = [region for item in items(packet, ANY_REGIONS) if (region := _read(item)) is not None]
    except XmlError:
        standing = []
    theirs = [region for region in standing if region.note not in ours]
    return [region for region in (*theirs, *read_microsoft_regions(packet)) if region.name.strip()]


_MICROSOFT = Property("MP:RegionInfo", "", "", ("MPRI:Regions",))


def read_microsoft_regions(packet: bytes) -> list[Region]:
    """The rectangles in which Microsoft's programs have found people. They are never written; what there is
    in another form than theirs is passed over."""
    try:
        found = items(packet, _MICROSOFT)
    except XmlError:
        return []
    regions = []
    for item in found:
        numbers = _value(item, "MPReg:Rectangle").split(",")
        try:
            left, top, width, height = map(float, numbers)
        except ValueError:  # somebody who is in the picture, but nobody has said where
            continue
        name = _value(item, "MPReg:PersonDisplayName")
        regions.append(Region(left + width / 2, top + height / 2, width, height, name))
    return regions


def _read(item: Element) -> Region | None:
    region = content(item)
    area = region.child(qualified("mwg-rs:Area"))
    if area is None or _value(area, "stArea:unit") != "normalized":
        return None
    try:
        x, y, w, h = (float(_value(area, f"stArea:{name}")) for name in "xywh")
    except ValueError:
        return None
    return Region(x, y, w, h, _value(region, "mwg-rs:Name"))


def _value(structure: Element, name: str) -> str:
    """A simple field of a structure, written as an attribute or as an element."""
    for element in (structure, content(structure)):
        if qualified(name) in element.attributes:
            return element.attributes[qualified(name)]
        if (child := element.child(qualified(name))) is not None:
            return child.text
    return ""


def merge_regions(
    existing: Sequence[str],
    ours: Iterable[Region],
    owned: Collection[str],
    deleted: Collection[str],
    elsewhere: Iterable[Region] = (),
) -> Merged:
    """Merge our regions, by their notes, into those that stand there. ``elsewhere`` are people's in another
    form, which keep ours away as well."""
    owned = {note for note in owned if note.startswith(_NOTE)}
    gone = {note for note in deleted if note.startswith(_NOTE)} | (owned - set(existing))
    taken = [*elsewhere, *(_parsed(note) for note in gone | (set(existing) - owned))]
    free = [
        region.note
        for region in ours
        if not any(other is not None and region.is_same_face(other) for other in taken)
    ]
    return merge(existing, free, owned, gone, same=str)


def _parsed(note: str) -> Region | None:
    match = _NUMBERS.fullmatch(note)
    if match is None:
        return None
    x, y, width, height = map(float, match.groups()[:4])
    return Region(x, y, width, height, match[5])


def take_out_regions(existing: Sequence[str], owned: Collection[str]) -> Merged:
    """The list of regions without ours."""
    return take_out(existing, {note for note in owned if note.startswith(_NOTE)})


def write_regions(packet: bytes, wanted: Property, merged: Merged, ours: Iterable[Region]) -> bytes:
    """Bring a packet's regions to the merged list; ``ours`` are the regions behind its new notes."""
    known = {region.note: region for region in ours}
    texts = [_item(known[entry.text]) if entry.place is None else None for entry in merged.entries]
    return edit(packet, wanted, merged.entries, texts)


def _item(region: Region) -> str:
    name = f"<mwg-rs:Name>{escaped(region.name)}</mwg-rs:Name>" if region.name else ""
    return (
        f'<rdf:li xmlns:mwg-rs="{NAMESPACES["mwg-rs"]}" rdf:parseType="Resource">'
        f'<mwg-rs:Area xmlns:stArea="{NAMESPACES["stArea"]}" stArea:x="{region.x:.6f}"'
        f' stArea:y="{region.y:.6f}" stArea:w="{region.width:.6f}" stArea:h="{region.height:.6f}"'
        f' stArea:unit="normalized"/>{name}<mwg-rs:Type>Face</mwg-rs:Type></rdf:li>'
    )
