"""Prints what the changelog says of a version; fails where tag, pyproject.toml and changelog do not agree.

Usage: ``python .ci/release_notes.py v0.2.0``.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]


def notes(tag: str) -> str:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    if tag != f"v{version}":
        raise SystemExit(f"the tag is {tag}, but pyproject.toml has version {version}")
    sections = re.split(r"^## \[", (ROOT / "CHANGELOG.md").read_text("utf-8"), flags=re.MULTILINE)
    found = [section for section in sections if section.startswith(f"{version}]")]
    if not found:
        raise SystemExit(f"CHANGELOG.md says nothing of {version}")
    return found[0].partition("\n")[2].strip()


if __name__ == "__main__":
    print(notes(sys.argv[1]))
