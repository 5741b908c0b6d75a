"""Metadata inside JPEG, PNG, WebP and TIFF files, through exiv2: the only door to pyexiv2.

Bytes go in and bytes come out. What comes out was checked: every frame decodes to the same pixels, and all
metadata that are not keywords of ours are still there.
"""

from __future__ import annotations

import hashlib
import io
import threading
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from PIL import Image

from booru_tagger.errors import MissingExtraError

_ALONE = threading.Lock()
"""exiv2's XMP toolkit and pyexiv2's log handling are global: one thread at a time."""

_IPTC_KEYWORDS = "Iptc.Application2.Keywords"
_IPTC_CHARSET = "Iptc.Envelope.CharacterSet"
_UTF8 = "\x1b%G"
_XP_KEYWORDS = "Exif.Image.XPKeywords"
_OUR_XMP = ("Xmp.dc.subject", "Xmp.digiKam.TagsList", "Xmp.lr.hierarchicalSubject", "Xmp.mwg-rs.Regions")

# What describes where things lie in the file: it may change without anything being lost.
_PLACES = frozenset(
    {
        "Exif.Image.ExifTag",
        "Exif.Image.GPSTag",
        "Exif.Image.IPTCNAA",
        "Exif.Image.ImageResources",
        "Exif.Image.StripOffsets",
        "Exif.Image.SubIFDs",
        "Exif.Image.TileOffsets",
        "Exif.Image.XMLPacket",
        "Exif.MakerNote.Offset",
        "Exif.Photo.InteroperabilityTag",
        "Exif.Photo.MakerNote",
        "Exif.Thumbnail.JPEGInterchangeFormat",
        _XP_KEYWORDS,
    }
)
_RAW_BLOCKS = ("exif", "xmp", "photoshop", "XML:com.adobe.xmp", "Raw profile type")
"""Beginnings of the names under which Pillow gives whole blocks that are compared field by field instead."""


class EmbedError(Exception):
    """The metadata cannot be read or written, or the result would lose something."""


@dataclass(frozen=True, slots=True)
class Metadata:
    """The keyword fields of a picture file.

    ``packet`` is its XMP (``b""``: none). ``iptc`` is ``None`` where the format has no IPTC, and where there
    is text in an unknown character set, which declaring ours would spoil.
    """

    packet: bytes
    windows: tuple[str, ...]
    iptc: tuple[str, ...] | None


def load() -> ModuleType:
    """pyexiv2, silenced. Raises :class:`MissingExtraError`."""
    try:
        import pyexiv2
    except (ImportError, OSError) as error:
        raise MissingExtraError(
            f"embedding metadata needs pyexiv2 ({error}): pip install 'booru-tagger[metadata]'"
        ) from error
    pyexiv2.set_log_level(4)  # what it has to say comes as exceptions
    module: ModuleType = pyexiv2
    return module


@contextmanager
def _opened(data: bytes) -> Iterator[Any]:
    pyexiv2 = load()
    with _ALONE:
        try:
            image = pyexiv2.ImageData(data)
            try:
                yield image
            finally:
                image.close()
        except (RuntimeError, ValueError) as error:  # UnicodeDecodeError is among them
            raise EmbedError(f"exiv2 says: {error}") from error


def read_metadata(data: bytes) -> Metadata:
    """The keyword fields of the picture ``data``. Raises :class:`EmbedError` where they cannot be written."""
    with _opened(data) as image:
        access = image.get_access_mode()
        if "write" not in (access["xmp"] or "") or "write" not in (access["exif"] or ""):
            raise EmbedError(f"{image.get_mime_type()} is not a format that metadata can be put into")
        iptc = _raw_iptc(image)
        known = iptc.get(_IPTC_CHARSET) == _UTF8 or all(map(_is_ascii, iptc.values()))
        usable = known and "write" in (access["iptc"] or "")
        windows = image.read_exif("latin-1").get(_XP_KEYWORDS, "")
        return Metadata(
            packet=image.read_raw_xmp().strip().encode(),
            windows=tuple(part.strip() for part in windows.split(";") if part.strip()),
            iptc=tuple(image.read_iptc().get(_IPTC_KEYWORDS, ())) if usable else None,
        )


def _raw_iptc(image: Any) -> dict[str, Any]:
    fields: dict[str, Any] = image.read_iptc("latin-1")
    return fields


def _is_ascii(value: str | list[str]) -> bool:
    return all(map(str.isascii, [value] if isinstance(value, str) else value))


def write_metadata(data: bytes, old: Metadata, new: Metadata) -> bytes:
    """``data`` with its keyword fields changed from ``old`` to ``new``. Raises :class:`EmbedError`."""
    with _opened(data) as image:
        foreign = _foreign(image)
        if new.packet != old.packet:
            if new.packet:
                image.modify_raw_xmp(new.packet.decode())
            else:
                image.clear_xmp()
        if new.windows != old.windows:
            image.modify_exif({_XP_KEYWORDS: ";".join(new.windows) or None})
        if new.iptc != old.iptc:
            _put_iptc(image, new.iptc or ())
        result: bytes = image.get_bytes()
    with _opened(result) as image:
        _compare(foreign, _foreign(image))
    _compare(_decoded(data), _decoded(result))
    return result


def _put_iptc(image: Any, keywords: tuple[str, ...]) -> None:
    if keywords:
        image.modify_iptc({_IPTC_KEYWORDS: list(keywords), _IPTC_CHARSET: _UTF8})
        return
    image.modify_iptc({_IPTC_KEYWORDS: None})
    if set(_raw_iptc(image)) == {_IPTC_CHARSET}:
        image.clear_iptc()


def _foreign(image: Any) -> dict[str, Any]:
    """All metadata that are not ours to change."""
    exif = {key: value for key, value in image.read_exif("latin-1").items() if key not in _PLACES}
    xmp = {key: value for key, value in image.read_xmp("latin-1").items() if not key.startswith(_OUR_XMP)}
    iptc = {
        key: value for key, value in _raw_iptc(image).items() if key not in (_IPTC_KEYWORDS, _IPTC_CHARSET)
    }
    return {**exif, **xmp, **iptc, "colour profile": image.read_icc()}


def _decoded(data: bytes) -> dict[str, Any]:
    """Size, mode and pixels of every frame, and the texts that Pillow finds."""
    found: dict[str, Any] = {}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(data)) as image:
                for number in range(getattr(image, "n_frames", 1)):
                    image.seek(number)
                    pixels = hashlib.sha256(image.tobytes()).hexdigest()
                    found[f"frame {number}"] = (image.size, image.mode, pixels)
                texts = {str(key): value for key, value in image.info.items()}
    except Exception as error:  # Pillow's plugins raise anything on bad data
        raise EmbedError(f"it cannot be decoded to check that no pixel changes ({error})") from error
    return found | {key: _trimmed(value) for key, value in texts.items() if not key.startswith(_RAW_BLOCKS)}


def _trimmed(value: object) -> object:
    """exiv2 ends a JPEG's comment with a zero byte, as some readers expect."""
    return value.rstrip(b"\0") if isinstance(value, bytes) else value


def _compare(before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    """What was there must be there; more may be: Pillow makes up a JPEG's resolution where there is EXIF."""
    for key, value in before.items():
        if after.get(key) != value:
            raise EmbedError(f"the result would differ in {key!r}, so the picture is left as it is")
