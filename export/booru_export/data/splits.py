"""Dividing a data set, above all so that no picture of one side has a sibling on another."""

from __future__ import annotations

import hashlib
import random
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Literal, TypeAlias, get_args

from booru_export.data.tables import FaceItem, Scene

Part: TypeAlias = Literal["train", "validation", "test"]
PARTS: tuple[Part, ...] = get_args(Part)
Mode: TypeAlias = Literal["random", "stratified", "grouped"]
MODES: tuple[Mode, ...] = get_args(Mode)

SHARES = (0.08, 0.08)
"""Shares of the validation and of the test part."""

SceneKind: TypeAlias = Literal["illustrations", "posters", "hard"]
SCENE_KINDS: tuple[SceneKind, ...] = get_args(SceneKind)
SCENE_SHARES: Mapping[SceneKind, tuple[float, float]] = MappingProxyType(
    {"illustrations": (0.08, 0.43), "posters": SHARES, "hard": (0.08, 0.22)}
)
"""The same for whole pictures. Validation has one share of all kinds, and tests grow at their upper end only:
what was held out once still is."""

NO_GROUPS_TO_SPARE, FEW_GROUPS, MANY_GROUPS = 3, 8, 20
"""A character with no more groups than the first is only learned from, with fewer than the second mostly."""
FEW_SHARE = 0.2
"""Share of the characters with few groups of which one is for validation; as many give one for the test."""
ENOUGH_TO_ENROL = 6
LEFT_OUT_RARE, LEFT_OUT_COMMON = 0.05, 0.09


def split_faces(
    items: Sequence[FaceItem], seed: int = 0, shares: tuple[float, float] = SHARES
) -> dict[Part, list[FaceItem]]:
    """Split by group, character by character, so that each has its share of every part.

    Groups are ordered by a hash of seed and name: adding pictures later moves no group that was there before
    across more than the border. A character with few groups keeps at least one for training. A picture whose
    ``split`` was decided keeps it, and takes its group along where that has pictures without one.
    """
    part_of = _decided(items)
    groups: dict[str, set[str]] = defaultdict(set)
    for item in items:
        groups[item.label].add(item.group)
    for label in sorted(groups):
        free = sorted(
            (name for name in groups[label] if name not in part_of), key=lambda name: _draw(seed, name)
        )
        validation, test = _held_out(label, len(free), seed, shares)
        for index, name in enumerate(free):
            part_of[name] = (
                "validation" if index < validation else "test" if index < validation + test else "train"
            )
    parts: dict[Part, list[FaceItem]] = {"train": [], "validation": [], "test": []}
    for item in items:
        parts[_part(item.split) or part_of[item.group]].append(item)
    return parts


