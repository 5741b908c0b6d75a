"""Commands that other packages add, found without loading any of them.

Reads the same files as :mod:`importlib.metadata`, whose import alone takes half as long as all of click:
every `--help` would have to wait for it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from importlib import import_module
from typing import NamedTuple

_INFO_FOLDERS = (".dist-info", ".egg-info")


class EntryPoint(NamedTuple):
    """An object of an installed package: ``value`` is ``module:attribute``."""

    name: str
    value: str
    package: str

    def load(self) -> object:
        """Import it. Raises whatever goes wrong in the other package."""
        module, _, attribute = self.value.partition(":")
        found: object = import_module(module)
        for part in filter(None, attribute.split(".")):
            found = getattr(found, part)
        return found


def entry_points(group: str) -> dict[str, EntryPoint]:
    """The entry points of ``group`` by name, sorted; of two with one name, the first on the path."""
    found: dict[str, EntryPoint] = {}
    for folder in filter(None, sys.path):
        for info, text in _metadata(folder, f"[{group}]"):
            package = info.partition("-")[0].replace("_", "-")
            for name, value in _section(text, f"[{group}]"):
                found.setdefault(name, EntryPoint(name, value, package))
    return dict(sorted(found.items()))


def _metadata(folder: str, header: str) -> Iterator[tuple[str, str]]:
    """Name of each installed package's information folder, and its list of entry points."""
    try:
        with os.scandir(folder) as entries:
            infos = sorted(entry.name for entry in entries if entry.name.endswith(_INFO_FOLDERS))
    except OSError:  # a zip file, or a folder that is not there
        return
    for info in infos:
        try:
            with open(f"{folder}/{info}/entry_points.txt", encoding="utf-8") as stream:  # noqa: PTH123
                text = stream.read()
        except (OSError, ValueError):
            continue
        if header in text:
            yield info, text


def _section(text: str, header: str) -> Iterator[tuple[str, str]]:
    inside = False
    for line in text.splitlines():
        line = line.strip()
        if line.startswith("["):
            inside = line == header
        elif inside and "=" in line and not line.startswith(("#", ";")):
            name, _, value = line.partition("=")
            yield name.strip(), value.partition("[")[0].strip()  # behind a bracket: extras, which nobody uses
