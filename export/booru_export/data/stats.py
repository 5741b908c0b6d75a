"""What is in a data set: pictures per character, sizes, copies, labels that may mean the same."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from booru_export.data.duplicates import Fingerprints, NearPair, exact_copies, near_pairs, take_prints
from booru_export.data.spellings import SimilarLabels, similar_labels
from booru_export.data.tables import FaceItem
from booru_tagger.errors import ImageError

FEW = 100
"""Pictures of a character below which a classifier can be expected to do badly on it."""
MANY = 150
"""Characters from which on they are told by series and by number of pictures rather than one by one."""
COUNTS = ((1, 3), (4, 7), (8, 19), (20, None))
"""Numbers of pictures, from and to, that characters are told apart by."""
SMALL = 64
"""Pixels of the shorter side below which a face has little detail left."""


@dataclass(frozen=True, slots=True)
class PictureSizes:
    """Widths and heights in pixels: smallest, median and largest of each; ``small`` pictures below 64."""

    width: tuple[int, int, int]
    height: tuple[int, int, int]
    small: int


def count_name(low: int, high: int | None) -> str:
    """One of :data:`COUNTS` in words."""
    return f"{low}+" if high is None else f"{low}-{high}"


@dataclass(frozen=True, slots=True)
class SeriesCount:
    """One series in a data set; ``fewest`` and ``most`` pictures of a character of it."""

    series: str
    characters: int
    pictures: int
    fewest: int
    most: int


@dataclass(frozen=True, slots=True)
class DataStats:
    """All that ``booru-tagger dataset stats`` tells. Pairs and copies hold indices into ``items``."""

    items: Sequence[FaceItem]
    characters: tuple[tuple[str, int], ...]
    sources: Counter[str]
    splits: Counter[str]
    few: int
    sizes: PictureSizes | None
    copies: list[list[int]]
    near: list[NearPair]
    alike: list[SimilarLabels]
    unreadable: list[ImageError]

    @property
    def series(self) -> list[SeriesCount]:
        """Those that the table tells, that with most pictures first; characters without one are together."""
        name_of = {item.label: item.series for item in self.items}
        counts: dict[str, list[int]] = defaultdict(list)
        for label, count in self.characters:
            counts[name_of[label]].append(count)
        found = [SeriesCount(name, len(own), sum(own), min(own), max(own)) for name, own in counts.items()]
        return sorted(found, key=lambda one: (-one.pictures, one.series))

    @property
    def by_count(self) -> list[tuple[str, int, int]]:
        """How many characters have so many pictures, and how many pictures these are together."""
        counts = [count for _, count in self.characters]
        groups = [
            (count_name(low, high), [count for count in counts if low <= count <= (high or count)])
            for low, high in COUNTS
        ]
        return [(name, len(own), sum(own)) for name, own in groups]

    @property
    def rare(self) -> list[str]:
        """Characters with fewer than ``few`` pictures."""
        return [label for label, count in self.characters if count < self.few]

    def contradictions(self) -> list[tuple[int, int]]:
        """Pairs of the same or nearly the same picture under two labels: one of them is wrong."""
        return [pair for pair in self._pairs() if len({self.items[index].label for index in pair}) == 2]

    def leaks(self) -> list[tuple[int, int]]:
        """Pairs of the same or nearly the same picture in two parts of the split."""
        return [
            pair for pair in self._pairs() if len({self.items[index].split for index in pair} - {""}) == 2
        ]

    def _pairs(self) -> list[tuple[int, int]]:
        pairs = {(first, other) for first, *others in self.copies for other in others}
        return sorted(pairs | {(pair.first, pair.second) for pair in self.near})

    def to_json(self) -> dict[str, Any]:
        """The figures, and paths for the findings."""

        def paths(indices: Sequence[int]) -> list[str]:
            return [str(self.items[index].path) for index in indices]

        sizes = self.sizes
        return {
            "pictures": len(self.items),
            "characters": dict(self.characters),
            "series": [asdict(one) for one in self.series],
            "characters_by_pictures": {name: characters for name, characters, _ in self.by_count},
            "few": {"below": self.few, "characters": self.rare},
            "sources": dict(self.sources),
            "splits": dict(self.splits),
            "sizes": {"width": sizes.width, "height": sizes.height, "small": sizes.small} if sizes else None,
            "exact_copies": [paths(members) for members in self.copies],
            "near_duplicates": [
                {"pictures": paths((pair.first, pair.second)), "bits": pair.bits, "mirrored": pair.mirrored}
                for pair in self.near
            ],
            "contradictions": [paths(pair) for pair in self.contradictions()],
            "leaks": [paths(pair) for pair in self.leaks()],
            "similar_labels": [[pair.first, pair.second, pair.reason] for pair in self.alike],
            "unreadable": [str(error) for error in self.unreadable],
        }


def collect_stats(
    items: Sequence[FaceItem],
    *,
    few: int = FEW,
    look: bool = True,
    step: Callable[[], None] = lambda: None,
) -> DataStats:
    """Count, and with ``look`` read every picture for sizes and duplicates; ``step`` hears of each."""
    counts = Counter(item.label for item in items)
    sizes, copies, near, unreadable = None, [], [], []
    if look:
        prints, read, bad = take_prints([item.path for item in items], step)
        unreadable = [error for _, error in bad]
        if len(prints):
            sizes = _sizes(prints)
            copies = [[read[index] for index in members] for members in exact_copies(prints)]
            near = _without_copies(near_pairs(prints), prints, read)
    return DataStats(
        items=items,
        characters=tuple(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))),
        sources=Counter(item.source for item in items),
        splits=Counter(item.split for item in items),
        few=few,
        sizes=sizes,
        copies=copies,
        near=near,
        alike=_alike(counts, {item.label: item.series for item in items}),
        unreadable=unreadable,
    )


def _alike(labels: Iterable[str], series: Mapping[str, str]) -> list[SimilarLabels]:
    """Those that may be one character: people of two series are two."""
    return [
        pair
        for pair in similar_labels(labels)
        if series[pair.first] == series[pair.second] or not (series[pair.first] and series[pair.second])
    ]


def _sizes(prints: Fingerprints) -> PictureSizes:
    def spread(values: np.ndarray[Any, np.dtype[np.int64]]) -> tuple[int, int, int]:
        return int(values.min()), int(np.median(values)), int(values.max())

    small = int((prints.sizes.min(axis=1) < SMALL).sum())
    return PictureSizes(spread(prints.sizes[:, 0]), spread(prints.sizes[:, 1]), small)


def _without_copies(pairs: Sequence[NearPair], prints: Fingerprints, read: Sequence[int]) -> list[NearPair]:
    return [
        NearPair(read[pair.first], read[pair.second], pair.bits, pair.mirrored)
        for pair in pairs
        if prints.digests[pair.first] != prints.digests[pair.second]
    ]


def describe(stats: DataStats, *, max_examples: int = 20) -> list[str]:
    """The statistics in words and a table; of findings at most ``max_examples`` examples each."""
    few, total = stats.few, len(stats.items)
    lines = _series_lines(stats) if len(stats.characters) > MANY else _character_lines(stats)
    lines += ["", f"{total:,} pictures of {len(stats.characters):,} characters"]
    if stats.rare:
        lines.append(f"{len(stats.rare):,} characters have fewer than {few} pictures")
    for name, counted in (("sources", stats.sources), ("split", stats.splits)):
        if len(counted) > 1:
            listed = ", ".join(f"{key or 'undecided'} {count:,}" for key, count in counted.most_common())
            lines.append(f"{name}: {listed}")
    if stats.sizes:
        (low, middle, high), (shortest, median, tallest) = stats.sizes.width, stats.sizes.height
        lines.append(
            f"sizes: {low}-{high} px wide (median {middle}), {shortest}-{tallest} px high (median {median}); "
            f"{stats.sizes.small:,} with a side below {SMALL} px"
        )
    return lines + _findings(stats, max_examples)


def _character_lines(stats: DataStats) -> list[str]:
    width = max([len(label) for label, _ in stats.characters] + [9])
    longest = max((count for _, count in stats.characters), default=1)
    lines = [f"{'character':{width}}  pictures"]
    for label, count in stats.characters:
        mark = f"  < {stats.few}" if count < stats.few else ""
        lines.append(
            f"{label:{width}}  {count:>8,}  {'#' * max(1, round(30 * count / longest)):30}{mark}".rstrip()
        )
    return lines


def _series_lines(stats: DataStats) -> list[str]:
    """Of many characters: each series, and how many characters have how many pictures."""
    names = {one.series: one.series or "series not given" for one in stats.series}
    width = max(map(len, names.values()))
    lines = [f"{'series':{width}}  characters  pictures  of each"]
    for one in stats.series:
        spread = str(one.fewest) if one.fewest == one.most else f"{one.fewest}-{one.most}"
        lines.append(f"{names[one.series]:{width}}  {one.characters:>10,}  {one.pictures:>8,}  {spread:>7}")
    lines += ["", f"{'pictures of one':{width}}  characters  pictures"]
    lines += [f"{name:{width}}  {count:>10,}  {total:>8,}" for name, count, total in stats.by_count]
    return [*lines, "", "(--json lists each character)"]


def _findings(stats: DataStats, max_examples: int) -> list[str]:
    def name(index: int) -> str:
        return str(stats.items[index].path)

    def labelled(index: int) -> str:
        return f"{name(index)} ({stats.items[index].label})"

    def placed(index: int) -> str:
        return f"{name(index)} ({stats.items[index].split})"

    findings = [
        ("exact copies (same file content)", [", ".join(map(name, members)) for members in stats.copies]),
        (
            "near-duplicates",
            [
                f"{name(pair.first)}, {name(pair.second)}{' (mirrored)' if pair.mirrored else ''}"
                for pair in stats.near
            ],
        ),
        (
            "pictures under two labels: one is wrong",
            [", ".join(map(labelled, pair)) for pair in stats.contradictions()],
        ),
        (
            "copies on two sides of the split: split again with --mode grouped",
            [", ".join(map(placed, pair)) for pair in stats.leaks()],
        ),
        (
            "labels that may be one character: rename at import with --rename OLD=NEW",
            [f"{pair.first}, {pair.second}: {pair.reason}" for pair in stats.alike],
        ),
        ("pictures that cannot be read", [str(error) for error in stats.unreadable]),
    ]
    lines = []
    for title, found in findings:
        if found:
            lines += ["", f"{len(found):,} {title}", *(f"  {line}" for line in found[:max_examples])]
            lines += [f"  and {len(found) - max_examples:,} more (--json lists all)"] * (
                len(found) > max_examples
            )
    return lines
