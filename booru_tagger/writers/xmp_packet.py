"""XMP packets, edited in place: a packet goes in as bytes and comes out with one list changed.

Properties that we add stand in an ``rdf:Description`` of their own, which XMP joins with the others of the
same subject; so taking them out again leaves the packet as it was, and nothing foreign is ever written anew.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from booru_tagger.files.text import encoding_of
from booru_tagger.writers.layout import ListLayout
from booru_tagger.writers.merge import MergedTag
from booru_tagger.writers.xml_text import Element, XmlError, parse, quoted_attribute

NAMESPACES = {
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "dc": "http://purl.org/dc/elements/1.1/",
    "digiKam": "http://www.digikam.org/ns/1.0/",
    "lr": "http://ns.adobe.com/lightroom/1.0/",
    "MP": "http://ns.microsoft.com/photo/1.2/",
    "MPRI": "http://ns.microsoft.com/photo/1.2/t/RegionInfo#",
    "MPReg": "http://ns.microsoft.com/photo/1.2/t/Region#",
    "mwg-rs": "http://www.metadataworkinggroup.com/schemas/regions/",
    "stArea": "http://ns.adobe.com/xmp/sType/Area#",
    "stDim": "http://ns.adobe.com/xap/1.0/sType/Dimensions#",
}

_UTF32 = {codecs.BOM_UTF32_LE: "utf-32-le", codecs.BOM_UTF32_BE: "utf-32-be"}
_DECLARED = re.compile(
    rb"""(?:\xef\xbb\xbf|\s)*<\?xml\s[^>]*?\bencoding\s*=\s*["']([A-Za-z][A-Za-z0-9._-]*)["']"""
)

EMPTY = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n'
    '<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="booru-tagger">\n'
    f' <rdf:RDF xmlns:rdf="{NAMESPACES["rdf"]}">\n'
    " </rdf:RDF>\n"
    "</x:xmpmeta>\n"
    '<?xpacket end="w"?>\n'
).encode()
"""A packet without properties."""


def qualified(name: str) -> str:
    """``dc:subject`` as :class:`Element` names it."""
    prefix, _, local = name.partition(":")
    return f"{NAMESPACES[prefix]} {local}"


_RDF, _LI, _ABOUT = qualified("rdf:RDF"), qualified("rdf:li"), qualified("rdf:about")
_DESCRIPTION = qualified("rdf:Description")
_CONTAINERS = tuple(map(qualified, ("rdf:Bag", "rdf:Seq", "rdf:Alt")))


@dataclass(frozen=True, slots=True)
class Property:
    """A top-level property that holds a list.

    ``path`` leads from the property to the element around the list (``()``: the property itself);
    ``opening`` and ``closing`` are what stands around the items where we write the property anew.
    """

    name: str
    opening: str
    closing: str
    path: tuple[str, ...] = ()


def to_utf8(data: bytes) -> tuple[bytes, str]:
    """The packet in UTF-8, and the encoding to give it back in by :func:`from_utf8`.

    UTF-16 and UTF-32 are known by their marks or first bytes, others by the XML declaration. Raises
    :class:`XmlError`.
    """
    encoding = _encoding(data)
    try:
        packet = data.decode(encoding)
    except UnicodeDecodeError as error:
        raise XmlError(str(error)) from error
    if packet.encode(encoding) != data:
        raise XmlError(f"its {encoding} cannot be written as it was")
    return packet.encode(), encoding


def from_utf8(packet: bytes, encoding: str) -> bytes:
    """The packet in its own encoding again; letters that it does not have become references."""
    return packet.decode().encode(encoding, "xmlcharrefreplace")


def _encoding(data: bytes) -> str:
    for mark, encoding in _UTF32.items():
        if data.startswith(mark):
            return encoding
    encoding, _ = encoding_of(data)
    declared = _DECLARED.match(data)
    if encoding != "utf-8" or declared is None:
        return encoding
    try:
        name = codecs.lookup(declared[1].decode()).name
    except LookupError as error:
        raise XmlError(
            f"it is declared to be in {declared[1].decode()!r}, which is not a known encoding"
        ) from error
    # What could be read byte by byte so far is not UTF-16, whatever it says.
    return "utf-8" if name.startswith(("utf", "ascii")) else name


def items(packet: bytes, wanted: Property) -> list[Element]:
    """The ``rdf:li`` elements of a property, in order. Raises :class:`XmlError`."""
    found = _find(parse(packet), wanted.name)
    return [] if found is None else _list_items(_container(found, wanted))


def is_empty(packet: bytes) -> bool:
    """Whether no property is left."""
    return not any(node.children or set(node.attributes) - {_ABOUT} for node in _rdf(parse(packet)).children)