def _held_out(label: str, groups: int, seed: int, shares: tuple[float, float]) -> tuple[int, int]:
    """How many of a character's groups go to validation and test.

    Of a character with very few, most pictures must be learned from: one group goes to one of the parts, for
    some of the characters only.
    """
    if groups >= FEW_GROUPS:
        validation, test = (max(0, min(round(groups * share + 0.3), (groups - 1) // 2)) for share in shares)
        return validation, test
    if groups <= NO_GROUPS_TO_SPARE:
        return 0, 0
    drawn = _draw(seed, f"character {label}")
    first, second = FEW_SHARE * shares[0] / SHARES[0], FEW_SHARE * shares[1] / SHARES[1]
    return int(drawn < first), int(first <= drawn < first + second)


def left_out(items: Sequence[FaceItem], seed: int = 0) -> set[str]:
    """Characters to keep out of training whole, so that there are strangers to judge by, and to enrol.

    Chosen by a hash of their name among those of which the table tells the kind: :data:`LEFT_OUT_RARE` of
    those with few groups, and :data:`LEFT_OUT_COMMON` of those with enough for enrolment. Whoever has many is
    learned.
    """
    groups: dict[str, set[str]] = defaultdict(set)
    for item in items:
        groups[item.label].add(item.group)
    for item in items:
        if not item.kind:
            groups.pop(item.label, None)
    chosen = set()
    for label, names in groups.items():
        share = LEFT_OUT_RARE if len(names) < ENOUGH_TO_ENROL else LEFT_OUT_COMMON
        if len(names) < MANY_GROUPS and _draw(seed, f"left out {label}") < share:
            chosen.add(label)
    return chosen


def split_strangers(items: Sequence[FaceItem], seed: int = 0) -> dict[Part, list[FaceItem]]:
    """Divide the faces of characters that a bundle was not trained on: whole characters, one half each.

    As with the faces of known characters, chances and thresholds are fitted on ``validation``, so the figures
    of ``test`` are of people whom nothing was fitted on. Chosen by a hash of the name; ``train`` is empty.
    """
    parts: dict[Part, list[FaceItem]] = {"train": [], "validation": [], "test": []}
    for item in items:
        fits = _draw(seed, f"stranger {item.label}") < 0.5
        parts["validation" if fits else "test"].append(item)
    return parts


def _part(name: str) -> Part | None:
    return next((part for part in PARTS if part == name), None)


def _decided(items: Sequence[FaceItem]) -> dict[str, Part]:
    """The part of each group of which pictures have one already: that of the most."""
    counts: dict[str, Counter[Part]] = defaultdict(Counter)
    for item in items:
        if part := _part(item.split):
            counts[item.group][part] += 1
    return {group: count.most_common(1)[0][0] for group, count in counts.items()}


def divide(
    items: Sequence[FaceItem], mode: Mode, seed: int = 0, shares: tuple[float, float] = SHARES
) -> list[Part]:
    """The part of each picture, decided anew.

    ``random`` shuffles pictures, whoever is on them and wherever they come from: what papers mostly do.
    ``stratified`` does so character by character. ``grouped`` keeps each group on one side, as
    :func:`split_faces`; for near-duplicates, make groups of them first
    (:func:`booru_export.data.duplicates.families`).
    """
    if mode == "random":
        return _shuffled([list(range(len(items)))], len(items), seed, shares)
    if mode == "stratified":
        of_label: dict[str, list[int]] = defaultdict(list)
        for index, item in enumerate(items):
            of_label[item.label].append(index)
        return _shuffled([of_label[label] for label in sorted(of_label)], len(items), seed, shares)
    bare = [FaceItem(item.path, item.label, item.source, item.group) for item in items]
    parts = split_faces(bare, seed, shares)
    part_of = {id(item): part for part, members in parts.items() for item in members}
    return [part_of[id(item)] for item in bare]


def _shuffled(
    heaps: Sequence[Sequence[int]], count: int, seed: int, shares: tuple[float, float]
) -> list[Part]:
    """Take each heap's shares at random; a heap of one or two pictures is for training."""
    parts: list[Part] = ["train"] * count
    draw = random.Random(seed)
    for heap in heaps:
        order = list(heap)
        draw.shuffle(order)
        validation, test = (min(round(len(order) * share), (len(order) - 1) // 2) for share in shares)
        for index in order[:validation]:
            parts[index] = "validation"
        for index in order[validation : validation + test]:
            parts[index] = "test"
    return parts


def kind_of(scene: Scene) -> SceneKind:
    """What a scene is for judgement, by its source."""
    if scene.source.startswith("hard"):
        return "hard"
    return "posters" if scene.source == "covers" else "illustrations"


def split_scenes(scenes: Sequence[Scene], seed: int = 0) -> dict[Part, list[Scene]]:
    """Split whole pictures at random, each by a hash of its group, or of its file name where it has none.

    Of kinds with few heads more are held out (``SCENE_SHARES``), so that the test means something for each.
    """
    parts: dict[Part, list[Scene]] = {"train": [], "validation": [], "test": []}
    for scene in scenes:
        draw, (validation, test) = _draw(seed, scene.group or scene.path.name), SCENE_SHARES[kind_of(scene)]
        part: Part = "validation" if draw < validation else "test" if draw < validation + test else "train"
        parts[part].append(scene)
    return parts


def _draw(seed: int, name: str) -> float:
    """A number from 0 to 1 that depends on nothing but its arguments."""
    digest = hashlib.sha256(f"{seed}:{name}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64
