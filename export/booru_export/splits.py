"""Dividing a data set so that no picture of one side has a sibling on another."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from typing import Literal, TypeAlias

from booru_export.dataset import FaceItem, Scene

Part: TypeAlias = Literal["train", "validation", "test"]

SHARES = (0.08, 0.08)
"""Shares of the validation and of the test part."""


def split_faces(items: Sequence[FaceItem], seed: int = 0) -> dict[Part, list[FaceItem]]:
    """Split by group, character by character, so that each has its share of every part.

    Groups are ordered by a hash of seed and name: adding pictures later moves no group that was there before
    across more than the border. A character with few groups keeps at least one for training.
    """
    part_of: dict[str, Part] = {}
    groups: dict[str, set[str]] = defaultdict(set)
    for item in items:
        groups[item.label].add(item.group)
    for label in sorted(groups):
        free = sorted(
            (name for name in groups[label] if name not in part_of), key=lambda name: _draw(seed, name)
        )
        validation, test = (min(round(len(free) * share + 0.3), (len(free) - 1) // 2) for share in SHARES)
        for index, name in enumerate(free):
            part_of[name] = (
                "validation" if index < validation else "test" if index < validation + test else "train"
            )
    parts: dict[Part, list[FaceItem]] = {"train": [], "validation": [], "test": []}
    for item in items:
        parts[part_of[item.group]].append(item)
    return parts


def split_scenes(scenes: Sequence[Scene], seed: int = 0) -> dict[Part, list[Scene]]:
    """Split illustrations at random, each by a hash of its own file name."""
    parts: dict[Part, list[Scene]] = {"train": [], "validation": [], "test": []}
    for scene in scenes:
        draw = _draw(seed, scene.path.name)
        part: Part = "validation" if draw < SHARES[0] else "test" if draw < sum(SHARES) else "train"
        parts[part].append(scene)
    return parts


def _draw(seed: int, name: str) -> float:
    """A number from 0 to 1 that depends on nothing but its arguments."""
    digest = hashlib.sha256(f"{seed}:{name}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64