def edit(packet: bytes, wanted: Property, entries: Sequence[MergedTag], texts: Sequence[str | None]) -> bytes:
    """Bring a property's list to ``entries``; ``texts`` are the XML of their items, ``None`` for those that
    stay as they stand.

    A list that is left without items goes, and so does a description that is left without properties. Raises
    :class:`XmlError`.
    """
    root = parse(packet)
    found = _find(root, wanted.name)
    if found is None:
        return _add(packet, _rdf(root), wanted, [text for text in texts if text]) if texts else packet
    container = _container(found, wanted)
    if not entries and not container.children:
        return packet
    if not entries and len(_list_items(container)) == len(container.children):
        return _drop(packet, found)
    return _follow(packet, container, entries, texts)


def _rdf(root: Element) -> Element:
    for element in root.walk():
        if element.name == _RDF:
            return element
    raise XmlError("it has no rdf:RDF in it")


def _find(root: Element, name: str) -> Element | None:
    name = qualified(name)
    for node in _rdf(root).children:
        if name in node.attributes:
            raise XmlError(f"{name.split()[-1]} is written as an attribute, but should be a list")
        if (found := node.child(name)) is not None:
            return found
    return None


def _container(found: Element, wanted: Property) -> Element:
    element: Element | None = found
    for step in wanted.path:
        element = content(element).child(qualified(step)) if element is not None else None
    if element is not None and [child.name in _CONTAINERS for child in element.children] == [True]:
        return element.children[0]
    raise XmlError(f"its {wanted.name} is not a list")


def content(element: Element) -> Element:
    """Where the fields of a structure stand: in the element itself, or in an ``rdf:Description`` inside."""
    return element.child(_DESCRIPTION) or element


def _list_items(container: Element) -> list[Element]:
    return [child for child in container.children if child.name == _LI]


def _follow(
    packet: bytes, container: Element, entries: Sequence[MergedTag], texts: Sequence[str | None]
) -> bytes:
    standing = _list_items(container)
    opening, inside, closing = _opened(packet, container)
    layout = _layout(packet, inside, container, standing)
    blank = layout.gap(layout.before)
    raw = [
        _at_home(text, opening) if text is not None else layout.items[entry.place or 0]
        for entry, text in zip(entries, texts, strict=True)
    ]
    layout.follow(entries, blank if not blank.strip() else "", raw)
    changed = (opening + str(layout) + closing).encode()
    return packet[: container.start] + changed + packet[container.end :]


def _opened(packet: bytes, element: Element) -> tuple[str, str, str]:
    """Start tag, content and end tag; an element like ``<a/>`` gets an end tag."""
    if element.inner_end < element.end:
        cuts = element.start, element.inner, element.inner_end, element.end
        opening, inside, closing = (packet[a:b].decode() for a, b in pairwise(cuts))
        return opening, inside, closing
    tag = packet[element.start : element.end].decode().removesuffix("/>").rstrip()
    return tag + ">", "", f"</{_raw_name(tag)}>"


def _layout(packet: bytes, inside: str, container: Element, standing: Sequence[Element]) -> ListLayout:
    if not standing:
        return ListLayout(inside, [], [], "")
    cuts = [container.inner]
    for element in standing:
        cuts += [element.start, element.end]
    cuts.append(container.inner_end)
    parts = [packet[a:b].decode() for a, b in pairwise(cuts)]
    return ListLayout(parts[0], parts[1::2], parts[2:-1:2], parts[-1])


def _raw_name(tag: str) -> str:
    match = re.match(r"<([^\s/>]+)", tag)
    return match[1] if match else ""


def _at_home(item: str, opening: str) -> str:
    """An item made with the prefix ``rdf``, for a list that may know RDF by another."""
    if _raw_name(opening).startswith("rdf:"):
        return item
    return item.replace("<rdf:li", f'<rdf:li xmlns:rdf="{NAMESPACES["rdf"]}"', 1)


def _add(packet: bytes, rdf: Element, wanted: Property, texts: Sequence[str]) -> bytes:
    about = next((node.attributes[_ABOUT] for node in rdf.children if _ABOUT in node.attributes), "")
    lines = [
        f'<rdf:Description xmlns:rdf="{NAMESPACES["rdf"]}" rdf:about={quoted_attribute(about)}>',
        " " + wanted.opening,
        *("   " + text for text in texts),
        " " + wanted.closing,
        "</rdf:Description>",
    ]
    block = "".join(f"\n  {line}" for line in lines).encode()
    if rdf.children:
        place = rdf.children[-1].end
        return packet[:place] + block + packet[place:]
    opening, inside, closing = _opened(packet, rdf)
    return packet[: rdf.start] + opening.encode() + block + (inside + closing).encode() + packet[rdf.end :]


def _drop(packet: bytes, found: Element) -> bytes:
    node = found.parent
    assert node is not None  # a property stands in a description
    alone = len(node.children) == 1 and not set(node.attributes) - {_ABOUT}
    gone = node if alone else found
    start = len(packet[: gone.start].rstrip(b" \t\r\n"))
    return packet[:start] + packet[gone.end :]
