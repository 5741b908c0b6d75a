"""Writers under test: jobs to give them, and for each format a person who edits its target."""

from __future__ import annotations

import importlib.util
import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from booru_tagger.types import PREFIX, SUFFIX, Box, CharacterMatch, FaceResult, Tag, TagResult
from booru_tagger.writers.base import Job, TagReader, Writer, Written

needs_exiv2 = pytest.mark.skipif(
    importlib.util.find_spec("pyexiv2") is None, reason="needs pyexiv2, another program for metadata"
)

WRITERS = ("txt", "hydrus", "json", "jsonl", "xmp", pytest.param("embed", marks=needs_exiv2))
SIDECARS = WRITERS[:5]
"""All but the one whose target is the picture itself."""

_CATEGORIES = {"hatsune_miku": "character", "vocaloid": "copyright"}


def tags(*names: str) -> tuple[Tag, ...]:
    return tuple(Tag(name, _CATEGORIES.get(name, "general"), 0.9, "measured") for name in names)


def draw(picture: Path, **options: Any) -> Path:
    """A small picture at that path, in the format its extension says."""
    image = Image.linear_gradient("L").resize((60, 40)).convert("RGB")
    image.putpixel((3, 5), (255, 0, 0))
    image.save(picture, **options)
    return picture


def job(
    writer: Writer,
    picture: Path,
    *names: str,
    after: Written | None = None,
    first: str = "",
    last: str = "",
    **more: Any,
) -> Job:
    """Write ``names``, one face among them where there is a character; ``after`` the writing before.
    ``first`` and ``last`` are what the policy puts at the ends."""
    character = next((name for name in names if name in _CATEGORIES), None)
    match = CharacterMatch(character, 0.97) if character else None
    faces = (FaceResult(Box(10, 5, 30, 25), 0.99, match),) if character else ()
    result = TagResult(str(picture), 60, 40, faces=faces, tags=tags(*names), model="m")
    if after is not None:
        more = {"owned": after.owned, "deleted": after.deleted, **more}
    head, tail = (
        [Tag(name, "general", 1.0, source)] if name else []
        for name, source in ((first, PREFIX), (last, SUFFIX))
    )
    return Job(picture, target_of(writer, picture), result, (*head, *tags(*names), *tail), **more)


def target_of(writer: Writer, picture: Path) -> Path:
    target = writer.target(picture)
    assert target is not None
    return target


def write(writer: Writer, picture: Path, *names: str, **more: Any) -> Written:
    """Write ``names``; see :func:`job`."""
    return writer.write(job(writer, picture, *names, **more))


def read(writer: Writer, picture: Path) -> tuple[str, ...]:
    """The tags in the target that the writer would choose now."""
    assert isinstance(writer, TagReader)
    return writer.read(picture, target_of(writer, picture))


def remove(writer: Writer, picture: Path, owned: frozenset[str]) -> Written:
    """Take ``owned`` out of the target that the writer would choose now."""
    return writer.remove(picture, target_of(writer, picture), owned)


def spelled(writer: Writer, *names: str) -> list[str]:
    """Those tags as they stand in the writer's target."""
    if writer.name != "hydrus":
        return list(names)
    spaces = {"hatsune_miku": "character:hatsune miku", "vocaloid": "series:vocaloid"}
    return [spaces.get(name, name.replace("_", " ")) for name in names]


def leftovers(folder: Path) -> list[str]:
    """Files of ours that ought to be gone."""
    return sorted(path.name for path in folder.rglob(".booru-tagger*"))


class Person:
    """Somebody who edits a target by hand or with a program that knows nothing of us."""

    def start(self, target: Path, names: Sequence[str]) -> None:
        """Make a target of their own, with things in it that are none of our business."""
        raise NotImplementedError

    def keep(self, target: Path, wanted: Iterable[str]) -> None:
        """Leave of the standing tags just these, in this order."""
        raise NotImplementedError

    def foreign(self, target: Path) -> Any:
        """What in the target is none of our business, to be compared."""
        raise NotImplementedError


class TextPerson(Person):
    def __init__(self, gap: str) -> None:
        self.gap = gap

    def start(self, target: Path, names: Sequence[str]) -> None:
        target.write_bytes(self.gap.join(names).encode())

    def keep(self, target: Path, wanted: Iterable[str]) -> None:
        target.write_text(self.gap.join(wanted))

    def foreign(self, target: Path) -> Any:
        return None


class JsonPerson(Person):
    def start(self, target: Path, names: Sequence[str]) -> None:
        by_hand = {"schema": 1, "faces": [], "tags": list(names), "rating": 5, "note": "月"}
        target.write_text(json.dumps(by_hand, indent=4))

    def keep(self, target: Path, wanted: Iterable[str]) -> None:
        whole = json.loads(target.read_text())
        known = {entry["tag"] if isinstance(entry, dict) else entry: entry for entry in whole["tags"]}
        whole["tags"] = [known.get(name, name) for name in wanted]
        target.write_text(json.dumps(whole))

    def foreign(self, target: Path) -> Any:
        whole = json.loads(target.read_text())
        return whole["rating"], whole["note"]


