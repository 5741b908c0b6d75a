"""What is learnt of a picture's file while its bytes are at hand, so that nobody reads it once more."""

from __future__ import annotations

from booru_tagger.files.stamps import sha256_of_bytes
from booru_tagger.types import Content

_SIGNS = (
    b"http://www.metadataworkinggroup.com/schemas/regions/",
    b"http://ns.microsoft.com/photo/1.2/t/Region",
)
"""Namespaces of both kinds of regions; a file without either need not be taken apart. In full, because a long
text is searched for in a quarter of the time that a short one takes."""


def content_of(data: bytes) -> Content:
    return Content(sha256_of_bytes(data), may_name_faces(data))


def may_name_faces(data: bytes) -> bool:
    """Whether there may be regions in these bytes of a picture or of XMP."""
    return any(sign in data for sign in _SIGNS)
