"""A class name means one thing in the whole tree, so that a reader never has to ask which one is meant."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_no_two_public_classes_share_a_name() -> None:
    homes: dict[str, list[str]] = defaultdict(list)
    for package in (ROOT / "booru_tagger", ROOT / "export" / "booru_export"):
        for path in sorted(package.rglob("*.py")):
            for node in ast.parse(path.read_text("utf-8")).body:
                if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                    homes[node.name].append(str(path.relative_to(ROOT)))
    assert len(homes) > 200
    assert {name: where for name, where in homes.items() if len(where) > 1} == {}