class JsonlPerson(Person):
    name = "a.png"

    def start(self, target: Path, names: Sequence[str]) -> None:
        mine = json.dumps(
            {"license": "CC0", "file_name": self.name, "tags": list(names)}, separators=(",", ":")
        )
        target.write_text('{"file_name" : "other.png", "text":"\\u6708"}\nno json at all\n' + mine)

    def keep(self, target: Path, wanted: Iterable[str]) -> None:
        lines = target.read_text().split("\n")
        for number, line in enumerate(lines):
            if json.dumps(self.name) in line:
                lines[number] = json.dumps(json.loads(line) | {"tags": list(wanted)})
        target.write_text("\n".join(lines))

    def foreign(self, target: Path) -> Any:
        lines = target.read_text().split("\n")
        return lines[:2], [json.loads(line)["license"] for line in lines[2:] if line]


_NAMESPACES = {
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "dc": "http://purl.org/dc/elements/1.1/",
    "digiKam": "http://www.digikam.org/ns/1.0/",
    "lr": "http://ns.adobe.com/lightroom/1.0/",
    "xmp": "http://ns.adobe.com/xap/1.0/",
}
_LI = f"{{{_NAMESPACES['rdf']}}}li"


class XmpPerson(Person):
    """Works with a program that writes the whole packet anew, in its own manner."""

    def start(self, target: Path, names: Sequence[str]) -> None:
        listed = "".join(f"\n\t<r:li>{name}</r:li>" for name in names)
        declared = " ".join(
            f'xmlns:{prefix}="{uri}"' for prefix, uri in _NAMESPACES.items() if prefix != "rdf"
        )
        target.write_text(
            "<?xpacket begin='' id='W5M0MpCehiHzreSzNTczkc9d'?><!-- mine -->"
            f'<r:RDF xmlns:r="{_NAMESPACES["rdf"]}">'
            f"<r:Description r:about='' {declared} xmp:Rating = \"4\">\n"
            f"<xmp:Label>月 &amp; 日</xmp:Label><dc:subject><r:Bag>{listed}\n</r:Bag></dc:subject>"
            '</r:Description></r:RDF><?xpacket end="w"?>'
        )

    def keep(self, target: Path, wanted: Iterable[str]) -> None:
        tree = ET.ElementTree(ET.fromstring(target.read_text()))
        subject = tree.find(".//dc:subject/rdf:Bag", _NAMESPACES)
        assert subject is not None
        for item in list(subject):
            subject.remove(item)
        for name in wanted:
            ET.SubElement(subject, _LI).text = name
        tree.write(target, encoding="utf-8")

    def foreign(self, target: Path) -> Any:
        root = ET.fromstring(target.read_text())
        rating = [node.get(f"{{{_NAMESPACES['xmp']}}}Rating") for node in root.iter()]
        return [value for value in rating if value], root.findtext(".//xmp:Label", "", _NAMESPACES)


class EmbedPerson(Person):
    """Works with exiv2 by itself: adds keywords in one field, and takes them out of all flat ones."""

    def start(self, target: Path, names: Sequence[str]) -> None:
        fields = {"Xmp.dc.subject": list(names), "Xmp.xmp.Rating": "4"} if names else {"Xmp.xmp.Rating": "4"}
        self._modify(target, fields)

    def keep(self, target: Path, wanted: Iterable[str]) -> None:
        import pyexiv2

        wanted = list(wanted)
        image = pyexiv2.ImageData(target.read_bytes())
        listed = image.read_iptc().get("Iptc.Application2.Keywords", [])
        windows = image.read_exif().get("Exif.Image.XPKeywords", "").split(";")
        image.modify_xmp({"Xmp.dc.subject": wanted or None})
        image.modify_iptc({"Iptc.Application2.Keywords": [text for text in listed if text in wanted] or None})
        image.modify_exif({"Exif.Image.XPKeywords": ";".join(t for t in windows if t in wanted) or None})
        target.write_bytes(image.get_bytes())
        image.close()

    def foreign(self, target: Path) -> Any:
        import pyexiv2

        with Image.open(target) as image:
            pixels = image.tobytes()
        data = pyexiv2.ImageData(target.read_bytes())
        rating = data.read_xmp()["Xmp.xmp.Rating"]
        data.close()
        return pixels, rating

    def _modify(self, target: Path, fields: dict[str, Any]) -> None:
        import pyexiv2

        image = pyexiv2.ImageData(target.read_bytes())
        image.modify_xmp(fields)
        target.write_bytes(image.get_bytes())
        image.close()


PEOPLE: dict[str, Person] = {
    "txt": TextPerson(" ,\t"),
    "hydrus": TextPerson("\r\n"),
    "json": JsonPerson(),
    "jsonl": JsonlPerson(),
    "xmp": XmpPerson(),
    "embed": EmbedPerson(),
}


def keywords_with_exiftool(output: str, field: str) -> str:
    """A field's value in what ``exiftool`` prints."""
    match = re.search(rf"^{re.escape(field)}\s*: (.*)$", output, re.MULTILINE)
    return match[1] if match else ""
