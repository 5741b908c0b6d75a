"""XML taken apart with the place of every element in its bytes, so that it can be edited in place.

ElementTree and minidom write a document anew, and with it every prefix, quote and blank that somebody chose;
here only the spliced bytes change.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from xml.parsers import expat

_DEEPEST = 100
_IN_QUOTES = {ord(letter): f"&#{ord(letter)};" for letter in '"\n\r\t'}
_AHEAD = re.compile(rb"(?:\xef\xbb\xbf|\s)*")
"""What expat does not allow before an XML declaration, but editors put there."""


def escaped(text: str) -> str:
    """The text as it stands between tags. (The standard library's own function loads its web clients.)"""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def quoted_attribute(text: str) -> str:
    """The text as an attribute's value, in quotation marks; line breaks and tabs survive the reading."""
    return f'"{escaped(text).translate(_IN_QUOTES)}"'


class XmlError(Exception):
    """The document is not well formed, or not one that is safe to read."""


@dataclass(slots=True)
class Element:
    """One element: its name and attributes as ``namespace name`` (a blank between), and its bytes' places.

    ``start`` and ``end`` hold the whole element, ``inner`` and ``inner_end`` its content; for an element
    without content (``<a/>``) those two equal ``end``.
    """

    name: str
    attributes: dict[str, str]
    parent: Element | None
    start: int
    inner: int = 0
    inner_end: int = 0
    end: int = 0
    children: list[Element] = field(default_factory=list)
    text: str = ""

    def child(self, name: str) -> Element | None:
        return next((child for child in self.children if child.name == name), None)

    def walk(self) -> Iterator[Element]:
        yield self
        for child in self.children:
            yield from child.walk()


def parse(data: bytes) -> Element:
    """The root element of UTF-8 ``data``, whatever encoding it declares; blanks may stand before it.

    Raises :class:`XmlError`; documents with a DOCTYPE are refused, and with them all entities that could
    grow.
    """
    ahead = _AHEAD.match(data)
    builder = _Builder(ahead.end() if ahead is not None else 0)
    try:
        builder.parser.Parse(data[builder.offset :], True)
    except expat.ExpatError as error:
        raise XmlError(str(error)) from error
    builder.settle(len(data))
    assert builder.root is not None  # expat has no well-formed document without a root
    return builder.root


class _Builder:
    def __init__(self, offset: int) -> None:
        self.offset = offset
        self.root: Element | None = None
        self.open: list[Element] = []
        self.waiting: list[tuple[Element, str]] = []
        self.parser = expat.ParserCreate("UTF-8", namespace_separator=" ")
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text
        self.parser.StartDoctypeDeclHandler = self._doctype
        # Everything else is heard of too: the next event tells where the tag before it ended.
        self.parser.DefaultHandlerExpand = self._other

    def _here(self) -> int:
        """The byte at which the current event begins; settles the ends of the tags before it."""
        place = self._place()
        self.settle(place)
        return place

    def _place(self) -> int:
        return int(self.parser.CurrentByteIndex) + self.offset

    def settle(self, place: int) -> None:
        for element, end in self.waiting:
            setattr(element, end, place)
        self.waiting.clear()

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        place = self._here()
        if len(self.open) >= _DEEPEST:
            raise XmlError(f"elements are nested more than {_DEEPEST} deep")
        element = Element(name, attributes, self.open[-1] if self.open else None, place)
        if element.parent is not None:
            element.parent.children.append(element)
        else:
            self.root = element
        self.open.append(element)
        self.waiting.append((element, "inner"))

    def _end(self, name: str) -> None:
        element = self.open.pop()
        place = self._place()
        if place == element.start:  # <a/>: both events begin at the same byte
            self.waiting = [(element, "inner"), (element, "inner_end")]
        else:
            element.inner_end = self._here()
        self.waiting.append((element, "end"))

    def _text(self, text: str) -> None:
        self._here()
        if self.open:
            self.open[-1].text += text

    def _other(self, data: str) -> None:
        self._here()

    def _doctype(self, *_: Any) -> None:
        raise XmlError("it has a DOCTYPE, which no metadata need and which may hide endless entities")
