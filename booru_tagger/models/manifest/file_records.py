"""The section ``files`` of a manifest, and what the section of every network has: its file there, and how its
input is normalised."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from booru_tagger.imaging import Normalisation
from booru_tagger.models.manifest.fields import Table

MANIFEST = "manifest.json"

_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


class FileRecord(NamedTuple):
    """What a file must be: its length in bytes and its SHA-256 as hex."""

    sha256: str
    bytes: int


def read_files(table: Table) -> Mapping[str, FileRecord]:
    """The section ``files``."""
    records = {}
    for name in table.data:
        if not _FILE_NAME.fullmatch(name) or name == MANIFEST:
            table.fail(name, "a file's name may have letters, digits, '.', '_' and '-' only, and no folder")
        entry = table.table(name)
        entry.only("sha256", "bytes")
        digest = entry.text("sha256").lower()
        if not _SHA256.fullmatch(digest):
            entry.fail("sha256", "expected 64 hexadecimal digits")
        records[name] = FileRecord(digest, entry.whole("bytes"))
    return MappingProxyType(records)


def listed_file(table: Table, files: Mapping[str, FileRecord]) -> str:
    name = table.text("file")
    if name not in files:
        table.fail("file", f"{name!r} is not listed under 'files'")
    return name


def read_normalisation(table: Table) -> Normalisation:
    return Normalisation(
        mean=table.triple("mean", low=-10, high=10),
        std=table.triple("std", low=1e-6, high=1e3),
        inside=table.flag("bytes", False),
    )
