"""How good a split is: what leaks from training into the test, and how much of a score that explains."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from booru_export.data.duplicates import Fingerprints, NearPair, families
from booru_export.data.splits import MODES, SHARES, Mode, Part, divide
from booru_export.data.tables import FaceItem
from booru_tagger.imaging import Floats

BLOCK = 512


@dataclass(frozen=True, slots=True)
class JudgedSplit:
    """One way to split, judged.

    ``siblings``: test pictures that have one of their own family (the same group, or a near-duplicate) in
    training. ``untested``: characters without a test picture. ``nearest``: accuracy, on the test, of giving
    each picture the label of the training picture whose small color version is nearest: it recognises
    nobody, it only remembers; ``nan`` without prints.
    """

    mode: Mode
    parts: tuple[Part, ...]
    siblings: int
    untested: int
    nearest: float

    @property
    def counts(self) -> Counter[Part]:
        return Counter(self.parts)

    @property
    def leaking(self) -> float:
        """Share of the test pictures with a sibling in training."""
        return self.siblings / max(1, self.counts["test"])

    def to_json(self) -> dict[str, Any]:
        return {
            "mode": self.mode,
            "counts": dict(self.counts),
            "siblings": self.siblings,
            "leaking": round(self.leaking, 4),
            "untested": self.untested,
            "nearest": None if np.isnan(self.nearest) else round(self.nearest, 4),
        }


def judge_splits(
    items: Sequence[FaceItem],
    pairs: Sequence[NearPair] = (),
    prints: Fingerprints | None = None,
    *,
    seed: int = 0,
    shares: tuple[float, float] = SHARES,
) -> dict[Mode, JudgedSplit]:
    """Split in every way and judge each. ``pairs`` and ``prints`` are those of ``items``, in their order.

    ``grouped`` keeps families together: groups joined with near-duplicates.
    """
    family = families(items, pairs)
    judged: dict[Mode, JudgedSplit] = {}
    for mode in MODES:
        parts = divide(family, mode, seed, shares)
        judged[mode] = judge_split(family, parts, mode, prints)
    return judged


def judge_split(
    family: Sequence[FaceItem], parts: Sequence[Part], mode: Mode, prints: Fingerprints | None = None
) -> JudgedSplit:
    """Judge one split of items whose groups are families."""
    training = {item.group for item, part in zip(family, parts, strict=True) if part == "train"}
    tested = [item for item, part in zip(family, parts, strict=True) if part == "test"]
    return JudgedSplit(
        mode=mode,
        parts=tuple(parts),
        siblings=sum(item.group in training for item in tested),
        untested=len({item.label for item in family} - {item.label for item in tested}),
        nearest=_nearest_accuracy(family, parts, prints) if prints is not None else float("nan"),
    )


def _nearest_accuracy(family: Sequence[FaceItem], parts: Sequence[Part], prints: Fingerprints) -> float:
    names = np.asarray(parts)
    train, test = np.flatnonzero(names == "train"), np.flatnonzero(names == "test")
    if not len(train) or not len(test):
        return float("nan")
    labels = np.asarray([item.label for item in family])
    vectors = _standardised(prints.thumbs)
    right = 0
    for start in range(0, len(test), BLOCK):
        some = test[start : start + BLOCK]
        nearest = train[np.argmax(vectors[some] @ vectors[train].T, axis=1)]
        right += int((labels[nearest] == labels[some]).sum())
    return right / len(test)


def _standardised(thumbs: Floats) -> Floats:
    """Unit vectors without mean, so that a dot product is a correlation."""
    flat = thumbs.reshape(len(thumbs), -1)
    flat = flat - flat.mean(axis=1, keepdims=True)
    unit: Floats = flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-6)
    return unit


def moved(first: JudgedSplit, second: JudgedSplit) -> float:
    """Share of the pictures that are in another part."""
    pairs = list(zip(first.parts, second.parts, strict=True))
    return sum(one != other for one, other in pairs) / max(1, len(pairs))


def explain(judged: dict[Mode, JudgedSplit], chosen: Mode) -> list[str]:
    """The comparison in words, for people."""
    lines = [
        f"{'split':12} {'train':>7} {'valid.':>7} {'test':>7} {'siblings':>9} {'untested':>9} {'memory':>7}"
    ]
    for mode, split in judged.items():
        counts = split.counts
        numbers = " ".join(f"{counts[part]:>7,}" for part in ("train", "validation", "test"))
        memory = "-" if np.isnan(split.nearest) else f"{split.nearest:.3f}"
        mark = "*" if mode == chosen else " "
        lines.append(f"{mode:11}{mark} {numbers} {split.leaking:>9.1%} {split.untested:>9} {memory:>7}")
    random, grouped = judged["random"], judged["grouped"]
    lines += [
        "siblings: test pictures that have a near-duplicate, or one of their group, in training",
        "untested: characters without a test picture",
    ]
    if not np.isnan(random.nearest):
        lines += [
            "memory:   accuracy of naming the training picture that looks most alike, at 8x8 pixels",
            f"A random split flatters by about {random.nearest - grouped.nearest:+.3f} in that measure; "
            f"{moved(random, grouped):.0%} of the pictures change sides between random and grouped.",
        ]
    return lines
