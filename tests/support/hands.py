"""People who edit what writers write, each with the tools of one format, for tests of long stories."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol


class Hand(Protocol):
    """A person who edits a sidecar, or a picture's metadata."""

    def start(self, target: Path, tags: Sequence[str]) -> None: ...
    def tags(self, target: Path) -> list[str]: ...
    def add(self, target: Path, tag: str) -> None: ...
    def drop(self, target: Path, tag: str) -> None: ...


class TextHand:
    def __init__(self, gap: str, *, spaces: bool) -> None:
        self.gap = gap
        self.blank = " " if spaces else "_"

    def start(self, target: Path, tags: Sequence[str]) -> None:
        self._store(target, tags)

    def tags(self, target: Path) -> list[str]:
        found = target.read_text().replace(self.gap, "\n").split("\n")
        return [tag.strip().replace(" ", "_") for tag in found if tag.strip()]

    def add(self, target: Path, tag: str) -> None:
        self._store(target, [tag, *self.tags(target)])

    def drop(self, target: Path, tag: str) -> None:
        self._store(target, [other for other in self.tags(target) if other != tag])

    def _store(self, target: Path, tags: Sequence[str]) -> None:
        target.write_text(self.gap.join(tags).replace("_", self.blank))


class JsonHand:
    """Knows that ``tags`` is the list to edit, in our own file and in our part of another program's; tags
    elsewhere in that are read, and left alone."""

    def start(self, target: Path, tags: Sequence[str]) -> None:
        target.write_text('{"source" :"https://example.org",  "rating": "s"}')

    def tags(self, target: Path) -> list[str]:
        whole = json.loads(target.read_text())
        return list(map(_name, [*whole.get("tags", []), *whole.get("booru_tagger", {}).get("tags", [])]))

    def add(self, target: Path, tag: str) -> None:
        self._store(target, lambda tags: [tag, *tags])

    def drop(self, target: Path, tag: str) -> None:
        self._store(target, lambda tags: [entry for entry in tags if _name(entry) != tag])

    def _store(self, target: Path, edit: Callable[[list[Any]], list[Any]]) -> None:
        whole = json.loads(target.read_text())
        if "tags" in _part(whole):
            _part(whole)["tags"] = edit(_part(whole)["tags"])
            target.write_text(json.dumps(whole))


class JsonlHand:
    """Edits the list of tags in the picture's line, once there is one; another picture's line stays."""

    def start(self, target: Path, tags: Sequence[str]) -> None:
        lines = ['{"file_name": "b.png","text":"typed"}', json.dumps({"file_name": "a.png", "tags": tags})]
        target.write_text("\n".join(lines[: 2 if tags else 1]))

    def tags(self, target: Path) -> list[str]:
        return [tag for line in target.read_text().splitlines() for tag in json.loads(line).get("tags", [])]

    def add(self, target: Path, tag: str) -> None:
        self._store(target, lambda tags: [tag, *tags])

    def drop(self, target: Path, tag: str) -> None:
        self._store(target, lambda tags: [other for other in tags if other != tag])

    def _store(self, target: Path, edit: Callable[[list[Any]], list[Any]]) -> None:
        lines = list(map(json.loads, target.read_text().splitlines()))
        for line in lines:
            if "tags" in line:
                line["tags"] = edit(line["tags"])
        target.write_text("\n".join(map(json.dumps, lines)) + "\n")


class XmpHand:
    """Edits the plain keywords of a packet, where there are some, and none of the trees."""

    def start(self, target: Path, tags: Sequence[str]) -> None:
        keywords = "".join(f"<rdf:li>{tag}</rdf:li>" for tag in tags)
        target.write_text(
            '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF\n'
            ' xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about=""\n'
            ' xmlns:dc="http://purl.org/dc/elements/1.1/" dc:source="typed">\n'
            f"<dc:subject><rdf:Bag>{keywords}</rdf:Bag></dc:subject></rdf:Description></rdf:RDF></x:xmpmeta>"
        )

    def tags(self, target: Path) -> list[str]:
        found = KEYWORDS.search(target.read_text())
        return re.findall("<rdf:li>(.*?)</rdf:li>", found[2]) if found else []

    def add(self, target: Path, tag: str) -> None:
        self._store(target, lambda items: f"<rdf:li>{tag}</rdf:li>{items}")

    def drop(self, target: Path, tag: str) -> None:
        self._store(target, lambda items: items.replace(f"<rdf:li>{tag}</rdf:li>", ""))

    def _store(self, target: Path, edit: Callable[[str], str]) -> None:
        text = target.read_text()
        target.write_text(KEYWORDS.sub(lambda found: found[1] + edit(found[2]) + found[3], text))


CHARACTER_SET = "Iptc.Envelope.CharacterSet"


class EmbedHand:
    """Reads and adds plain keywords inside a picture with exiv2, and takes one out of all the plain fields;
    the trees are left alone."""

    def start(self, target: Path, tags: Sequence[str]) -> None:
        self._store(target, {"Xmp.dc.subject": list(tags) or None, "Xmp.xmp.Rating": "4"})

    def tags(self, target: Path) -> list[str]:
        return list(_metadata(target.read_bytes())[0].get("Xmp.dc.subject", []))

    def add(self, target: Path, tag: str) -> None:
        self._store(target, {"Xmp.dc.subject": [tag, *self.tags(target)]})

    def drop(self, target: Path, tag: str) -> None:
        xmp, iptc, exif = _metadata(target.read_bytes())
        windows = exif.get("Exif.Image.XPKeywords", "").split(";")
        self._store(
            target,
            {"Xmp.dc.subject": _without(tag, xmp.get("Xmp.dc.subject", []))},
            {"Iptc.Application2.Keywords": _without(tag, iptc.get("Iptc.Application2.Keywords", []))},
            {"Exif.Image.XPKeywords": ";".join(_without(tag, windows) or ()) or None},
        )

    def _store(
        self,
        target: Path,
        xmp: dict[str, Any],
        iptc: dict[str, Any] | None = None,
        exif: dict[str, Any] | None = None,
    ) -> None:
        import pyexiv2

        image = pyexiv2.ImageData(target.read_bytes())
        image.modify_xmp(xmp)
        image.modify_iptc(iptc or {})
        image.modify_exif(exif or {})
        target.write_bytes(image.get_bytes())
        image.close()


def _without(tag: str, keywords: Sequence[str]) -> list[str] | None:
    """``None`` where nothing is left: exiv2 takes the field away then."""
    return [text for text in keywords if text != tag] or None


def _metadata(data: bytes) -> list[dict[str, Any]]:
    import pyexiv2

    image = pyexiv2.ImageData(data)
    xmp, iptc, exif = image.read_xmp(), image.read_iptc(), image.read_exif()
    image.close()
    if iptc.keys() == {CHARACTER_SET}:  # says how the others are spelled, of which there are none
        iptc = {}
    return [xmp, iptc, exif]


KEYWORDS = re.compile(r"(<dc:subject[^>]*>\s*<rdf:Bag>)(.*?)(</rdf:Bag>)", re.DOTALL)


def _part(whole: dict[str, Any]) -> dict[str, Any]:
    part: dict[str, Any] = whole if "schema" in whole else whole.get("booru_tagger", {})
    return part


def _name(entry: Any) -> str:
    return str(entry["tag"] if isinstance(entry, dict) else entry)


HANDS: dict[str, Hand] = {
    "txt": TextHand(", ", spaces=False),
    "hydrus": TextHand("\n", spaces=True),
    "json": JsonHand(),
    "jsonl": JsonlHand(),
    "xmp": XmpHand(),
    "embed": EmbedHand(),
}
